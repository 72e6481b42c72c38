"""Tables with every bit flipped and every byte cut: told, or harmless; never silently wrong.

With the durable mark in place every change below it is damage, and nothing is written. Without it the last operation
may be lost, as if torn, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onecard.journal import JournalDamage, UnsupportedVersion
from onecard.journal.mutable_change import Delete, Listed, Put
from onecard.journal.mutable_journal import MutableJournal
from tests.crash.memory_disk import DIRECTORY, MemoryDisk

KEY = bytes(range(32))
SIZE = 16_384
HEADER = 64
MARK = "DURABLE"
MARK_SIZE = 36

Content = dict[str, tuple[dict[int, bytes], int]]
Flip = tuple[str, int, int]


@dataclass
class Whole:
    """A closed directory of tables: its files; its content after each operation; the bytes where those end."""

    generation: str
    files: dict[str, bytes]
    states: list[Content]
    ends: list[int]

    @property
    def right(self) -> Content:
        return self.states[-1]

    @property
    def end(self) -> int:
        return self.ends[-1]

    def disk(self, **changed: bytes) -> MemoryDisk:
        """Every file as it was, but for `generation` or `mark`."""
        names = {"generation": self.generation, "mark": MARK}
        return MemoryDisk(self.files | {names[which]: raw for which, raw in changed.items()})

    def flipped(self, flip: Flip, **changed: bytes) -> MemoryDisk:
        """As `disk`, with one bit of one file turned."""
        name, at, bit = flip
        disk = self.disk(**changed)
        raw = bytearray(disk.files[name])
        raw[at] ^= 1 << bit
        disk.files[name] = bytes(raw)
        return disk


def reopen(disk: MemoryDisk) -> MutableJournal:
    return MutableJournal.open(DIRECTORY, chain_key=KEY, random=lambda size: b"s" * size, disk=disk)


def read(disk: MemoryDisk) -> Content:
    with reopen(disk) as journal:
        return content(journal)


def content(journal: MutableJournal) -> Content:
    state = journal.state
    return {name: (dict(state.documents(name)), state.next_number(name)) for name in state.names()}


@pytest.fixture(params=["first generation", "with a snapshot"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Whole:
    directory = tmp_path / "tables"
    salts = iter(range(1, 99))

    def salt(size: int) -> bytes:
        return bytes([next(salts)]) * size

    MutableJournal.create(directory, terminal=4711, chain_key=KEY, random=salt, size=SIZE)
    with MutableJournal.open(directory, chain_key=KEY, random=salt) as journal:
        journal.commit([Listed("config", 1), *(Put("config", n, b'{"a":%d}' % n) for n in range(1, 5))])
        if request.param == "with a snapshot":
            journal.compact()
        states, ends = [content(journal)], [journal._active.end]
        for changes in (
            [Put("config", 1, b'{"a":"' + b"x" * 60 + b'"}')],
            [Delete("config", 2), Put("config", 9, b"{}")],
        ):
            journal.commit(changes)
            states.append(content(journal))
            ends.append(journal._active.end)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    return Whole(max(name for name in files if name.startswith("seg-")), files, states, ends)


def check_flips(whole: Whole, flips: Iterable[Flip]) -> None:
    """Each flip alone, with the mark in place: in the generation and below its end it is told, elsewhere harmless."""
    for flip in flips:
        name, at, _ = flip
        disk = whole.flipped(flip)
        before = dict(disk.files)
        if name == whole.generation and at < whole.end:
            with pytest.raises((JournalDamage, UnsupportedVersion)):
                read(disk)
            assert disk.files == before, "nothing is changed"
        else:
            assert read(disk) == whole.right, flip


def check_flips_without_mark(whole: Whole, flips: Iterable[Flip]) -> None:
    """Each flip alone: told, harmless, or only the last operation is not there."""
    for flip in flips:
        name, at, _ = flip
        disk = whole.flipped(flip, mark=b"")
        if name == whole.generation and at < whole.ends[-2]:
            with pytest.raises((JournalDamage, UnsupportedVersion)):
                read(disk)
        else:
            torn = name == whole.generation and at < whole.end
            assert read(disk) == (whole.states[-2] if torn else whole.right), flip


def _bits(name: str, size: int, *turns: int) -> Iterator[Flip]:
    """Of each of the first `size` bytes the bits `at + turn` modulo 8."""
    return ((name, at, (at + turn) % 8) for at in range(size) for turn in turns)


def test_no_flipped_bit_is_silently_wrong(whole: Whole) -> None:
    """Every bit of header and mark, two of each other byte of the generation and 40 zeros behind it, old headers."""
    check_flips(whole, _bits(whole.generation, HEADER, *range(8)))
    check_flips(whole, _bits(MARK, MARK_SIZE, *range(8)))
    check_flips(whole, _bits(whole.generation, whole.end + 40, 0, 3))
    check_flips(whole, _bits(min(name for name in whole.files if name.startswith("pool-")), HEADER, 0, 3))


def test_without_the_mark_no_flipped_bit_costs_more_than_the_last_operation(whole: Whole) -> None:
    check_flips_without_mark(whole, _bits(whole.generation, whole.end + 40, 1))


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("check", [check_flips, check_flips_without_mark])
def test_no_flipped_bit_of_a_whole_generation_is_silently_wrong(
    whole: Whole, check: Callable[[Whole, Iterable[Flip]], None], bit: int
) -> None:
    check(whole, _bits(whole.generation, SIZE, bit))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_no_flipped_bit_of_a_spare_file_is_looked_at(whole: Whole) -> None:
    for name, raw in whole.files.items():
        if name.startswith("pool-"):
            check_flips(whole, _bits(name, len(raw), 0))


def test_a_cut_at_any_byte_below_the_mark_is_damage_and_left_alone(whole: Whole) -> None:
    for cut in range(whole.end):
        disk = whole.disk(generation=whole.files[whole.generation][:cut])
        before = dict(disk.files)
        with pytest.raises(JournalDamage):
            reopen(disk)
        assert disk.files == before


def test_a_cut_at_any_byte_that_nobody_vouches_for_leaves_whole_operations(whole: Whole) -> None:
    for cut in range(whole.ends[0], whole.end + 1):
        disk = whole.disk(generation=whole.files[whole.generation][:cut], mark=b"")
        assert read(disk) == whole.states[sum(end <= cut for end in whole.ends) - 1], cut
        with reopen(disk) as journal:
            journal.commit([Put("config", 3, b'{"after":1}')])
        assert read(disk)["config"][0][3] == b'{"after":1}'


def test_a_cut_behind_the_last_operation_costs_nothing(whole: Whole) -> None:
    for cut in range(whole.end, SIZE, 97):
        assert read(whole.disk(generation=whole.files[whole.generation][:cut])) == whole.right


def test_a_mark_cut_at_any_byte_claims_nothing(whole: Whole) -> None:
    for cut in range(MARK_SIZE):
        assert read(whole.disk(mark=whole.files[MARK][:cut])) == whole.right
