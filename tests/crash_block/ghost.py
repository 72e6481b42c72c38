"""A process that dies of a failed flush, and the next one on the same page cache.

    python -m tests.crash_block.ghost DIRECTORY [keeps-cache]

The page cache then shows a record that the medium does not have (Rebello et al., USENIX ATC 2020). Whoever believes it
builds on a hole. `keeps-cache` is the mutant: recovery that does not drop the cache. What is said is what
tests/crash/taps.py says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from onecard.journal import BootInfo, Journal
from onecard.journal.disk import OsDisk
from onecard.kinds import ClockQuality
from tests.crash.taps import KEY, LONG, SEGMENT_SIZE, TERMINAL

_DEAD = 9
_GHOST = b"ghost" * 800  # beyond the end of its page, so that the next record does not write all of it again
_GHOST_SEQUENCE = 4  # after BOOT and two records that hold


class DiesOfError(OsDisk):
    """The process ends when a flush fails: nothing carries its records over."""

    def fdatasync(self, descriptor: int) -> None:
        try:
            super().fdatasync(descriptor)
        except OSError:
            os._exit(_DEAD)


class KeepsCache(OsDisk):
    """Recovery reads what the page cache shows."""

    def drop_cache(self, descriptor: int) -> None:
        pass


def main(directory: Path, mutant: str) -> None:
    """Makes the journal, has the first process die, lives on as the second."""
    Journal.create(directory, terminal=TERMINAL, chain_key=KEY, salt=os.urandom, segment_size=SEGMENT_SIZE, segments=4)
    _say("created")
    died = subprocess.run([sys.executable, "-m", __spec__.name, str(directory), "first"], check=False)
    assert died.returncode == _DEAD, died
    journal = _journal(directory, KeepsCache() if mutant == "keeps-cache" else OsDisk())
    if journal.recovery.last_sequence == _GHOST_SEQUENCE:
        _say("begin", LONG, _GHOST.hex())
    _say_opened(journal)
    for number in range(3):
        _append(journal, bytes([number]) * 40)
    journal.close()


def first(directory: Path) -> None:
    """Two records that hold, one whose flush fails."""
    journal = _journal(directory, DiesOfError())
    _say_opened(journal)
    for number in range(2):
        _append(journal, bytes([number]) * 40)
    command = directory.parent.parent / "fuse" / "command"
    command.write_text("fail flushes 0 1", encoding="ascii")
    journal.append(LONG, _GHOST, durable=True)
    raise AssertionError("the flush did not fail")


def _journal(directory: Path, disk: OsDisk) -> Journal:
    info = BootInfo(os.urandom(8), 1_900_000_000, ClockQuality.KEPT, "ghost 1")
    return Journal.open(directory, chain_key=KEY, boot=info, random=os.urandom, disk=disk)


def _say_opened(journal: Journal) -> None:
    _say("opening")
    _say("opened", journal.epoch, journal.next_sequence - 1)


def _append(journal: Journal, payload: bytes) -> None:
    _say("begin", LONG, payload.hex())
    name = journal.append(LONG, payload, durable=True)
    _say("done", name.sequence, name.epoch, 1)


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if sys.argv[2:] == ["first"]:
        first(target)
    else:
        main(target, "".join(sys.argv[2:]))
