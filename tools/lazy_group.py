"""Commands that are imported only when they are called, so that a machine may have the packages of some of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click

from onecard.errors import OnecardError


class NotInstalled(OnecardError):
    """A command whose packages are not on this machine."""

    def __init__(self, name: str, package: str | None, extras: str) -> None:
        self.name = name
        self.package = package
        super().__init__(
            f"`{name}` needs the package {package}, which is not installed here: pip install 'onecard[{extras}]'"
        )


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is, and the extras of the distribution it needs, if any."""

    module: str
    attribute: str = "command"
    extras: str = ""


class LazyGroup(click.Group):
    """A group with members of its own and members that are still to be imported."""

    path = ""
    """What is typed before the names of its commands."""
    lazy: Mapping[str, Lazy] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self.lazy.get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        try:
            command = getattr(importlib.import_module(lazy.module), lazy.attribute)
        except ModuleNotFoundError as error:
            if not lazy.extras:
                raise
            return _absent(cmd_name, NotInstalled(f"{self.path} {cmd_name}", error.name, lazy.extras), lazy.extras)
        assert isinstance(command, click.Command)
        return command


def _absent(name: str, why: NotInstalled, extras: str) -> click.Command:
    """Stands in the list of commands for one that cannot run here, and says why when it is called."""

    def refuse() -> None:
        raise why

    return click.Command(
        name,
        callback=refuse,
        help=f"(not installed here: onecard[{extras}])",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
