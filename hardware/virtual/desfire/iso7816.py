"""ISO 7816-4 commands of a DESFire card: what NFC Forum Type 4 readers use, on files that are free.

SELECT (A4) of an application by DF name or ISO file id and of a file by ISO file id, READ BINARY (B0), UPDATE BINARY
(D6), READ RECORDS (B2), APPEND RECORD (E2). Only rights that everybody has are used; the ISO authentication commands
(82, 84, 88) are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.virtual.desfire.contents import FREE, PICC_AID, DataFile, File, RecordFile, Right
from hardware.virtual.desfire.data_commands import put_data, put_record
from hardware.virtual.desfire.refusal import Refused
from hardware.virtual.desfire.state import State

PICC_DF_NAME = bytes.fromhex("d2760000850100")
_MASTER_FILE = bytes.fromhex("3f00")
OK = bytes.fromhex("9000")
_WRONG_LENGTH, _NOT_ALLOWED, _SECURITY, _WRONG_DATA = 0x6700, 0x6986, 0x6982, 0x6A80
_NOT_FOUND, _NO_RECORD, _WRONG_P1P2, _WRONG_OFFSET, _NO_SUCH_CODE = 0x6A82, 0x6A83, 0x6A86, 0x6B00, 0x6D00
_SHORT_FILE_ID = 0x80


class _SwError(Exception):
    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True, slots=True)
class _Apdu:
    """`expected` Le, 256 for 00; None if absent."""

    code: int
    p1: int
    p2: int
    data: bytes
    expected: int | None


def answer(state: State, message: bytes) -> bytes:
    """Answer a message of class 00, at least 4 bytes. Raises CardTornError, ChipStalledError."""
    try:
        apdu = _parsed(message)
        run = _COMMANDS.get(apdu.code)
        if run is None:
            raise _SwError(_NO_SUCH_CODE)
        return run(state, apdu) + OK
    except _SwError as error:
        return error.sw.to_bytes(2, "big")


def _parsed(message: bytes) -> _Apdu:
    _, code, p1, p2, *body = message
    rest = bytes(body)
    if len(rest) <= 1:
        return _Apdu(code, p1, p2, b"", (rest[0] or 256) if rest else None)
    data, tail = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    if not rest[0] or len(data) != rest[0] or len(tail) > 1:
        raise _SwError(_WRONG_LENGTH)
    return _Apdu(code, p1, p2, data, (tail[0] or 256) if tail else None)


def _select(state: State, apdu: _Apdu) -> bytes:
    """P1 00: by file id; 01: an application by file id; 02: a file by file id; 04: an application by DF name."""
    if apdu.p2 not in (0x00, 0x0C):
        raise _SwError(_WRONG_P1P2)
    match apdu.p1:
        case 0x04:
            state.select(_by_name(state, apdu.data))
        case 0x00 | 0x01 | 0x02 if len(apdu.data) in (0, 2):
            _select_by_id(state, apdu.p1, apdu.data)
        case 0x00 | 0x01 | 0x02:
            raise _SwError(_WRONG_LENGTH)
        case _:
            raise _SwError(_WRONG_P1P2)
    return b""


def _select_by_id(state: State, p1: int, iso_id: bytes) -> None:
    wire = iso_id[::-1]
    if p1 != 0x02:
        if iso_id in (b"", _MASTER_FILE):
            state.select(PICC_AID)
            return
        for aid, application in state.contents.applications.items():
            if application.iso_id == wire:
                state.select(aid)
                return
    if p1 == 0x01 or state.at_picc_level:
        raise _SwError(_NOT_FOUND)
    for number, file in state.application.files.items():
        if file.head.iso_id and file.head.iso_id == wire:
            state.volatile.elementary_file = number
            return
    raise _SwError(_NOT_FOUND)


def _by_name(state: State, name: bytes) -> bytes:
    if name == PICC_DF_NAME:
        return PICC_AID
    for aid, application in state.contents.applications.items():
        if application.df_name and application.df_name == name:
            return aid
    raise _SwError(_NOT_FOUND)


def _read_binary(state: State, apdu: _Apdu) -> bytes:
    number, offset = _binary_place(apdu)
    file = _data_file(state, number)
    _need_free(file, Right.READ, Right.READ_WRITE)
    if offset >= len(file.data):
        raise _SwError(_WRONG_OFFSET)
    return file.data[offset : offset + (256 if apdu.expected is None else apdu.expected)]


def _update_binary(state: State, apdu: _Apdu) -> bytes:
    number, offset = _binary_place(apdu)
    file = _data_file(state, number)
    _need_free(file, Right.WRITE, Right.READ_WRITE)
    if not apdu.data:
        raise _SwError(_WRONG_LENGTH)
    if offset + len(apdu.data) > len(file.data):
        raise _SwError(_WRONG_OFFSET)
    put_data(state, _number(state, number), offset, apdu.data)
    return b""


def _read_records(state: State, apdu: _Apdu) -> bytes:
    """P1 record, 0 or 1 the newest; P2 bits 2 to 0: 4 that one, 5 from it to the oldest."""
    file = _record_file(state, apdu.p2 >> 3)
    _need_free(file, Right.READ, Right.READ_WRITE)
    newest = max(apdu.p1, 1) - 1
    if apdu.p2 & 7 not in (4, 5):
        raise _SwError(_WRONG_P1P2)
    if newest >= len(file.records):
        raise _SwError(_NO_RECORD)
    end = len(file.records) - newest
    records = file.records[end - 1 : end] if apdu.p2 & 7 == 4 else file.records[:end]
    return b"".join(records)[: 256 if apdu.expected is None else apdu.expected]


def _append_record(state: State, apdu: _Apdu) -> bytes:
    file = _record_file(state, apdu.p2 >> 3)
    _need_free(file, Right.WRITE, Right.READ_WRITE)
    if apdu.p1 or apdu.p2 & 7:
        raise _SwError(_WRONG_P1P2)
    if not 0 < len(apdu.data) <= file.record_size:
        raise _SwError(_WRONG_LENGTH)
    number = _number(state, apdu.p2 >> 3)
    staged = state.staged.get(number)
    if staged is not None and (staged.cleared or staged.record_begun):
        raise _SwError(_NOT_ALLOWED)
    put_record(state, number, 0, apdu.data)
    return b""


def _binary_place(apdu: _Apdu) -> tuple[int, int]:
    """Short file id (0: the selected file) and offset."""
    if apdu.p1 & _SHORT_FILE_ID:
        if apdu.p1 & 0x60:
            raise _SwError(_WRONG_P1P2)
        return apdu.p1 & 0x1F, apdu.p2
    return 0, apdu.p1 << 8 | apdu.p2


def _number(state: State, short_id: int) -> int:
    number = short_id or state.volatile.elementary_file
    if state.at_picc_level or number is None:
        raise _SwError(_NOT_ALLOWED)
    return number


def _file(state: State, short_id: int) -> File:
    try:
        return state.file(_number(state, short_id))
    except Refused:
        raise _SwError(_NOT_FOUND) from None


def _data_file(state: State, short_id: int) -> DataFile:
    file = _file(state, short_id)
    if not isinstance(file, DataFile):
        raise _SwError(_NOT_ALLOWED)
    return file


def _record_file(state: State, short_id: int) -> RecordFile:
    file = _file(state, short_id)
    if not isinstance(file, RecordFile):
        raise _SwError(_NOT_ALLOWED)
    return file


def _need_free(file: File, *rights: Right) -> None:
    if FREE not in {file.head.right(right) for right in rights}:
        raise _SwError(_SECURITY)


_COMMANDS = {0xA4: _select, 0xB0: _read_binary, 0xD6: _update_binary, 0xB2: _read_records, 0xE2: _append_record}
