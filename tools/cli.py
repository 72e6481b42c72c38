"""The `onecard` command: what technicians, developers and the demo run.

Each subcommand lives in the module named here and is imported only when called, so that a terminal without the
server's packages still has its own commands.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from onecard.errors import OnecardError
from tools.lazy_group import Lazy, LazyGroup

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "card": "tools.card",
        "collect": "tools.courier.collect",
        "courier": "tools.courier.screen",
        "daemon": "tools.daemon",
        "deliver": "tools.courier.deliver",
        "demo": "tools.demo",
        "desk": "tools.desk",
        "fleet": "tools.fleet",
        "journal": "tools.journal",
        "keys": "tools.keys",
        "reader": "tools.reader",
        "server": "tools.server",
        "terminal": "tools.terminal",
    }
)
"""Command name to the module whose attribute `command` is its click command."""

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "collect": "laptop",
        "courier": "laptop",
        "daemon": "terminal",
        "deliver": "laptop",
        "demo": "terminal,server",
        "desk": "terminal",
        "fleet": "terminal",
        "server": "server",
        "terminal": "terminal",
    }
)
"""Command name to the extras of the distribution it needs; the others need none."""


class _Commands(LazyGroup):
    path = "onecard"
    lazy = MappingProxyType({name: Lazy(module, extras=EXTRAS.get(name, "")) for name, module in COMMANDS.items()})


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
