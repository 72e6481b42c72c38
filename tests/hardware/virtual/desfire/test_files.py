"""Files of an application: rights, modes, limits, and what a transaction brings into force."""

from __future__ import annotations

import itertools

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.contents import Generation, RecordFile, ValueFile
from tests.hardware.virtual.desfire.host import (
    AID,
    EV1,
    EV2,
    KINDS,
    Host,
    create_records,
    create_standard,
    create_value,
    le,
    place,
    secret,
    with_application,
)

_READ, _WRITE, _BOTH, _CHANGE = 12, 8, 4, 0
_DATA, _VALUE, _RECORDS, _BACKUP = 1, 2, 3, 4
_OPERATIONS = {
    "read data": (0xBD, place(_DATA, 0, 4), b"", {_READ, _BOTH}),
    "write data": (0x3D, place(_DATA, 0, 4), b"data", {_WRITE, _BOTH}),
    "get value": (0x6C, "02", b"", {_READ, _WRITE, _BOTH}),
    "debit": (0xDC, "02", bytes(4), {_READ, _WRITE, _BOTH}),
    "limited credit": (0x1C, "02", bytes(4), {_WRITE, _BOTH}),
    "credit": (0x0C, "02", bytes(4), {_BOTH}),
    "read records": (0xBB, place(_RECORDS, 0, 1), b"", {_READ, _BOTH}),
    "write record": (0x3B, place(_RECORDS, 0, 4), b"data", {_WRITE, _BOTH}),
    "clear records": (0xEB, "03", b"", {_BOTH}),
    "change settings": (0x5F, "01", b"", {_CHANGE}),
}
"""Code, header, data, and the nibbles of the rights that allow it."""
_SESSIONS = [Method.LEGACY, Method.ISO, Method.AES, Method.EV2_FIRST]
_MODES = list(CommMode)


def _with_files(method: Method = Method.AES, rights: int = 0x1234, communication: int = 0, options: int = 1) -> Host:
    """An application with a file of each kind and one record, all under `rights`."""
    host = with_application(EV2 if method is Method.EV2_FIRST else EV1, method)
    host.done(*create_records(_RECORDS, 0, 0xEEE0, 4, 4))
    host.done(0x3B, place(_RECORDS, 0, 4), b"1st.")
    host.done(0xC7)
    host.authenticate(0, secret(0, KINDS[method]), method)
    host.done(0x5F, "03", bytes((communication,)) + rights.to_bytes(2, "little"), CommMode.FULL, size=0)
    host.done(*create_standard(_DATA, communication, rights, 300))
    host.done(*create_standard(_BACKUP, communication, rights, 40, code=0xCB))
    host.done(*create_value(_VALUE, communication, rights, (-50, 100), 10, options))
    host.channel = None
    host.select()
    return host


def _ask(host: Host, operation: str, mode: CommMode | None) -> Status:
    code, header, data, _ = _OPERATIONS[operation]
    if code == 0xEB:
        mode = None
    if code == 0x5F:
        right = host.image.contents.applications[AID].files[_DATA].head.rights
        mode = None if right & 0xF == 0xE else CommMode.FULL
        data = b"\x00" + right.to_bytes(2, "little")
    size = {0xBD: 4, 0x6C: 4, 0xBB: 4}.get(code, 0)
    return host.ask(code, header, data, mode, size)[0]


@pytest.mark.parametrize("operation", _OPERATIONS)
@pytest.mark.parametrize("nibble", [_READ, _WRITE, _BOTH, _CHANGE])
def test_a_right_is_for_its_key_alone(operation: str, nibble: int) -> None:
    """One nibble names key 2, the others nobody."""
    rights = 0xFFFF & ~(0xF << nibble) | 2 << nibble
    allowed = nibble in _OPERATIONS[operation][3]
    for holder, expected in ((2, Status.OK), (1, Status.AUTHENTICATION_ERROR), (None, Status.AUTHENTICATION_ERROR)):
        host = _with_files(rights=rights)
        if holder is not None:
            host.authenticate(holder, secret(holder))
        mode = CommMode.PLAIN
        assert _ask(host, operation, mode) is (expected if allowed else Status.PERMISSION_DENIED)


@pytest.mark.parametrize("operation", [name for name in _OPERATIONS if name != "change settings"])
@pytest.mark.parametrize("method", [None, *_SESSIONS], ids=str)
def test_a_free_file_is_plain_for_everybody(operation: str, method: Method | None) -> None:
    """Whatever its settings say: proxmark3 issue 2712, libfreefare's test_mifare_desfire_free_read."""
    host = _with_files(method or Method.AES, rights=0xEEEE, communication=3)
    if method is not None:
        host.authenticate(1, secret(1, KINDS[method]), method)
    assert _ask(host, operation, CommMode.PLAIN) is Status.OK


def test_a_mac_on_a_plain_command_makes_it_too_long() -> None:
    host = _with_files(rights=0xEEEE)
    host.authenticate(1, secret(1))
    assert host.refused(0x0C, "02", bytes(4), CommMode.MACED) is Status.LENGTH_ERROR


@pytest.mark.parametrize(("method", "mode"), list(itertools.product(_SESSIONS, _MODES)))
@pytest.mark.parametrize("size", [1, 7, 16, 47, 52, 53, 59, 200])
def test_data_comes_back_as_written_in_every_mode(method: Method, mode: CommMode, size: int) -> None:
    data = bytes(n * 7 & 0xFF for n in range(size))
    host = _with_files(method, rights=0x2222, communication=mode)
    host.authenticate(2, secret(2, KINDS[method]), method)
    assert host.done(0x3D, place(_DATA, 3, size), data, mode, size=0) == b""
    assert host.done(0xBD, place(_DATA, 3, size), mode=mode, size=size) == data
    assert host.done(0xBD, place(_DATA, 0, 0), mode=mode, size=300)[3 : 3 + size] == data


@pytest.mark.parametrize(("method", "mode"), list(itertools.product(_SESSIONS, _MODES)))
def test_a_whole_debit_in_every_mode(method: Method, mode: CommMode) -> None:
    host = _with_files(method, rights=0x2222, communication=mode)
    host.authenticate(2, secret(2, KINDS[method]), method)
    host.done(0xDC, "02", (7).to_bytes(4, "little"), mode, size=0)
    host.done(0x3B, place(_RECORDS, 0, 4), b"2nd.", mode, size=0)
    host.done(0x3D, place(_BACKUP, 0, 6), b"backup", mode, size=0)
    assert host.done(0x6C, "02", mode=mode, size=4) == (10).to_bytes(4, "little"), "until the commit it is as before"
    host.done(0xC7)
    assert host.done(0x6C, "02", mode=mode, size=4) == (3).to_bytes(4, "little")
    assert host.done(0xBB, place(_RECORDS, 0, 2), mode=mode, size=8) == b"1st.2nd."
    assert host.done(0xBD, place(_BACKUP, 0, 6), mode=mode, size=6) == b"backup"


@pytest.mark.parametrize("method", [Method.LEGACY, Method.AES, Method.EV2_FIRST])
@pytest.mark.parametrize("mode", [CommMode.MACED, CommMode.FULL])
def test_data_changed_on_its_way_is_not_written(method: Method, mode: CommMode) -> None:
    host = _with_files(method, rights=0x2222, communication=mode)
    host.authenticate(2, secret(2, KINDS[method]), method)
    assert host.channel is not None
    header = bytes.fromhex(place(_DATA, 0, 4))
    sealed = bytearray(host.channel.seal_command(0x3D, header, b"data", mode))
    sealed[8] ^= 0x40
    assert host.frame(b"\x3d" + sealed) == (Status.INTEGRITY_ERROR, b"")
    assert not any(host.image.contents.applications[AID].files[_DATA].data[:4])  # type: ignore[union-attr]


def test_no_command_reaches_into_a_file_of_another_kind_or_none() -> None:
    for code, header, data in (
        (0xBD, place(_VALUE, 0, 1), b""),
        (0x3D, place(_RECORDS, 0, 1), b"x"),
        (0x6C, "01", b""),
        (0x0C, "03", bytes(4)),
        (0xBB, place(_DATA, 0, 1), b""),
        (0x3B, place(_VALUE, 0, 1), b"x"),
        (0xEB, "01", b""),
    ):
        host = _with_files(rights=0xEEEE)
        assert host.refused(code, header, data) is Status.PERMISSION_DENIED
        assert host.refused(code, "1f" + header[2:], data) is Status.FILE_NOT_FOUND


@pytest.mark.parametrize(
    ("code", "header", "data"),
    [
        (0xBD, place(_DATA, 299, 2), b""),
        (0xBD, place(_DATA, 300, 0), b""),
        (0x3D, place(_DATA, 299, 2), b"xx"),
        (0x3B, place(_RECORDS, 2, 3), b"xxx"),
        (0xBB, place(_RECORDS, 0, 2), b""),
        (0xBB, place(_RECORDS, 1, 0), b""),
    ],
)
def test_nothing_reaches_beyond_a_file(code: int, header: str, data: bytes) -> None:
    assert _with_files(rights=0xEEEE).refused(code, header, data) is Status.BOUNDARY_ERROR


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (create_standard(1, 0, 0xEEEE, 10), Status.DUPLICATE),
        (create_standard(32, 0, 0xEEEE, 10), Status.PARAMETER_ERROR),
        (create_standard(9, 0, 0xEEEE, 0), Status.PARAMETER_ERROR),
        (create_standard(9, 0, 0x5EEE, 10), Status.PARAMETER_ERROR),
        (create_standard(9, 4, 0xEEEE, 10), Status.PARAMETER_ERROR),
        (create_standard(9, 0, 0xEEEE, 0xFFFFFF), Status.OUT_OF_MEMORY),
        (create_value(9, 0, 0xEEEE, (10, 9), 10), Status.PARAMETER_ERROR),
        (create_value(9, 0, 0xEEEE, (0, 9), 10), Status.PARAMETER_ERROR),
        (create_value(9, 0, 0xEEEE, (0, 9), -1), Status.PARAMETER_ERROR),
        (create_value(9, 0, 0xEEEE, (0, 9), 1, 4), Status.PARAMETER_ERROR),
        (create_records(9, 0, 0xEEEE, 4, 1), Status.PARAMETER_ERROR),
        (create_records(9, 0, 0xEEEE, 0, 2), Status.PARAMETER_ERROR),
        (create_records(9, 0, 0xEEEE, 0xFFFF, 0xFFFF), Status.OUT_OF_MEMORY),
        ((0xCD, "09"), Status.LENGTH_ERROR),
    ],
)
def test_a_file_beyond_the_limits_is_not_made(command: tuple[int, str], status: Status) -> None:
    host = _with_files(rights=0xEEEE)
    before = host.image.contents
    assert host.refused(*command) is status
    assert host.image.contents == before


def test_an_application_has_32_files() -> None:
    host = with_application()
    for number in range(32):
        host.done(*create_standard(number, 0, 0xEEEE, 1))
    assert host.done(0x6F) == bytes(range(32))
    assert host.refused(*create_standard(32, 0, 0xEEEE, 1)) is Status.PARAMETER_ERROR


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ([(0xDC, 61)], Status.BOUNDARY_ERROR),
        ([(0xDC, 60), (0xDC, 1)], Status.BOUNDARY_ERROR),
        ([(0x0C, 91)], Status.BOUNDARY_ERROR),
        ([(0x0C, 90), (0x0C, 1)], Status.BOUNDARY_ERROR),
        ([(0xDC, -1)], Status.PARAMETER_ERROR),
        ([(0x0C, -1)], Status.PARAMETER_ERROR),
        ([(0x0C, 2**31 - 1)], Status.BOUNDARY_ERROR),
    ],
)
def test_a_value_never_leaves_its_limits(changes: list[tuple[int, int]], status: Status) -> None:
    """Between -50 and 100, from 10; each command counts with those before it."""
    host = _with_files(rights=0xEEEE)
    *good, (code, amount) = changes
    for each, by in good:
        host.done(each, "02", by.to_bytes(4, "little"))
    assert host.refused(code, "02", amount.to_bytes(4, "little", signed=True)) is status
    assert host.refused(0xC7) is Status.NO_CHANGES, "the error aborted the transaction"
    assert host.done(0x6C, "02") == (10).to_bytes(4, "little")


@pytest.mark.parametrize("generation", [EV1, EV2])
@pytest.mark.parametrize("options", [0, 1])
def test_limited_credit_gives_back_what_the_last_debits_took(generation: Generation, options: int) -> None:
    """An EV1 tells the amount also where LimitedCredit is off, an EV2 does not: libfreefare issue 120."""
    host = with_application(generation)
    host.done(*create_value(2, 0, 0xEEEE, (0, 1000), 100, options))
    for code, amount in ((0x0C, 50), (0xDC, 30), (0xDC, 20)):
        host.done(code, "02", amount.to_bytes(4, "little"))
    host.done(0xC7)
    told = int.from_bytes(host.done(0xF5, "02")[12:16], "little")
    assert told == (50 if options or generation is EV1 else 0)
    amount = (50).to_bytes(4, "little")
    if not options:
        assert host.refused(0x1C, "02", amount) is Status.PERMISSION_DENIED
        return
    assert host.refused(0x1C, "02", (51).to_bytes(4, "little")) is Status.BOUNDARY_ERROR
    host.done(0x1C, "02", (20).to_bytes(4, "little"))
    assert host.refused(0x1C, "02", (20).to_bytes(4, "little")) is Status.BOUNDARY_ERROR, "once a transaction"
    host.done(0x1C, "02", amount)
    host.done(0xC7)
    assert host.done(0x6C, "02") == (150).to_bytes(4, "little")
    assert host.refused(0x1C, "02", (1).to_bytes(4, "little")) is Status.BOUNDARY_ERROR, "once"


def test_the_value_may_be_for_everybody_to_see() -> None:
    host = _with_files(rights=0x1111, options=2)
    assert host.done(0x6C, "02") == (10).to_bytes(4, "little")
    assert host.refused(0xDC, "02", bytes(4)) is Status.AUTHENTICATION_ERROR


def test_a_cyclic_file_keeps_one_record_less_than_it_has_room_for() -> None:
    host = _with_files(rights=0xEEEE)
    for n in range(6):
        host.done(0x3B, place(_RECORDS, 0, 4), b"no.%d" % n)
        host.done(0xC7)
    assert host.done(0xBB, place(_RECORDS, 0, 0)) == b"no.3no.4no.5"
    assert host.done(0xBB, place(_RECORDS, 0, 1)) == b"no.5"
    assert host.done(0xBB, place(_RECORDS, 2, 1)) == b"no.3"
    assert host.done(0xF5, "03")[4:] == bytes.fromhex(le(4) + le(4) + le(3))


def test_a_linear_file_is_full_when_it_is() -> None:
    host = with_application()
    host.done(*create_records(3, 0, 0xEEEE, 2, 2, code=0xC1))
    assert host.refused(0xBB, place(3, 0, 0)) is Status.BOUNDARY_ERROR, "nothing to read yet"
    for text in (b"ab", b"cd"):
        host.done(0x3B, place(3, 0, 2), text)
        host.done(0xC7)
    assert host.refused(0x3B, place(3, 0, 2), b"ef") is Status.BOUNDARY_ERROR
    assert host.done(0xBB, place(3, 0, 0)) == b"abcd"


def test_a_transaction_makes_one_record() -> None:
    host = _with_files(rights=0xEEEE)
    host.done(0x3B, place(_RECORDS, 2, 2), b"cd")
    host.done(0x3B, place(_RECORDS, 0, 1), b"a")
    host.done(0xC7)
    assert host.done(0xBB, place(_RECORDS, 0, 0)) == b"1st.a\0cd"


def test_a_cleared_file_takes_no_record_before_the_commit() -> None:
    host = _with_files(rights=0xEEEE)
    host.done(0xEB, "03")
    assert host.done(0xBB, place(_RECORDS, 0, 0)) == b"1st."
    assert host.refused(0x3B, place(_RECORDS, 0, 1), b"a") is Status.PERMISSION_DENIED
    assert host.done(0xBB, place(_RECORDS, 0, 0)) == b"1st.", "the error took the clearing back"
    host.done(0xEB, "03")
    host.done(0xC7)
    host.done(0x3B, place(_RECORDS, 0, 1), b"a")
    host.done(0xC7)
    assert host.done(0xBB, place(_RECORDS, 0, 0)) == b"a\0\0\0"


def _stage(host: Host) -> None:
    host.done(0xDC, "02", (5).to_bytes(4, "little"))
    host.done(0x3B, place(_RECORDS, 0, 4), b"2nd.")
    host.done(0x3D, place(_BACKUP, 0, 1), b"x")


@pytest.mark.parametrize(
    "ending", ["abort", "an error", "selecting", "the field goes", "a command that is none", "an ISO error"]
)
def test_what_is_not_committed_is_gone_after(ending: str) -> None:
    host = _with_files(rights=0xEEEE)
    before = host.image.contents
    _stage(host)
    match ending:
        case "abort":
            host.done(0xA7)
        case "an error":
            host.refused(0xF5, "1f")
        case "selecting":
            host.select()
        case "the field goes":
            host.card.end_session()
            host.select()
        case "a command that is none":
            assert host.raw("ff") == "1c"
        case "an ISO error":
            assert host.raw("00a4040001aa") == "6a82"
    assert host.refused(0xC7) is Status.NO_CHANGES
    assert host.image.contents == before


def test_an_authentication_leaves_the_transaction_alone() -> None:
    """As libfreefare's tests do on real cards: one key writes, another commits."""
    host = _with_files(rights=0xEEEE)
    _stage(host)
    host.authenticate(3, secret(3))
    host.done(0xC7)
    assert _value(host).value == 5


def test_abort_and_commit_without_a_change_say_so() -> None:
    for code in (0xC7, 0xA7):
        assert _with_files(rights=0xEEEE).refused(code) is Status.NO_CHANGES


def test_a_standard_file_asks_for_no_commit() -> None:
    host = _with_files(rights=0xEEEE)
    host.done(0x3D, place(_DATA, 0, 4), b"data")
    host.done(0x3D, place(_BACKUP, 0, 4), b"data")
    host.done(0xA7)
    assert host.done(0xBD, place(_DATA, 0, 4)) == b"data"
    assert host.done(0xBD, place(_BACKUP, 0, 4)) == bytes(4)


def test_new_rights_hold_at_once_and_also_for_what_is_staged() -> None:
    host = _with_files(rights=0xEEEE)
    _stage(host)
    host.done(0x5F, "02", b"\x00\xff\x1f")
    assert host.refused(0x0C, "02", bytes(4)) is Status.PERMISSION_DENIED
    host = _with_files(rights=0xEEEE)
    _stage(host)
    host.done(0x5F, "02", b"\x00\xfe\x1f")
    host.done(0xC7)
    assert (_value(host).value, _value(host).head.rights) == (5, 0x1FFE)
    assert host.refused(0x5F, "02", b"\x00\xfe\x9f") is Status.PARAMETER_ERROR, "there is no key 9"


def test_deleting_a_file_takes_it_out_of_the_transaction() -> None:
    host = _with_files(rights=0xEEEE)
    _stage(host)
    host.done(0xDF, "02")
    host.done(0xC7)
    assert _VALUE not in host.image.contents.applications[AID].files
    records = host.image.contents.applications[AID].files[_RECORDS]
    assert isinstance(records, RecordFile)
    assert records.records == (b"1st.", b"2nd.")


def test_iso_ids_are_listed_and_unique() -> None:
    host = with_application()
    host.done(0xCD, "0103e100eeee0f0000")
    host.done(0xC1, "0204e100eeee0400000a0000")
    assert host.refused(0xCB, "0304e100eeee0f0000") is Status.DUPLICATE
    assert host.done(0x61) == bytes.fromhex("03e104e1")


def _value(host: Host) -> ValueFile:
    file = host.image.contents.applications[AID].files[_VALUE]
    assert isinstance(file, ValueFile)
    return file
