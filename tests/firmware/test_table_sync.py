"""P-R22: in step with the server's tables, by what the journal says and nothing else."""

from __future__ import annotations

from firmware.table_sync import TableSync
from onecard.downlink import Table
from onecard.records import Ack, Applied, Record, Seal
from tests.firmware.records import AT


def _ack(hotlist: int, state: int) -> Ack:
    return Ack(AT, 1, 3, 0, b"", hotlist, state)


def _applied(table: Table, version: int) -> Applied:
    return Applied(AT, table, version)


def _steps(*records: Record) -> list[bool]:
    sync = TableSync()
    return [sync.note(record) for record in records]


def test_an_acknowledgement_of_a_newer_state_table_is_no_table_sync_until_that_is_in_force() -> None:
    state, ack = Table.STATE, _ack(0, 7)
    assert _steps(_applied(state, 6), ack, _applied(state, 6), _applied(state, 7)) == [False, False, False, True]


def test_an_acknowledgement_of_what_is_in_force_is_a_table_sync() -> None:
    assert _steps(_applied(Table.STATE, 8), _applied(Table.HOTLIST, 2), _ack(2, 7)) == [False, False, True]


def test_both_tables_are_awaited() -> None:
    records = _ack(3, 7), _applied(Table.STATE, 9), _applied(Table.HOTLIST, 2), _applied(Table.HOTLIST, 3)
    assert _steps(*records) == [False, False, False, True]


def test_a_table_in_force_is_no_sync_by_itself_nor_a_second_time() -> None:
    state = Table.STATE
    assert _steps(_applied(state, 7), _ack(0, 7), _applied(state, 8), Seal(AT)) == [False, True, False, False]


def test_prices_and_certificates_are_not_awaited() -> None:
    assert _steps(_ack(0, 7), _applied(Table.TARIFF, 9), _applied(Table.CERTIFICATES, 9)) == [False, False, False]


def test_a_table_that_was_lost_is_awaited_anew() -> None:
    state = Table.STATE
    assert _steps(_applied(state, 7), _applied(state, 0), _ack(0, 7), _applied(state, 7)) == [False, False, False, True]


def test_a_server_without_these_tables_syncs_by_each_acknowledgement() -> None:
    """As before there were any."""
    assert _steps(_ack(0, 0), _ack(0, 0)) == [True, True]
