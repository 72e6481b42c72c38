"""What a recorded disk may hold after a power cut, on disks of a few sectors."""

from __future__ import annotations

from tools.blockdisk.log import SECTOR, Event, FailedFlush, Flush, Mark, Write, decode_events, encode_event
from tools.blockdisk.states import EXHAUSTIVE, crash_states, epochs_of, marks_of, pass_over


def sector(content: int, number: int = 0, count: int = 1) -> Write:
    """`count` sectors full of one byte."""
    return Write(number * SECTOR, bytes([content]) * SECTOR * count)


def contents(events: list[Event], sectors: int) -> set[tuple[bytes, int]]:
    """Every state as the first byte of each sector, with how much had been said by then."""
    image = bytes(sectors * SECTOR)
    epochs = epochs_of(events)
    found = set()
    for state in crash_states(image, epochs, seed=1):
        disk = bytearray(image)
        for epoch in epochs[: state.epoch]:
            pass_over(disk, epoch)
        for number, content in state.changes.items():
            disk[number * SECTOR : (number + 1) * SECTOR] = content
        found.add((bytes(disk[::SECTOR]), epochs[state.epoch].marks))
    return found


def test_what_was_not_flushed_is_there_or_not_sector_by_sector() -> None:
    assert contents([sector(1, count=2)], 2) == {(b"\0\0", 0), (b"\1\0", 0), (b"\0\1", 0), (b"\1\1", 0)}


def test_a_sector_written_twice_may_hold_either_version() -> None:
    assert contents([sector(1), sector(2)], 1) == {(b"\0", 0), (b"\1", 0), (b"\2", 0)}


def test_what_was_flushed_is_there() -> None:
    assert contents([sector(1), Flush(), sector(2, 1)], 2) == {(b"\0\0", 0), (b"\1\0", 0), (b"\1\2", 0)}


def test_a_state_is_held_to_all_that_was_promised_while_it_could_be_left() -> None:
    events: list[Event] = [sector(1), Flush(), Mark("kept"), sector(2, 1), Mark("under way")]
    assert contents(events, 2) == {(b"\0\0", 0), (b"\1\0", 2), (b"\1\2", 2)}
    assert marks_of(events) == ["kept", "under way"]


def test_a_failed_flush_takes_its_writes_with_it() -> None:
    assert contents([sector(1), FailedFlush(), Mark("told"), sector(2)], 1) == {(b"\1", 0), (b"\0", 1), (b"\2", 1)}


def test_too_many_sectors_are_sampled_and_said_to_be() -> None:
    states = crash_states(bytes(20 * SECTOR), epochs_of([sector(1, count=EXHAUSTIVE + 1)]), seed=1)
    assert not any(state.exhaustive for state in states)
    assert {len(state.changes) for state in states} >= {0, 1, EXHAUSTIVE + 1}
    whole = crash_states(bytes(20 * SECTOR), epochs_of([sector(1, count=EXHAUSTIVE)]), seed=1)
    assert len(whole) == 2**EXHAUSTIVE
    assert all(state.exhaustive for state in whole)


def test_the_log_reads_back_as_written() -> None:
    events: list[Event] = [sector(3, 5), Flush(), FailedFlush(), Mark("done 1\n")]
    assert list(decode_events(b"".join(map(encode_event, events)))) == events
