"""Is a crash state survived? It is opened by the product's own recovery, appended to, read and opened again.

Demanded of every state: recovery opens it; every promised record is there, in order, once, under its name; nothing is
there that was not handed over; the durable mark claims nothing that is not there, and a reader beside the terminal
reads exactly what it claims; the next record follows and reads back; the next opening finds the same and cuts nothing.
A crash of that recovery and first append, at any of its calls, is judged the same way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from onecard.errors import OnecardError
from onecard.journal import BootInfo, Entry, Journal, JournalReader, NoJournal
from onecard.journal.mark import decode_mark
from onecard.kinds import ClockQuality
from onecard.records import RecordKind
from tests.crash.calls import Call, Say
from tests.crash.medium import Coverage, Effort, Files, Medium, crash_points
from tests.crash.memory_disk import DIRECTORY, MemoryDisk
from tests.crash.promises import Promise, Written, history, promises
from tests.crash.taps import KEY

_WINDOW = 24
_WHOLE_EVERY = 50
_ADDED = b"after the cut"
_KIND = 201


class Lost(AssertionError):
    """A state that breaks a promise."""


@dataclass(frozen=True, slots=True)
class Search:
    """How far to look. `nested`: every how many-th state has its recovery crashed too (0: none)."""

    seed: int
    effort: Effort
    nested: int
    nested_effort: Effort


@dataclass(slots=True)
class Tally:
    """What was looked at."""

    states: int = 0  # distinct (files, promise)
    nested: int = 0
    torn: int = 0  # states in which recovery had a tail to cut
    coverage: Coverage = field(default_factory=Coverage)
    nested_coverage: Coverage = field(default_factory=Coverage)

    def __str__(self) -> str:
        c = self.coverage
        return (
            f"{self.states} states ({self.torn} with a torn tail) + {self.nested} of a cut recovery; points: "
            f"{c.exhaustive} exhaustive, {c.thinned} but for old versions, {c.sampled} sampled"
        )


def prove(calls: list[Call], search: Search, directory: str = "journal") -> Tally:
    """Judges every crash state of a run. Raises `Lost` with the call, the seed and the reason."""
    tally = Tally()
    rng = random.Random(search.seed)
    records, told = history(calls), promises(calls)
    seen: set[int] = set()
    for made, files in crash_points(Medium(), calls, search.effort, rng, tally.coverage):
        inside = {name.removeprefix(directory + "/"): content for name, content in files.items()}
        key = hash((frozenset(inside.items()), told[made]))
        if key in seen:
            continue
        seen.add(key)
        tally.states += 1
        nested = search.nested > 0 and tally.states % search.nested == 0
        try:
            after = judge(inside, told[made], records, whole=tally.states % _WHOLE_EVERY == 0)
            if after is not None:
                tally.torn += after.torn
                if nested:
                    _nested(inside, after, told[made], records, search, tally)
        except (OnecardError, Lost, AssertionError, KeyError) as error:
            raise Lost(f"before call {made} of {len(calls)} (seed {search.seed}): {error!r}") from error
    return tally


@dataclass(frozen=True, slots=True)
class Survived:
    """A state that was survived: the calls of its recovery and first append, and what they promised."""

    calls: list[Call]
    records: dict[int, Written]
    torn: bool


def judge(files: Files, promise: Promise, records: dict[int, Written], *, whole: bool = True) -> Survived | None:
    """None when there is no journal yet, and none was promised. Raises `Lost`, `OnecardError`."""
    disk = MemoryDisk(files)
    first = 1 if whole else max(1, promise.durable - _WINDOW)
    claimed = _claimed(files, disk, max(first, promise.kept_from))
    try:
        journal = _open(disk)
    except NoJournal:
        if promise.made:
            raise
        return None
    with journal:
        found = journal.recovery.last_sequence
        if journal.recovery.missing:
            raise Lost(f"a power cut was taken for damage: {journal.recovery.missing}")
        if found < promise.durable:
            raise Lost(f"record {promise.durable} was promised, the last found is {found}")
        if found > promise.written:
            raise Lost(f"record {found} was found, the last handed over is {promise.written}")
        if claimed and claimed[-1].name.sequence > found:
            raise Lost(f"the mark claimed {claimed[-1].name.sequence}, the last found is {found}")
        if journal.first_sequence > promise.kept_from:
            raise Lost(f"records from {promise.kept_from} on were promised, the first is {journal.first_sequence}")
        first = max(first, journal.first_sequence)
        disk.calls.append(Say(("opened", str(journal.epoch), str(found + 1))))
        added = journal.append(_KIND, _ADDED, durable=True)
        disk.calls.append(Say(("done", str(added.sequence), str(added.epoch), "1")))
        calls = list(disk.calls)
        entries = list(journal.entries(first))
        one = journal.entry(added.sequence)
    if [e.name.sequence for e in entries] != list(range(first, found + 3)):
        raise Lost(f"the numbers are not {first} … {found + 2}")
    for entry in entries[:-2]:
        _same(entry, records[entry.name.sequence])
    if not set(claimed) <= set(entries):
        raise Lost("a record shown to a reader before is another now")
    boot, last = entries[-2:]
    if (boot.kind, last.payload, last) != (RecordKind.BOOT, _ADDED, one) or boot.name.epoch != last.name.epoch:
        raise Lost("what was appended after the cut does not read back")
    if found and boot.name.epoch <= entries[-3].name.epoch:
        raise Lost("a start did not open a new epoch")
    with _open(disk) as again:
        if (again.recovery.last_sequence, again.recovery.torn_bytes) != (found + 2, 0):
            raise Lost(f"the next opening found {again.recovery}")
        if whole and list(again.entries(first))[:-1] != entries:
            raise Lost("the next opening reads other records")
    own = {number: written for number, written in records.items() if number <= found}
    own[found + 1] = Written(boot.name.epoch, RecordKind.BOOT, None)
    own[found + 2] = Written(last.name.epoch, _KIND, _ADDED)
    return Survived(calls, own, journal.recovery.torn_bytes > 0)


def _nested(
    files: Files, after: Survived, promise: Promise, records: dict[int, Written], search: Search, tally: Tally
) -> None:
    """Crashes the recovery and first append that `after` made of `files`."""
    seen: set[int] = set()
    durable, told = promise.durable, []
    for call in after.calls:
        told.append(durable)
        match call:
            case Say(("opened", _, sequence) | ("done", sequence, _, "1")):
                durable = int(sequence)
            case _:
                pass
    told.append(durable)
    last = max(after.records)
    rng = random.Random(search.seed)
    for made, state in crash_points(Medium(files), after.calls, search.nested_effort, rng, tally.nested_coverage):
        key = hash((frozenset(state.items()), told[made]))
        if key not in seen:
            seen.add(key)
            tally.nested += 1
            judge(state, Promise(promise.made, told[made], last, promise.kept_from), after.records, whole=False)


def refuses_decay(files: Files, records: dict[int, Written]) -> None:
    """Decay is not a crash: of every record that something vouches for, a changed byte is told as damage.

    `files` are those of a journal closed in peace. Raises `Lost` when an opening goes on as if nothing were missing.
    """
    segments = sorted(name for name in files if name.startswith("seg-"))
    newest, last = segments[-1], max(records)
    content = files[newest]
    ends = _ends(content)
    for with_mark in (True, False):
        for start in ends[: len(ends) - 1 if with_mark else len(ends) - 2]:
            bad = bytearray(content)
            bad[start + 9] ^= 0x40
            state = files | {newest: bytes(bad)} | ({} if with_mark else {"DURABLE": b""})
            try:
                with _open(MemoryDisk(state)) as journal:
                    found = journal.recovery.last_sequence
                    if journal.recovery.missing:
                        continue
            except OnecardError:
                continue
            raise Lost(f"a byte of a durable record changed, and the journal went on from {found} of {last}")


def believes_no_ghost(files: Files, ghosts: Files, promise: Promise, records: dict[int, Written]) -> None:
    """A process died of a failed sync: the page cache shows `ghosts`, the medium holds `files`.

    Opened, appended to, then the power fails. Raises `Lost`.
    """
    disk = MemoryDisk(files, ghosts)
    with _open(disk) as journal:
        found = journal.recovery.last_sequence
        added = journal.append(_KIND, _ADDED, durable=True)
        epoch = journal.epoch
    own = {number: written for number, written in records.items() if number <= found}
    own[found + 1] = Written(epoch, RecordKind.BOOT, None)
    own[found + 2] = Written(epoch, _KIND, _ADDED)
    judge(disk.after_a_cut(), Promise(promise.made, added.sequence, added.sequence, promise.kept_from), own)


def _claimed(files: Files, disk: MemoryDisk, first: int) -> list[Entry]:
    """What a reader beside the terminal is shown before any recovery."""
    mark = decode_mark(files.get("DURABLE", b""))
    if mark is None or mark.name.sequence == 0:
        return []
    entries = list(JournalReader(DIRECTORY, KEY, disk=disk).entries(first))
    if mark.name.sequence >= first and (not entries or entries[-1].name.sequence != mark.name.sequence):
        raise Lost(f"the mark claims {mark.name.sequence}, a reader is shown up to {entries[-1:]}")
    return entries


def _open(disk: MemoryDisk, directory: Path = DIRECTORY) -> Journal:
    boot = BootInfo(bytes(8), 2_000_000_000, ClockQuality.KEPT, "after")
    fixed: Callable[[int], bytes] = random.Random(77).randbytes
    return Journal.open(directory, chain_key=KEY, boot=boot, random=fixed, disk=disk)


def _same(entry: Entry, written: Written) -> None:
    if (entry.name.epoch, entry.kind) != written[:2] or written.payload not in (None, entry.payload):
        raise Lost(f"record {entry.name.sequence} is not the one that was written")


def _ends(content: bytes) -> list[int]:
    """Where the frames of a segment begin, and the end of the last."""
    at, ends = 64, [64]
    while content[at + 6]:
        at += 24 + int.from_bytes(content[at + 4 : at + 6], "big")
        ends.append(at)
    return ends
