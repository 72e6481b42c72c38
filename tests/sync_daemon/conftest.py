"""A terminal's data directory, and a centre that answers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync_daemon.keys import TERMINAL_SIGN, ed25519_public, write_authority
from tests.sync_daemon.peer import Line, Peer
from tests.sync_daemon.till import Till


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """ca.pem and server.pem."""
    return write_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def line(authority: tuple[Path, Path]) -> Iterator[Line]:
    """The centre, up."""
    line = Line(Peer(ed25519_public(TERMINAL_SIGN)), authority[1])
    yield line
    line.down()


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    """An enrolled terminal with an open journal."""
    till = Till(tmp_path / "till")
    yield till
    till.close()
