"""Putting something in the place of a name of the product while a simulation runs; afterwards it is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def swapped(owner: object, name: str, value: object) -> Iterator[None]:
    """Within it, `owner` (a module or a class) has `value` under `name`."""
    found = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, found)
