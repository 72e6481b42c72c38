"""The `onecard` command on a machine that has only some of the packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.cli import COMMANDS, EXTRAS

_NEEDY = {"django": "server", "urllib3": "daemon", "nfc": "terminal"}
"""A package of each extra, and a command that cannot do without it."""


def _onecard_without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`onecard` in a Python of its own, where `package` is not to be had."""
    program = "import sys; sys.modules[sys.argv.pop(1)] = None; from tools.cli import main; main()"
    command = [sys.executable, "-c", program, package, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("package", sorted(_NEEDY))
def test_the_list_of_commands_does_not_need_what_is_missing(package: str) -> None:
    shown = _onecard_without(package, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(f"\n  {name} " in shown.stdout for name in COMMANDS)
    assert "not installed here" in shown.stdout


@pytest.mark.parametrize("rest", [(), ("run", "--data", "x"), ("--help",)])
@pytest.mark.parametrize("package", sorted(_NEEDY))
def test_a_command_without_its_packages_names_the_cure(package: str, rest: tuple[str, ...]) -> None:
    name = _NEEDY[package]
    called = _onecard_without(package, name, *rest)
    assert called.returncode == 1
    assert called.stderr.startswith(f"onecard: `onecard {name}` needs the package {package}")
    assert f"onecard[{EXTRAS[name]}]" in called.stderr


def test_extras_are_named_for_commands_that_exist() -> None:
    assert EXTRAS.keys() <= COMMANDS.keys()


def test_virtual_cards_need_no_package_of_the_terminal() -> None:
    assert _onecard_without("nfc", "card", "--help").returncode == 0
    assert _onecard_without("nfc", "card", "show", "--help").returncode == 0
    called = _onecard_without("nfc", "card", "verify", "--data", "x", "--device", "y")
    assert called.returncode == 1
    assert called.stderr.startswith("onecard: `onecard card verify` needs the package nfc")
    assert "onecard[terminal]" in called.stderr
