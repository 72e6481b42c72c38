"""The process under proof: a terminal's taps on a real journal. Run by strace, killed, starved and lied to.

    python -m tests.crash.taps DIRECTORY TAPS alone|riding|recycling [MUTANT]

A tap is a durable INTENT and a durable PAID, every seventh an ABANDONED. `riding` adds between them what rides along
in a shift: refusals, the server's acknowledgement, an idle seal, and now and then a long record over several sectors.
Three long records, mostly zeros, come first, so that segments of 16 KiB (the smallest there are) turn over in a short
run too. `recycling` begins with seven, and gives the oldest segment back to the pool before its last tap. Half-way the
journal is closed and opened again. Each line of the standard output is a promise; a fault that ends the terminal's
service ends the process with status 3, as the product would.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from onecard.journal import BootInfo, Journal, JournalError
from onecard.journal.disk import OsDisk
from onecard.kinds import ClockQuality, DeclineReason, Outcome, Purpose
from onecard.records import Ack, Decline, Intent, OutcomeRecord, Seal, encode_record
from tests.crash.mutants import WRITERS

KEY = bytes(range(32))
TERMINAL = 4711
LONG = 200
SEGMENT_SIZE = 16_384
OUT_OF_SERVICE = 3
AT = 1_900_000_000


def main(directory: Path, taps: int, shift: str, mutant: str) -> None:
    """Runs the taps. Raises `JournalError` when the disk does not let it."""
    disk = WRITERS[mutant]() if mutant else OsDisk()
    riding = shift == "riding"
    seeds = random.Random(1)
    segments = 4 + taps * (1_200 if riding else 250) // SEGMENT_SIZE
    Journal.create(
        directory,
        terminal=TERMINAL,
        chain_key=KEY,
        salt=seeds.randbytes,
        segment_size=SEGMENT_SIZE,
        segments=segments,
    )
    say("created")
    journal = _open(directory, disk, seeds)
    long = 3200 if riding else 4096
    for number in range(7 if shift == "recycling" else 3):
        _append(journal, LONG, bytes([number + 1]).ljust(long, b"\0"), durable=True)
    for tap in range(taps):
        if tap == taps // 2:
            journal.close()
            say("flushed", journal.next_sequence - 1)
            journal = _open(directory, disk, seeds)
        if shift == "recycling" and tap == taps - 1:
            _recycle(journal)
        _tap(journal, tap, riding)
        if tap % 5 == 4:
            journal.prepare()
    journal.close()
    say("flushed", journal.next_sequence - 1)


def _open(directory: Path, disk: OsDisk, seeds: random.Random) -> Journal:
    say("opening")
    boot = BootInfo(seeds.randbytes(8), AT, ClockQuality.KEPT, "crash 1")
    journal = Journal.open(directory, chain_key=KEY, boot=boot, random=seeds.randbytes, disk=disk)
    say("opened", journal.epoch, journal.next_sequence - 1)
    return journal


def _recycle(journal: Journal) -> None:
    end = journal.care.oldest_end
    assert end is not None
    say("releasing", end + 1)
    assert journal.care.release(end, journal.entry(end).tag, below=end + 1, is_old=lambda _: True)
    assert journal.care.recycle()


def _tap(journal: Journal, tap: int, riding: bool) -> None:
    if riding:
        _ride(journal, tap)
    sequence = _append(journal, *encode_record(intent(tap)), durable=True)
    if riding and tap % 3 == 1:
        _append(journal, *encode_record(Ack(AT + tap, tap, sequence, sequence - 1, bytes(8), 0, 0)), durable=False)
    outcome = Outcome.ABANDONED if tap % 7 == 6 else Outcome.PAID
    _append(journal, *encode_record(OutcomeRecord(sequence, outcome, AT + tap)), durable=True)
    if riding and tap % 4 == 3:
        _append(journal, *encode_record(Seal(AT + tap)), durable=False)
        journal.flush()
        say("flushed", journal.next_sequence - 1)


def _ride(journal: Journal, tap: int) -> None:
    refused = Decline(
        at=AT + tap,
        clock=ClockQuality.KEPT,
        shift=1,
        business_day=20_000,
        operator=7,
        reason=next(iter(DeclineReason)),
        uid=bytes([tap % 256] * 4),
        card_number=tap,
        purse=1,
        amount=4_500,
        ring=bytes(range(48)),
    )
    for _ in range(1 + tap % 2):
        _append(journal, *encode_record(refused), durable=False)
    if tap % 3 == 0:
        _append(journal, LONG, bytes([tap % 255 + 1]) * 1400, durable=False)


def intent(tap: int) -> Intent:
    """The intent of the tap with that number, each of another card."""
    return Intent(
        at=AT + tap,
        clock=ClockQuality.KEPT,
        shift=1,
        business_day=20_000,
        operator=7,
        uid=tap.to_bytes(4, "big"),
        card_number=1_000_000 + tap,
        purse=1,
        purpose=Purpose.SALE,
        amount=4_500,
        counter=tap + 1,
        debited=4_500 * (tap + 1),
        base_slot=tap % 3,
        ring=random.Random(tap).randbytes(48),
        copy=0,
        load_sequence=1,
        loaded=100_000,
        pays=0,
        list_price=5_000,
        tier=1,
        film_class=2,
        time_slot=3,
        tickets=1,
        tariff_version=9,
    )


def _append(journal: Journal, kind: int, payload: bytes, *, durable: bool) -> int:
    say("begin", int(kind), payload.hex())
    name = journal.append(kind, payload, durable=durable)
    say("done", name.sequence, name.epoch, int(durable))
    return name.sequence


def say(*words: object) -> None:
    """A line on the standard output: a promise, in order with the calls."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], "".join(sys.argv[4:]))
    except JournalError as error:
        print(error, file=sys.stderr)
        sys.exit(OUT_OF_SERVICE)
