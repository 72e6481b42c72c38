"""What the daemon holds of a packed table: an unbroken chain of chunks from what the firmware keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from onecard.downlink import Header, Table
from onecard.inbox_names import chunk_name, version_name
from sync_daemon.inbox import Inbox
from tests.sync_daemon.keys import TERMINAL, terminal_identity
from tests.sync_daemon.till import table as envelope_of

_NONE = {Table.HOTLIST: 0, Table.STATE: 0}


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return _inbox(tmp_path)


def _inbox(data: Path) -> Inbox:
    identity = terminal_identity()
    return Inbox(data, identity.keys, identity.number)


def _keep(inbox: Inbox, *steps: tuple[int, int], table: Table = Table.STATE) -> None:
    for base, version in steps:
        inbox.keep(Header(TERMINAL, table, base, version, 0, 0), envelope_of(table, base, version))


def _firmware_keeps(data: Path, version: int, table: str = "state") -> Path:
    file = data / "packed" / table / version_name(version)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"what the firmware keeps is not read here")
    return file


def _chunks(data: Path) -> list[str]:
    return sorted(file.name for file in (data / "inbox/state").iterdir())


def test_nothing_is_held_at_first(inbox: Inbox) -> None:
    assert inbox.packed_versions() == (_NONE, [])


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ([(0, 5)], 5),
        ([(0, 5), (5, 7), (7, 8)], 8),
        ([(0, 5), (6, 7)], 5),
        ([(5, 7)], 0),
        ([(0, 5), (6, 7), (7, 8)], 5),
        ([(3, 4), (0, 9), (9, 12)], 12),
        ([(0, 5), (6, 7), (0, 8)], 8),
    ],
)
def test_what_an_unbroken_chain_reaches_is_held(
    steps: list[tuple[int, int]], held: int, inbox: Inbox, tmp_path: Path
) -> None:
    _keep(inbox, *steps)
    assert inbox.packed_versions()[0] == {Table.HOTLIST: 0, Table.STATE: held}
    standing, _ = _inbox(tmp_path).standing()
    assert standing.versions.get(Table.STATE, 0) == held


def test_a_chunk_that_does_not_follow_is_told_once(inbox: Inbox) -> None:
    _keep(inbox, (0, 5), (6, 7))
    _, faults = inbox.packed_versions()
    assert [fault.rpartition("/")[2] for fault in faults] == [
        f"{version_name(7)} is of no use: it changes version 6, and 5 is held"
    ]
    assert inbox.packed_versions()[1] == []


def test_chunks_up_to_what_the_firmware_keeps_are_removed(inbox: Inbox, tmp_path: Path) -> None:
    """So the disk holds one table and the changes since, however long the terminal runs."""
    _keep(inbox, (0, 5), (5, 7), (7, 8))
    _firmware_keeps(tmp_path, 7)
    assert inbox.packed_versions() == ({Table.HOTLIST: 0, Table.STATE: 8}, [])
    assert _chunks(tmp_path) == [version_name(8)]
    _firmware_keeps(tmp_path, 8)
    assert inbox.packed_versions()[0][Table.STATE] == 8
    assert _chunks(tmp_path) == []


def test_a_kept_table_that_the_firmware_found_damaged_lowers_what_is_held(inbox: Inbox, tmp_path: Path) -> None:
    """Else the server would send what follows a table that nobody has."""
    file = _firmware_keeps(tmp_path, 7)
    _keep(inbox, (7, 8))
    assert inbox.packed_versions()[0][Table.STATE] == 8
    file.rename(file.with_name("damaged"))
    assert inbox.packed_versions()[0][Table.STATE] == 0


def test_a_chunk_that_is_gone_lowers_what_is_held(inbox: Inbox, tmp_path: Path) -> None:
    _keep(inbox, (0, 5), (5, 7), (7, 8))
    assert inbox.packed_versions()[0][Table.STATE] == 8
    (tmp_path / "inbox" / chunk_name(Table.STATE, 7)).unlink()
    assert inbox.packed_versions()[0][Table.STATE] == 5


def test_a_spoilt_chunk_is_told_and_lowers_what_is_held(inbox: Inbox, tmp_path: Path) -> None:
    _keep(inbox, (0, 5), (5, 7))
    assert inbox.packed_versions()[0][Table.STATE] == 7
    (tmp_path / "inbox" / chunk_name(Table.STATE, 7)).write_bytes(b"half a fi")
    versions, faults = inbox.packed_versions()
    assert versions[Table.STATE] == 5
    assert ["is set aside" in fault for fault in faults] == [True]


def test_tables_are_apart(inbox: Inbox, tmp_path: Path) -> None:
    _firmware_keeps(tmp_path, 3, "hotlist")
    _keep(inbox, (3, 4), table=Table.HOTLIST)
    _keep(inbox, (0, 5))
    assert inbox.packed_versions()[0] == {Table.HOTLIST: 4, Table.STATE: 5}
