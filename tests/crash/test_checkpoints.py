"""A power cut at any call of a terminal that writes checkpoints: the next start knows all that the journal tells.

Demanded of every crash state: no checkpoint that is found is refused; each tells of a record that the journal has; the
books of a start are those of every record up to the last one found, though the first segment may be gone; the next
checkpoint is kept, and the start after it knows the same.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from firmware import checkpoint
from firmware.books import Books
from firmware.checkpoint import checkpoint_key
from firmware.one_journal import Proof, refuse_older_copy
from firmware.purse_memory import PurseMemory
from firmware.recall import recall
from onecard.errors import OnecardError
from onecard.identity import RecordName, TerminalNumber
from onecard.journal import BootInfo, Entry, Journal, JournalReader, NoJournal
from onecard.kinds import ClockQuality
from onecard.records import Boot, encode_record
from tests.crash import trace
from tests.crash.calls import Call
from tests.crash.checkpoints import DAYS, KEYS, MUTANTS, shelf_in
from tests.crash.medium import Coverage, Effort, Files, Medium, crash_points
from tests.crash.memory_disk import DIRECTORY, MemoryDisk
from tests.crash.promises import Promise, history, promises
from tests.crash.taps import AT, KEY, TERMINAL
from tests.crash.verdict import Lost

_NO_TAG = bytes(8)
_QUICK = Effort(1, tears=0)
_FIRST = "checkpoints/"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where states are laid out: in memory, because each is flushed."""
    with TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def _run(folder: Path, mutant: str = "") -> trace.Run:
    root = folder / "root"
    root.mkdir()
    run = trace.record(root, ["-m", "tests.crash.checkpoints", str(root), *mutant.split()], trace=folder / "trace")
    assert run.status == 0, run.errors
    return run


def _told(books: Books) -> bytes:
    return checkpoint.encode(books, _NO_TAG, checkpoint_key(KEY))


def _books_of(calls: list[Call]) -> Callable[[int, int], bytes]:
    """What is to be known after the first n records of the run and m starts after them."""
    records = history(calls)

    @cache
    def known(count: int, starts: int) -> bytes:
        books = Books(PurseMemory(TERMINAL, KEYS))
        boot = encode_record(Boot(1, bytes(8), AT, ClockQuality.KEPT, "", 0, 0, 0, 0))
        written = [(kind, payload) if payload is not None else boot for _, kind, payload in records.values()]
        books.replay(
            Entry(RecordName(TerminalNumber(TERMINAL), 1, sequence), *record, _NO_TAG)
            for sequence, record in enumerate([*written[:count], *[boot] * starts], start=1)
        )
        return _told(books)

    return known


def _prove(calls: list[Call], folder: Path, effort: Effort, *, seed: int = 1, since: str) -> tuple[int, int, int]:
    """How many states were judged, in how many of them the journal's beginning was gone, or a checkpoint was half
    replaced: its file beside it, or three of them. Judged from the first call that makes a name beginning with `since`.

    Raises `Lost`.
    """
    known, told = _books_of(calls), promises(calls)
    seen: set[int] = set()
    recycled = half_way = 0
    medium, before = Medium(), _first_on(calls, since)
    for call in calls[:before]:
        medium.apply(call)
    for more, files in crash_points(medium, calls[before:], effort, random.Random(seed), Coverage()):
        made = before + more
        key = hash(frozenset(files.items() - {("journal/DURABLE", files.get("journal/DURABLE"))}))
        if key in seen:  # of the mark's versions one: `test_taps` judges them all
            continue
        seen.add(key)
        checkpoints = [name for name in files if name.startswith("checkpoints/")]
        half_way += len(checkpoints) > 2 or any(".new" in name for name in checkpoints)
        try:
            recycled += _judge(files, told[made], known, folder / "checkpoints") > 1
        except (OnecardError, AssertionError) as error:
            raise Lost(f"before call {made} of {len(calls)}: {error!r}") from error
    return len(seen), recycled, half_way


def _first_on(calls: list[Call], name: str) -> int:
    return next(
        number
        for number, call in enumerate(calls)
        if (isinstance(call, trace.Create) and call.name.startswith(name))
        or (isinstance(call, trace.Rename) and call.target.startswith(name))
    )


def _judge(files: Files, promise: Promise, known: Callable[[int, int], bytes], folder: Path) -> int:
    """The journal's first record, 0 without a journal. Raises `Lost`, `OnecardError`."""
    _lay_out(files, folder)
    disk = MemoryDisk({n.removeprefix("journal/"): c for n, c in files.items() if n.startswith("journal/")})
    found = _start(disk, folder, known, promise, starts=1)
    if found:
        _start(disk, folder, known, promise, starts=2)
    return found


def _lay_out(files: Files, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for name, content in files.items():
        if name.startswith("checkpoints/"):
            (folder / name.removeprefix("checkpoints/")).write_bytes(content)


def _start(disk: MemoryDisk, folder: Path, known: Callable[[int, int], bytes], promise: Promise, *, starts: int) -> int:
    """A start as `firmware.boot` makes it, and a checkpoint; gives the journal's first record."""
    shelf = shelf_in(folder)
    newest = list(shelf.newest())
    try:
        reader = JournalReader(DIRECTORY, KEY, disk=disk)
    except NoJournal:
        if promise.made:
            raise
        return 0
    refuse_older_copy(reader, DIRECTORY, [Proof(place, "a checkpoint tells of") for place, _ in newest])
    boot = BootInfo(bytes(8), AT, ClockQuality.KEPT, "after")
    with Journal.open(DIRECTORY, chain_key=KEY, boot=boot, random=random.Random(7).randbytes, disk=disk) as journal:
        recalled = recall(journal, shelf, newest, KEYS)
        if recalled is None:
            raise Lost(f"the journal begins at {journal.first_sequence} and no checkpoint tells of what was before")
        books, lost = recalled
        if shelf.refused or lost:
            raise Lost(f"a power cut was taken for damage: {shelf.refused} {lost}")
        if _told(books) != known(journal.next_sequence - 1 - starts, starts):
            raise Lost(f"the books of {journal.next_sequence - 1} records are others than those of the whole journal")
        if journal.next_sequence - 1 - starts < promise.durable:
            raise Lost(f"record {promise.durable} was promised")
        shelf.put(books, journal.head[1])
        return journal.first_sequence


def test_no_power_cut_while_a_checkpoint_is_replaced_costs_a_start_what_it_knew(tmp_path: Path, folder: Path) -> None:
    run = _run(tmp_path)
    gone = [call for call in run.calls if isinstance(call, trace.Unlink)]
    assert len(gone) == DAYS - 2, "two checkpoints stay"
    states, recycled, half_way = _prove(run.calls, folder, _QUICK, since=_FIRST)
    print(f"{states} states, {recycled} without the journal's beginning, {half_way} with a checkpoint half replaced")
    assert recycled > 100
    assert half_way > 100


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_no_power_cut_or_torn_sector_while_a_checkpoint_is_replaced_costs_a_start_what_it_knew(
    tmp_path: Path, folder: Path
) -> None:
    seed = int(os.environ.get("ONECARD_CRASH_SEED") or secrets.randbits(32))
    print(f"checkpoints, seed {seed}")
    told = _prove(_run(tmp_path).calls, folder, Effort(16, tears=100), seed=seed, since=_FIRST)
    print(f"checkpoints, seed {seed}: {told[0]} states, {told[1]} without the beginning, {told[2]} half replaced")


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_checkpoint_written_without_one_of_its_rules_is_caught(tmp_path: Path, folder: Path, mutant: str) -> None:
    run = _run(tmp_path, mutant)
    with pytest.raises(Lost) as caught:
        _prove(run.calls, folder, _QUICK, since="journal/retired-")
    print(f"{mutant}: {caught.value}")
