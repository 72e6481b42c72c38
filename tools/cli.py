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


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


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
