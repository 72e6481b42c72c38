"""The systemd units: believed by systemd-analyze, exposed to little, and true to the programs they start."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sync_daemon.uplink import CONNECT_SECONDS, READ_SECONDS

_UNITS = Path(__file__).parents[2] / "tools" / "units"
_SERVICES = sorted(_UNITS.glob("*.service"))
_INSTALLED = "/opt/onecard/bin/onecard"
_MOST_EXPOSED = 20
"""`systemd-analyze security`: the exposure level at most, times ten; 2.0 is "OK", an unhardened service has 9.6."""


def _analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is missing: make setup installs systemd"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def _settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def here(tmp_path: Path) -> list[Path]:
    """The units with this environment's `onecard` in the place of the installed one."""
    onecard = Path(sys.executable).parent / "onecard"
    for unit in _SERVICES:
        (tmp_path / unit.name).write_text(unit.read_text().replace(_INSTALLED, str(onecard)))
    return sorted(tmp_path.glob("*.service"))


def test_the_four_processes_have_their_unit() -> None:
    assert [unit.stem for unit in _SERVICES] == ["onecard-daemon", "onecard-desk", "onecard-server", "onecard-terminal"]


def test_systemd_has_nothing_to_say_against_a_unit(here: list[Path]) -> None:
    verified = _analyze("verify", *here)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_wrong_setting_would_be_found(here: list[Path]) -> None:
    here[0].write_text(here[0].read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "WatchdogSecs" in _analyze("verify", here[0]).stderr


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.stem)
def test_a_service_is_exposed_to_little(unit: Path) -> None:
    judged = _analyze("security", "--offline=true", f"--threshold={_MOST_EXPOSED}", unit)
    assert judged.returncode == 0, judged.stdout


def test_a_service_without_its_sandbox_would_be_found(tmp_path: Path) -> None:
    bare = tmp_path / "onecard-daemon.service"
    kept = [line for line in _SERVICES[0].read_text().splitlines() if not re.match("Protect|Private|System|Cap", line)]
    bare.write_text("\n".join(kept))
    assert _analyze("security", "--offline=true", f"--threshold={_MOST_EXPOSED}", bare).returncode != 0


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.stem)
def test_a_service_that_hangs_is_started_again(unit: Path) -> None:
    settings = _settings(unit)
    assert settings["Type"] == ["notify"]
    assert settings["NotifyAccess"] == ["main"]
    assert int(settings["WatchdogSec"][0]) > 0
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"], "it never gives up: nobody is there to start it by hand"


@pytest.mark.parametrize("name", ["onecard-daemon", "onecard-desk"])
def test_a_slow_line_is_not_taken_for_a_hang(name: str) -> None:
    allowed = int(_settings(_UNITS / f"{name}.service")["WatchdogSec"][0])
    assert allowed >= 2 * (CONNECT_SECONDS + READ_SECONDS)


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.stem)
def test_no_service_runs_as_root(unit: Path) -> None:
    made = re.findall(r"^u (\S+)", (_UNITS / "onecard.sysusers.conf").read_text(), re.MULTILINE)
    assert _settings(unit)["User"][0] in made


def test_the_daemon_can_write_no_journal_and_read_no_card_key() -> None:
    daemon, terminal = (_settings(_UNITS / f"onecard-{name}.service") for name in ("daemon", "terminal"))
    assert daemon["ReadWritePaths"] == ["/var/lib/onecard/inbox /var/lib/onecard/outbox -/media/onecard"]
    assert daemon["User"] != terminal["User"]
    owned = dict(re.findall(r"^z /var/lib/onecard/(\S+) (\S+ \S+ \S+)", _tmpfiles(), re.MULTILINE))
    assert owned["card.keys"] == owned["seal.key"] == "0600 onecard-terminal onecard"
    assert owned["sign.key"] == "0640 onecard-terminal onecard"


def test_the_terminal_reaches_no_network() -> None:
    settings = _settings(_UNITS / "onecard-terminal.service")
    assert settings["PrivateNetwork"] == ["yes"]
    assert settings["RestrictAddressFamilies"] == ["AF_UNIX"]


@pytest.mark.parametrize("unit", _SERVICES, ids=lambda unit: unit.stem)
def test_a_service_starts_a_command_that_there_is(unit: Path) -> None:
    _, *words = _settings(unit)["ExecStart"][0].split()
    command = [word for word in words[:2] if not word.startswith("-")]
    onecard = [sys.executable, "-m", "tools.cli"]
    told = subprocess.run([*onecard, *command, "--help"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in told.stdout


def _tmpfiles() -> str:
    return (_UNITS / "onecard.tmpfiles.conf").read_text()
