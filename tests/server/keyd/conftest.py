"""A key store, and a key process that really listens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from onecard.identity import DayNumber, card_number
from onecard.kinds import CardKind, PurseUnit
from onecard.purse.certificate import Certificate, Flags
from server.keyd import store
from server.keyd.client import KeyProcess
from server.keyd.issued import IssuedLog
from server.keyd.process import KeyServer
from server.keyd.store import ISSUED_LOG
from server.keyd.work import KeyWork

Serving = Callable[[int], AbstractContextManager[Path]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A fresh key store."""
    store.create(tmp_path / "keys", os.urandom)
    return tmp_path / "keys"


@pytest.fixture
def serving(directory: Path) -> Serving:
    """Serve the store to one user id; gives the socket."""

    @contextmanager
    def serve(allowed_uid: int) -> Iterator[Path]:
        path = directory.parent / "keyd.socket"
        log = IssuedLog(directory / ISSUED_LOG)
        with KeyServer(path, KeyWork(store.load(directory), log, lambda: 1_700_000_000).answer, allowed_uid) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield path
            server.shutdown()
            thread.join()
        log.close()

    return serve


@pytest.fixture
def keyd(serving: Serving) -> Iterator[KeyProcess]:
    """The client of a running key process."""
    with serving(os.geteuid()) as path:
        yield KeyProcess(path)


@pytest.fixture
def statement() -> Certificate:
    """A first certificate: 100 yuan on card 1."""
    return Certificate(
        purse=0,
        key_id=0,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NONE,
        tier=2,
        load_sequence=1,
        loaded=100_00,
        floor_counter=0,
        floor_debited=0,
        expiry=DayNumber(9999),
        uid=bytes.fromhex("0a1b2c3d"),
        card_number=card_number(1),
    )
