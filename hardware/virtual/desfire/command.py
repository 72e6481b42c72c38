"""The shapes of a command in the table: what is checked before it runs, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from hardware.virtual.desfire.security import Mode
from hardware.virtual.desfire.state import State


@dataclass(frozen=True, slots=True)
class Answer:
    """Data of a good answer and how it travels. frames: sizes of the first, where they are not as large as can be."""

    data: bytes = b""
    mode: Mode = None
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Simple:
    """A command of clear parameters only. `sizes`: how many bytes of them; bare: no session protects it."""

    sizes: Container[int]
    run: Callable[[State, bytes], Answer]
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows a command's clear parameters: `wire_size` bytes. run takes the whole command, code first."""

    wire_size: int
    run: Callable[[bytes], Answer]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A command whose `clear` parameter bytes decide how the rest travels. chains: it may come in several frames."""

    clear: int
    plan: Callable[[State, bytes], Plan]
    chains: bool = False


Command = Simple | Guarded


def plan(state: State, clear: bytes, mode: Mode, size: int, run: Callable[[bytes], Answer]) -> Plan:
    """`size` bytes of data in `mode` follow; `run` takes them once they are open."""
    session = state.session
    return Plan(
        session.wire_size(size, mode),
        lambda command: run(session.opened(command, 1 + len(clear), size, mode)),
    )
