"""ISO 7816 commands: what an NFC Forum Type 4 reader does, and what it may not."""

from __future__ import annotations

import pytest

from hardware.virtual.desfire.contents import DataFile
from tests.hardware.virtual.desfire.host import EV1, Host

_NAME = "d2760000850101"


def _ndef(rights: str = "eeee") -> Host:
    """A card with an NDEF application as mifare-desfire-create-ndef makes it."""
    host = Host(EV1)
    host.done(0xCA, "0100000f2110e1" + _NAME)
    host.select(b"\x01\0\0")
    host.done(0xCD, "0103e100" + rights + "0f0000")
    host.done(0xCD, "0204e100" + rights + "000200")
    host.done(0xC0, "0305e100" + rights + "0400000400" + "00")
    host.select(bytes(3))
    return host


def _selected(file_id: str, rights: str = "eeee") -> Host:
    host = _ndef(rights)
    assert host.raw("00a4040007" + _NAME + "00") == "9000"
    assert host.raw("00a4000c02" + file_id) == "9000"
    return host


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("00a4040007d276000085010000", "9000"),
        ("00a4040007d2760000850100", "9000"),
        ("00a40000023f00", "9000"),
        ("00a40000", "9000"),
        ("00a4000002e110", "9000"),
        ("00a4000002e103", "6a82"),
        ("00a4040007d276000085010200", "6a82"),
        ("00a4040707d276000085010100", "6a86"),
        ("00a4090002e103", "6a86"),
        ("00a40000033f0000ff", "6700"),
        ("00a4000002e1", "6700"),
        ("00b0000001", "6986"),
        ("0084000008", "6d00"),
    ],
)
def test_selecting_from_the_card(message: str, answer: str) -> None:
    assert _ndef().raw(message) == answer


def test_a_selection_drops_the_authentication_and_an_error_too() -> None:
    host = _ndef()
    host.select(b"\x01\0\0")
    assert host.raw("00a4000002e103") == "9000"
    assert host.raw("00b0000003") == "0000009000"
    assert host.raw("00a4000002e1ff") == "6a82"


def test_binary_is_written_and_read_in_place() -> None:
    host = _selected("e104")
    assert host.raw("00d6000203616263") == "9000"
    assert host.raw("00b0000006") == "000061626300" + "9000"
    assert host.raw("00b0000200") == (b"abc".hex() + "00" * 253) + "9000"
    assert host.raw("00b001ff10") == "009000", "what is there"
    assert host.raw("00b0020001") == "6b00"
    assert host.raw("00d601ff02aabb") == "6b00"
    assert host.raw("00d60000") == "6700"
    file = host.image.contents.applications[b"\x01\0\0"].files[2]
    assert isinstance(file, DataFile)
    assert file.data[2:5] == b"abc"


def test_a_short_file_id_selects_nothing() -> None:
    host = _selected("e104")
    assert host.raw("00b0810001") == "009000"
    assert host.raw("00b09f0001") == "6a82"
    assert host.raw("00b0e10001") == "6a86"


@pytest.mark.parametrize("message", ["00b0000001", "00d6000001aa"])
def test_only_what_is_free_is_done(message: str) -> None:
    assert _selected("e104", "0000").raw(message) == "6982"


def test_records_are_appended_at_the_commit() -> None:
    host = _selected("e105")
    assert host.raw("00b2000400") == "6a83"
    assert host.raw("00e200000461626364") == "9000"
    assert host.raw("c7") == "00"
    assert host.raw("00e200000465666768") == "9000"
    assert host.raw("c7") == "00"
    assert host.raw("00b2000500") == b"abcdefgh".hex() + "9000"
    assert host.raw("00b2010400") == b"efgh".hex() + "9000"
    assert host.raw("00b2020400") == b"abcd".hex() + "9000"
    assert host.raw("00b2030400") == "6a83"
    assert host.raw("00b0000001") == "6986", "no binary"
