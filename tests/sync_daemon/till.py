"""A terminal as the daemon sees it: a data directory with an identity and a journal that is really written.

Run as a program it writes records until it has written enough: `python till.py DATA COUNT`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from onecard.downlink import Header, Table, pack_downlink
from onecard.enrolment import encode_identity
from onecard.identity import RecordName
from onecard.journal import BootInfo, Journal, Room
from onecard.kinds import ClockQuality
from onecard.records import Seal, encode_record
from tests.sync_daemon.keys import (
    CHAIN_KEY,
    TERMINAL,
    TERMINAL_SEAL,
    TERMINAL_SIGN,
    server_sign,
    terminal_identity,
    x25519_public,
)

MADE_AT = 1_700_000_000
BOOT = BootInfo(bytes(8), MADE_AT, ClockQuality.KEPT, "test")


def make_data(data: Path) -> None:
    """An enrolled terminal without a journal."""
    data.mkdir()
    (data / "identity").write_bytes(encode_identity(terminal_identity().public()))
    (data / "sign.key").write_bytes(TERMINAL_SIGN)


class Till:
    """The firmware's part."""

    def __init__(self, data: Path, *, segment_size: int = 16_384, segments: int = 24) -> None:
        self.data = data
        self._closed = False
        if not data.exists():
            make_data(data)
            Journal.create(
                data / "journal",
                terminal=TERMINAL,
                chain_key=CHAIN_KEY,
                salt=os.urandom,
                segment_size=segment_size,
                segments=segments,
            )
        self._journal = Journal.open(data / "journal", chain_key=CHAIN_KEY, boot=BOOT, random=os.urandom)

    def write(self, count: int, *, durable: bool = True) -> RecordName:
        """Appends records, durable together at the last."""
        assert count > 0
        for left in reversed(range(count)):
            kind, payload = encode_record(Seal(MADE_AT + left))
            name = self._journal.append(kind, payload, durable=durable and not left)
        return name

    @property
    def names(self) -> list[RecordName]:
        """Of all records durable now."""
        return [e.name for e in self._journal.entries() if e.name.sequence <= self._journal.durable_sequence]

    @property
    def room(self) -> Room:
        """As its screen shows it."""
        return self._journal.room

    @property
    def durable(self) -> int:
        """Sequence of the last durable record."""
        return self._journal.durable_sequence

    def close(self) -> None:
        """Stops it in order; again is nothing."""
        if not self._closed:
            self._closed = True
            self._journal.close()


def table(table: Table, base: int, version: int, terminal: int = TERMINAL) -> bytes:
    """A downlink envelope."""
    header = Header(terminal, table, base, version, MADE_AT, 0)
    return pack_downlink(header, [b"body"], x25519_public(TERMINAL_SEAL), 1, server_sign)


def main() -> None:
    """Writes COUNT records one at a time, each durable."""
    till = Till(Path(sys.argv[1]), segment_size=65_536)
    print("writing", flush=True)
    for _ in range(int(sys.argv[2])):
        till.write(1)
        time.sleep(0.0005)
    till.close()


if __name__ == "__main__":
    main()
