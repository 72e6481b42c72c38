"""A small chain in one process, and cards that their holder copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hardware.virtual.process import VirtualReader
from tests.server.conftest import client, database, key_server
from tests.system.attack.centre import Centre
from tests.system.attack.plastic import Card
from tests.system.attack.till import DEFAULT_CAP, Till

__all__ = ["client", "database", "key_server"]
_READERS = 4
UID = bytes.fromhex("d610b626")


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[VirtualReader]]:
    """A virtual reader for each till of a test."""
    folder = tmp_path_factory.mktemp("readers")
    with ExitStack() as opened:
        yield [opened.enter_context(VirtualReader(folder / f"reader-{number}")) for number in range(_READERS)]


@pytest.fixture
def centre(client) -> Centre:
    return Centre(client)


@pytest.fixture
def open_till(centre: Centre, readers: list[VirtualReader], tmp_path: Path) -> Iterator[Callable[..., Till]]:
    """Opens one more till; it has the cap given."""
    with ExitStack() as opened:
        free = iter(enumerate(readers))

        def one(cap: int = DEFAULT_CAP) -> Till:
            number, reader = next(free)
            return opened.enter_context(closing(Till(centre, tmp_path / f"till-{number}", reader, cap)))

        yield one


@pytest.fixture
def card(centre: Centre, tmp_path: Path) -> Card:
    """A Classic with 100.00 yuan, paid for."""
    return centre.issue(tmp_path / "card", UID, 10_000)
