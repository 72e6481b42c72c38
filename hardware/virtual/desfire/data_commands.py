"""Commands on the data in files, and the transaction that brings them into force.

Standard files are written at once. Backup, value and record files are staged (`State.staged`) and come into force
together at CommitTransaction; until then they read as before.
"""

from __future__ import annotations

from dataclasses import replace

from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.command import Answer, Plan, plan
from hardware.virtual.desfire.contents import DataFile, File, FileKind, RecordFile, Right, ValueFile
from hardware.virtual.desfire.refusal import Refused, need
from hardware.virtual.desfire.security import Mode
from hardware.virtual.desfire.state import Staged, State


def read_data(state: State, clear: bytes) -> Plan:
    """Number, offset 3, length 3; length 0 reads to the end."""
    number, offset, size = _place(clear)
    file = _data_file(state, number)
    mode = state.mode(file, Right.READ, Right.READ_WRITE)
    end = offset + size if size else len(file.data)
    need(offset < end <= len(file.data), Status.BOUNDARY_ERROR)
    return plan(state, clear, mode, 0, lambda _: Answer(file.data[offset:end], mode))


def write_data(state: State, clear: bytes) -> Plan:
    """Number, offset 3, length 3, then the data."""
    number, offset, size = _place(clear)
    file = _data_file(state, number)
    mode = state.mode(file, Right.WRITE, Right.READ_WRITE)
    need(size > 0, Status.PARAMETER_ERROR)
    need(offset + size <= len(file.data), Status.BOUNDARY_ERROR)

    def run(data: bytes) -> Answer:
        put_data(state, number, offset, data)
        return Answer(mode=answer_mode(mode))

    return plan(state, clear, mode, size, run)


def put_data(state: State, number: int, offset: int, data: bytes) -> None:
    """Write into a standard file at once, into a backup file at the next commit."""
    if state.file(number).head.kind is FileKind.STANDARD:
        state.memory.write_data(state.aid, number, offset, data)
        return
    staged = _staged(state, number)
    file = staged.file
    assert isinstance(file, DataFile)
    new = file.data[:offset] + data + file.data[offset + len(data) :]
    state.staged[number] = replace(staged, file=replace(file, data=new))


def get_value(state: State, clear: bytes) -> Plan:
    """Number. Whoever may debit may look, and everybody if the file says so."""
    file = _value_file(state, clear[0])
    try:
        mode = state.mode(file, Right.READ, Right.WRITE, Right.READ_WRITE)
    except Refused:
        if not file.free_get_value:
            raise
        mode = CommMode.PLAIN
    return plan(state, clear, mode, 0, lambda _: Answer(file.value.to_bytes(4, "little", signed=True), mode))


def credit(state: State, clear: bytes) -> Plan:
    return _change_value(state, clear, +1, (Right.READ_WRITE,))


def debit(state: State, clear: bytes) -> Plan:
    return _change_value(state, clear, -1, (Right.READ, Right.WRITE, Right.READ_WRITE))


def limited_credit(state: State, clear: bytes) -> Plan:
    """Give back at most what the last debits took, where the file allows that."""
    file = _value_file(state, clear[0])
    need(file.limited_credit, Status.PERMISSION_DENIED)
    return _change_value(state, clear, +1, (Right.WRITE, Right.READ_WRITE), limited=True)


def write_record(state: State, clear: bytes) -> Plan:
    """Number, offset in the record 3, length 3, then the data; one new record a transaction."""
    number, offset, size = _place(clear)
    file = _record_file(state, number)
    mode = state.mode(file, Right.WRITE, Right.READ_WRITE)
    need(size > 0, Status.PARAMETER_ERROR)
    need(offset + size <= file.record_size, Status.BOUNDARY_ERROR)
    staged = _staged(state, number)
    need(not staged.cleared, Status.PERMISSION_DENIED)
    full = file.head.kind is FileKind.LINEAR and len(file.records) >= file.most
    need(not full or staged.record_begun, Status.BOUNDARY_ERROR)

    def run(data: bytes) -> Answer:
        put_record(state, number, offset, data)
        return Answer(mode=answer_mode(mode))

    return plan(state, clear, mode, size, run)


def put_record(state: State, number: int, offset: int, data: bytes) -> None:
    """Write into the record this transaction is making, beginning it with zeros."""
    staged = _staged(state, number)
    file = staged.file
    assert isinstance(file, RecordFile)
    records, new = file.records, bytes(file.record_size)
    if staged.record_begun:
        records, new = records[:-1], records[-1]
    new = new[:offset] + data + new[offset + len(data) :]
    kept = (*records, new)[-file.most :]
    state.staged[number] = replace(staged, file=replace(file, records=kept), record_begun=True)


def read_records(state: State, clear: bytes) -> Plan:
    """Number, which 3 (0 is the newest), how many 3 (0 all older ones too); answered oldest first."""
    number, newest, count = _place(clear)
    file = _record_file(state, number)
    mode = state.mode(file, Right.READ, Right.READ_WRITE)
    held = len(file.records)
    oldest = newest + count if count else held
    need(newest < oldest <= held, Status.BOUNDARY_ERROR)
    data = b"".join(file.records[held - oldest : held - newest])
    return plan(state, clear, mode, 0, lambda _: Answer(data, mode))


def clear_record_file(state: State, clear: bytes) -> Plan:
    """Number. No record can be written before the commit."""
    file = _record_file(state, clear[0])
    state.mode(file, Right.READ_WRITE)

    def run(_: bytes) -> Answer:
        state.staged[clear[0]] = Staged(replace(file, records=()), cleared=True)
        return Answer()

    return plan(state, clear, None, 0, run)


def commit_transaction(state: State, _: bytes) -> Answer:
    """Everything staged comes into force, in one write."""
    need(bool(state.staged), Status.NO_CHANGES)
    files = {**state.application.files, **{number: _committed(staged) for number, staged in state.staged.items()}}
    state.memory.write(state.contents.with_files(state.aid, files))
    state.staged.clear()
    return Answer()


def abort_transaction(state: State, _: bytes) -> Answer:
    need(bool(state.staged), Status.NO_CHANGES)
    state.staged.clear()
    return Answer()


def answer_mode(mode: Mode) -> Mode:
    """How the empty answer to a command that carried data in `mode` travels."""
    return CommMode.PLAIN if mode is CommMode.PLAIN else CommMode.MACED


def _change_value(state: State, clear: bytes, sign: int, rights: tuple[Right, ...], limited: bool = False) -> Plan:
    """Then an amount of 4 bytes, little-endian, not negative."""
    number = clear[0]
    mode = state.mode(_value_file(state, number), *rights)

    def run(data: bytes) -> Answer:
        staged = _staged(state, number)
        file = staged.file
        assert isinstance(file, ValueFile)
        amount = int.from_bytes(data, "little", signed=True)
        need(amount >= 0, Status.PARAMETER_ERROR)
        value = file.value + sign * amount
        need(file.lower <= value <= file.upper, Status.BOUNDARY_ERROR)
        need(not limited or (amount <= file.debited and not staged.limited_credit_used), Status.BOUNDARY_ERROR)
        state.staged[number] = replace(
            staged,
            file=replace(file, value=value),
            debits=staged.debits + (amount if sign < 0 else 0),
            limited_credit_used=staged.limited_credit_used or limited,
        )
        return Answer(mode=answer_mode(mode))

    return plan(state, clear, mode, 4, run)


def _committed(staged: Staged) -> File:
    """A debit sets what LimitedCredit may give back, LimitedCredit uses it up."""
    file = staged.file
    if isinstance(file, ValueFile) and (staged.debits or staged.limited_credit_used):
        return replace(file, debited=min(staged.debits, 2**31 - 1))
    return file


def _staged(state: State, number: int) -> Staged:
    return state.staged.get(number) or Staged(state.file(number))


def _place(clear: bytes) -> tuple[int, int, int]:
    return clear[0], int.from_bytes(clear[1:4], "little"), int.from_bytes(clear[4:7], "little")


def _data_file(state: State, number: int) -> DataFile:
    file = state.file(number)
    if not isinstance(file, DataFile):
        raise Refused(Status.PERMISSION_DENIED)
    return file


def _value_file(state: State, number: int) -> ValueFile:
    file = state.file(number)
    if not isinstance(file, ValueFile):
        raise Refused(Status.PERMISSION_DENIED)
    return file


def _record_file(state: State, number: int) -> RecordFile:
    file = state.file(number)
    if not isinstance(file, RecordFile):
        raise Refused(Status.PERMISSION_DENIED)
    return file
