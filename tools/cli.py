"""The `onecard` command: what technicians, developers and the demo run.

Each subcommand lives in the module named here and is imported only when called, so that a terminal without the
server's packages still has its own commands.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from onecard.errors import OnecardError

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "card": "tools.card",
        "daemon": "tools.daemon",
        "demo": "tools.demo",
        "desk": "tools.desk",
        "journal": "tools.journal",
        "keys": "tools.keys",
        "reader": "tools.reader",
        "server": "tools.server",
        "terminal": "tools.terminal",
    }
)
"""Command name to the module whose attribute `command` is its click command."""

EXTRAS: Mapping[str, str] = MappingProxyType(
    {"daemon": "terminal", "demo": "terminal,server", "desk": "terminal", "server": "server", "terminal": "terminal"}
)
"""Command name to the extras of the distribution it needs; the others need none."""


class NotInstalled(OnecardError):
    """A command whose packages are not on this machine."""

    def __init__(self, name: str, package: str | None) -> None:
        self.name = name
        self.package = package
        super().__init__(
            f"`onecard {name}` needs the package {package}, which is not installed here: "
            f"pip install 'onecard[{EXTRAS[name]}]'"
        )


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command = importlib.import_module(COMMANDS[cmd_name]).command
        except ModuleNotFoundError as error:
            if cmd_name not in EXTRAS:
                raise
            return _absent(cmd_name, NotInstalled(cmd_name, error.name))
        assert isinstance(command, click.Command)
        return command


def _absent(name: str, why: NotInstalled) -> click.Command:
    """Stands in the list of commands for one that cannot run here, and says why when it is called."""

    def refuse() -> None:
        raise why

    return click.Command(
        name,
        callback=refuse,
        help=f"(not installed here: onecard[{EXTRAS[name]}])",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onecard")
def onecard() -> None:
    """OneCard 一卡通: stored-value cards for a cinema chain.

    Exit codes: 0 done; 1 the work failed, the message names the cure; 2 the command line was wrong.
    """


def main() -> None:
    """Entry point: a named failure of the world is one line on stderr and exit code 1, never a traceback."""
    try:
        onecard()
    except OnecardError as error:
        print(f"onecard: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
