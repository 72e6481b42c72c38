"""Commands about the files of the selected application: create, delete, list, settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.command import Answer, Plan, plan
from hardware.virtual.desfire.contents import (
    FREE,
    NEVER,
    DataFile,
    File,
    FileKind,
    Generation,
    Head,
    RecordFile,
    Right,
    ValueFile,
)
from hardware.virtual.desfire.picc_commands import FREE_CREATE, FREE_LIST
from hardware.virtual.desfire.refusal import Refused, need
from hardware.virtual.desfire.state import State

MAX_FILES: Final = 32
_COMMUNICATIONS = (0, 1, 2, 3)


def create_standard_file(state: State, parameters: bytes) -> Answer:
    return _create_data_file(state, FileKind.STANDARD, parameters)


def create_backup_file(state: State, parameters: bytes) -> Answer:
    return _create_data_file(state, FileKind.BACKUP, parameters)


def create_linear_file(state: State, parameters: bytes) -> Answer:
    return _create_record_file(state, FileKind.LINEAR, parameters)


def create_cyclic_file(state: State, parameters: bytes) -> Answer:
    return _create_record_file(state, FileKind.CYCLIC, parameters)


def create_value_file(state: State, parameters: bytes) -> Answer:
    """Number, communication, rights 2, lower 4, upper 4, value 4, options 1; numbers signed, little-endian."""
    head = _head(state, FileKind.VALUE, parameters[:4], iso_id=b"")
    lower, upper, value = (int.from_bytes(parameters[n : n + 4], "little", signed=True) for n in (4, 8, 12))
    need(lower <= value <= upper and parameters[16] <= 3, Status.PARAMETER_ERROR)
    return _create(state, parameters[0], ValueFile(head, lower, upper, value, parameters[16]))


def delete_file(state: State, parameters: bytes) -> Answer:
    state.file(parameters[0])
    state.need_master_unless(FREE_CREATE)
    files = {number: file for number, file in state.application.files.items() if number != parameters[0]}
    state.memory.write(state.contents.with_files(state.aid, files))
    state.staged.pop(parameters[0], None)
    return Answer()


def get_file_ids(state: State, _: bytes) -> Answer:
    files = state.application.files
    state.need_master_unless(FREE_LIST)
    return Answer(bytes(files))


def get_iso_file_ids(state: State, _: bytes) -> Answer:
    files = state.application.files
    state.need_master_unless(FREE_LIST)
    return Answer(b"".join(file.head.iso_id for file in files.values()), frames=(54,) if len(files) > 27 else ())


def get_file_settings(state: State, parameters: bytes) -> Answer:
    """Type, communication, rights 2, then: size 3 | lower 4, upper 4, limited credit 4, options | sizes and count 3.

    What LimitedCredit may still give back is told by an EV1 also where it is not enabled, by an EV2 as 0
    (libfreefare issue 120).
    """
    file = state.file(parameters[0])
    state.need_master_unless(FREE_LIST)
    head = file.head
    common = bytes((head.kind.value, head.communication)) + head.rights.to_bytes(2, "little")
    match file:
        case DataFile(data=data):
            return Answer(common + len(data).to_bytes(3, "little"))
        case ValueFile():
            told = file.debited if file.limited_credit or state.generation is Generation.EV1 else 0
            numbers = b"".join(number.to_bytes(4, "little", signed=True) for number in (file.lower, file.upper, told))
            return Answer(common + numbers + bytes((file.options,)))
        case RecordFile():
            counts = (file.record_size, file.capacity, len(file.records))
            return Answer(common + b"".join(count.to_bytes(3, "little") for count in counts))


def change_file_settings(state: State, clear: bytes) -> Plan:
    """Number, then communication and rights 2: enciphered unless everybody may change them."""
    number = clear[0]
    file = state.file(number)
    state.mode(file, Right.CHANGE)

    def run(data: bytes) -> Answer:
        rights = int.from_bytes(data[1:3], "little")
        _check(state, data[0], rights)
        head = replace(file.head, communication=data[0], rights=rights)
        files = {**state.application.files, number: replace(file, head=head)}
        if number in state.staged:
            staged = state.staged[number]
            state.staged[number] = replace(staged, file=replace(staged.file, head=head))
        state.memory.write(state.contents.with_files(state.aid, files))
        return Answer()

    return plan(state, clear, None if file.head.right(Right.CHANGE) == FREE else CommMode.FULL, 3, run)


def _create_data_file(state: State, kind: FileKind, parameters: bytes) -> Answer:
    """Number, [ISO id 2], communication, rights 2, size 3."""
    iso_id, rest = _split(parameters, 6)
    head = _head(state, kind, parameters[:1] + rest[:3], iso_id)
    size = int.from_bytes(rest[3:6], "little")
    need(size > 0, Status.PARAMETER_ERROR)
    state.need_room(size // 32)  # before so many zeros are made
    return _create(state, parameters[0], DataFile(head, bytes(size)))


def _create_record_file(state: State, kind: FileKind, parameters: bytes) -> Answer:
    """Number, [ISO id 2], communication, rights 2, record size 3, number of records 3."""
    iso_id, rest = _split(parameters, 9)
    head = _head(state, kind, parameters[:1] + rest[:3], iso_id)
    size, capacity = int.from_bytes(rest[3:6], "little"), int.from_bytes(rest[6:9], "little")
    need(size > 0 and capacity >= (2 if kind is FileKind.CYCLIC else 1), Status.PARAMETER_ERROR)
    return _create(state, parameters[0], RecordFile(head, size, capacity))


def _split(parameters: bytes, size: int) -> tuple[bytes, bytes]:
    """ISO id if there is one, and the last `size` bytes."""
    return parameters[1:-size], parameters[-size:]


def _head(state: State, kind: FileKind, fields: bytes, iso_id: bytes) -> Head:
    rights = int.from_bytes(fields[2:4], "little")
    _check(state, fields[1], rights)
    return Head(kind, fields[1], rights, iso_id)


def _check(state: State, communication: int, rights: int) -> None:
    if communication not in _COMMUNICATIONS:
        raise Refused(Status.PARAMETER_ERROR)
    holders = [rights >> right.value & 0xF for right in Right]
    known = len(state.application.keys)
    need(all(holder < known or holder in (FREE, NEVER) for holder in holders), Status.PARAMETER_ERROR)


def _create(state: State, number: int, file: File) -> Answer:
    application = state.application
    need(number < MAX_FILES, Status.PARAMETER_ERROR)
    state.need_master_unless(FREE_CREATE)
    need(number not in application.files, Status.DUPLICATE)
    iso_id = file.head.iso_id
    need(not iso_id or all(f.head.iso_id != iso_id for f in application.files.values()), Status.DUPLICATE)
    used = state.need_room(file.blocks)
    contents = state.contents.with_files(state.aid, {**application.files, number: file})
    state.memory.write(replace(contents, used=used))
    return Answer()
