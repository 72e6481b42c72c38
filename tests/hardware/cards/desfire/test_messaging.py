"""DESFire secure messaging: published transcripts through both ends, and what must never be accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import Key, KeyType, pad_one_and_zeros
from hardware.cards.desfire.ev1 import Ev1Channel
from hardware.cards.desfire.ev2 import Ev2Channel, session_keys
from hardware.cards.desfire.legacy import LegacyChannel
from hardware.cards.desfire.messaging import BrokenMessage, Channel, CommMode, NewKey, crc16, crc32
from tests.hardware.cards.desfire.transcripts import authenticate, change_key, exchange, raw, vectors

_EV1, _EV2, _LEGACY, _FLOWS = (vectors(name) for name in ("ev1", "ev2", "legacy", "flows"))
_AES = Key(KeyType.AES, bytes(range(16)))
_TDES = Key(KeyType.TDES, bytes(range(16)))
_NEW = NewKey(Key(KeyType.AES, b"a new key of 16 "), 7)
_DATA = b"sixteen bytes. ." + b"and nine."


def _ev1() -> Channel:
    return Ev1Channel(_AES)


def _ev2() -> Channel:
    return Ev2Channel(bytes(range(16)), bytes(range(16, 32)), b"tiTI", 300)


def _legacy() -> Channel:
    return LegacyChannel(_TDES)


_CHANNELS = {"EV1": _ev1, "EV2": _ev2, "legacy": _legacy}
_PROTECTED = [
    (name, mode)
    for name in _CHANNELS
    for mode in (CommMode.PLAIN, CommMode.MACED, CommMode.FULL)
    if name == "EV1" or mode is not CommMode.PLAIN
]
"""Every channel and mode in which an answer with data is protected: EV1 seals plain answers too."""
_BOUND = [(name, mode) for name, mode in _PROTECTED if name != "legacy"]
"""Those that also bind a message to its place in the session: the legacy way does not."""

_each_channel = pytest.mark.parametrize("make", _CHANNELS.values(), ids=_CHANNELS)
_each_protected = pytest.mark.parametrize(("name", "mode"), _PROTECTED, ids=lambda case: getattr(case, "name", case))


def _named(rows: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row["what"])


# What must never be accepted.


@_each_protected
def test_an_answer_with_any_bit_flipped_is_refused(name: str, mode: CommMode) -> None:
    make = _CHANNELS[name]
    sealed = make().seal_answer(_DATA, mode)
    for place in range(len(sealed)):
        for bit in (0x01, 0x80):
            damaged = bytearray(sealed)
            damaged[place] ^= bit
            with pytest.raises(BrokenMessage):
                make().open_answer(bytes(damaged), mode, len(_DATA))


@_each_protected
def test_an_answer_cut_short_or_continued_is_refused(name: str, mode: CommMode) -> None:
    make = _CHANNELS[name]
    sealed = make().seal_answer(_DATA, mode)
    for wrong in [sealed[:size] for size in range(len(sealed))] + [sealed + b"\0", sealed + sealed, sealed + bytes(16)]:
        with pytest.raises(BrokenMessage):
            make().open_answer(wrong, mode, len(_DATA))


@_each_channel
@pytest.mark.parametrize("mode", CommMode, ids=lambda mode: str(mode.name))
def test_an_answer_of_another_size_than_due_is_refused(make: Callable[[], Channel], mode: CommMode) -> None:
    """Larger by a byte passes in the legacy way, whose CRC16 of data and checksum is zero: nothing of ours reads so."""
    sealed = make().seal_answer(_DATA, mode)
    for size in (0, 1, len(_DATA) - 1) + (() if make is _legacy else (len(_DATA) + 1,)):
        with pytest.raises(BrokenMessage):
            make().open_answer(sealed, mode, size)


@pytest.mark.parametrize(("name", "mode"), _BOUND)
def test_an_answer_under_another_key_is_refused(name: str, mode: CommMode) -> None:
    other = {"EV1": Ev1Channel(Key(KeyType.AES, bytes(16))), "EV2": Ev2Channel(bytes(16), bytes(16), b"tiTI", 300)}
    with pytest.raises(BrokenMessage):
        _CHANNELS[name]().open_answer(other[name].seal_answer(_DATA, mode), mode, len(_DATA))


@pytest.mark.parametrize("mode", [CommMode.MACED, CommMode.FULL])
@pytest.mark.parametrize(("ti", "counter"), [(b"tiTJ", 300), (b"tiTI", 299), (b"tiTI", 301), (b"tiTI", 300 + 256)])
def test_an_ev2_message_of_another_place_is_refused(mode: CommMode, ti: bytes, counter: int) -> None:
    """Another transaction identifier, another count: a message of another time or session, replayed."""
    other = Ev2Channel(bytes(range(16)), bytes(range(16, 32)), ti, counter)
    with pytest.raises(BrokenMessage):
        _ev2().open_answer(other.seal_answer(_DATA, mode), mode, len(_DATA))
    with pytest.raises(BrokenMessage):
        _ev2().open_command(0x3D, other.seal_command(0x3D, b"\2", _DATA, mode), 1, mode, len(_DATA))


@pytest.mark.parametrize(("name", "mode"), _BOUND)
def test_the_answer_to_one_command_is_none_to_the_next(name: str, mode: CommMode) -> None:
    reader, card = _CHANNELS[name](), _CHANNELS[name]()
    for _ in range(2):
        sealed = reader.seal_command(0xBD, b"\2", b"", mode)
        card.open_command(0xBD, sealed, 1, mode, 0)
    answer = _CHANNELS[name]().seal_answer(_DATA, mode)
    with pytest.raises(BrokenMessage):
        reader.open_answer(answer, mode, len(_DATA))


@pytest.mark.parametrize(("name", "mode"), [case for case in _PROTECTED if case[1] is not CommMode.PLAIN])
def test_a_command_with_any_bit_flipped_or_cut_is_refused(name: str, mode: CommMode) -> None:
    make = _CHANNELS[name]
    sealed = make().seal_command(0x3D, b"\2", _DATA, mode)
    wrong = [sealed[:size] for size in range(1, len(sealed))] + [sealed + b"\0", sealed + bytes(16)]
    for place in range(1, len(sealed)):
        damaged = bytearray(sealed)
        damaged[place] ^= 0x10
        wrong.append(bytes(damaged))
    for payload in wrong:
        with pytest.raises(BrokenMessage):
            make().open_command(0x3D, payload, 1, mode, len(_DATA))
    if name != "legacy":
        with pytest.raises(BrokenMessage):
            make().open_command(0x8D, sealed, 1, mode, len(_DATA))
        with pytest.raises(BrokenMessage):
            make().open_command(0x3D, b"\3" + sealed[1:], 1, mode, len(_DATA))


@_each_channel
@pytest.mark.parametrize("old", [None, b"the key it was !"])
def test_a_key_change_damaged_anywhere_or_of_another_size_is_refused(
    make: Callable[[], Channel], old: bytes | None
) -> None:
    sealed = make().seal_key_change(2, _NEW, old)
    wrong = [sealed[:size] for size in range(len(sealed))] + [sealed + bytes(16)]
    for place in range(1, len(sealed)):
        damaged = bytearray(sealed)
        damaged[place] ^= 0x10
        wrong.append(bytes(damaged))
    for payload in wrong:
        with pytest.raises(BrokenMessage):
            make().open_key_change(payload, KeyType.AES, old)
    assert make().open_key_change(sealed, KeyType.AES, old) == _NEW


@_each_channel
def test_a_change_of_the_own_key_is_none_of_another(make: Callable[[], Channel]) -> None:
    old = b"the key it was !"
    with pytest.raises(BrokenMessage):
        make().open_key_change(make().seal_key_change(2, _NEW, None), KeyType.AES, old)
    with pytest.raises(BrokenMessage):
        make().open_key_change(make().seal_key_change(2, _NEW, old), KeyType.AES, b"another key it w")


def test_the_checksum_that_a_real_card_refused_is_refused() -> None:
    """CRC16 with preset FFFF: the card said 1E."""
    row = _LEGACY["refused"]
    _, card = authenticate(_LEGACY["authentications"][row["authentication"]], Method.LEGACY, KeyType.TDES)
    with pytest.raises(BrokenMessage, match="checksum"):
        card.open_command(0x54, raw(row, "sealed"), 0, CommMode.FULL, 1)


@pytest.mark.parametrize("filling", ["01", "8001", "800000000000000000000000000000000000"])
def test_ev2_padding_that_is_none_is_refused(filling: str) -> None:
    """Only one mark and zeros behind it, within the last block."""
    secret = Key(KeyType.AES, bytes(range(16)))
    channel = Ev2Channel(secret.secret, bytes(range(16, 32)), b"tiTI", 300)
    plain = (b"x" * (32 - len(bytes.fromhex(filling))) + bytes.fromhex(filling))[:32]
    iv = secret.encrypt(bytes(16), bytes.fromhex("5AA5") + b"tiTI" + (300).to_bytes(2, "little") + bytes(8))
    enciphered = secret.encrypt(iv, plain)
    mac = Ev2Channel(bytes(16), bytes(range(16, 32)), b"tiTI", 300).seal_answer(enciphered, CommMode.MACED)
    with pytest.raises(BrokenMessage, match="padding"):
        channel.open_answer(mac, CommMode.FULL, None)


@pytest.mark.parametrize("filling", ["010000", "000001", "800000"])
def test_ev1_padding_that_is_none_is_refused(filling: str) -> None:
    """Zeros only: data and checksum are right here, and only what stands behind them is not."""
    answer = _DATA + crc32(_DATA + b"\0") + bytes.fromhex(filling)
    with pytest.raises(BrokenMessage, match="padding"):
        _ev1().open_answer(_AES.encrypt(bytes(16), answer), CommMode.FULL, len(_DATA))
    command = _DATA + crc32(b"\x3d\2" + _DATA) + bytes.fromhex(filling)
    with pytest.raises(BrokenMessage, match="padding"):
        _ev1().open_command(0x3D, b"\2" + _AES.encrypt(bytes(16), command), 1, CommMode.FULL, len(_DATA))


def test_legacy_padding_that_is_none_is_refused() -> None:
    answer = _DATA + crc16(_DATA) + b"\0\0\0\0\1"
    with pytest.raises(BrokenMessage, match="checksum"):
        _legacy().open_answer(_TDES.encrypt(bytes(8), answer), CommMode.FULL, len(_DATA))


# Published transcripts.


@_named(_EV1["sessions"])
def test_ev1_transcripts(row: dict[str, Any]) -> None:
    session = Key(KeyType[row["kind"]], raw(row, "session"))
    reader, card = Ev1Channel(session), Ev1Channel(session)
    for step in row["exchanges"]:
        exchange(step, reader, card)


@_named(_EV1["key_changes"])
def test_ev1_key_changes(row: dict[str, Any]) -> None:
    session = Key(KeyType[row["kind"]], raw(row, "session"))
    change_key(row, Ev1Channel(session), Ev1Channel(session))


@_named(_EV2["sessions"])
def test_ev2_transcripts(row: dict[str, Any]) -> None:
    start = raw(row, "encryption"), raw(row, "mac"), raw(row, "ti"), row["counter"]
    reader, card = Ev2Channel(*start), Ev2Channel(*start)
    for step in row["exchanges"]:
        exchange(step, reader, card)


@_named(_EV2["key_changes"])
def test_ev2_key_changes(row: dict[str, Any]) -> None:
    start = raw(row, "encryption"), raw(row, "mac"), raw(row, "ti"), row["counter"]
    change_key({**row, "kind": "AES", "old": None}, Ev2Channel(*start), Ev2Channel(*start))


@_named(_EV2["session_keys"] + _EV2["authentications"])
def test_ev2_session_keys(row: dict[str, Any]) -> None:
    keys = session_keys(raw(row, "key"), raw(row, "rnd_a"), raw(row, "rnd_b"))
    assert keys == (raw(row, "encryption"), raw(row, "mac"))


@pytest.mark.parametrize("row", _EV2["ivs"], ids=lambda row: row["ti"])
def test_ev2_command_ivs(row: dict[str, Any]) -> None:
    """A first block equal to the IV enciphers to E(0)."""
    secret = Key(KeyType.AES, raw(row, "encryption"))
    channel = Ev2Channel(secret.secret, bytes(16), raw(row, "ti"), row["counter"])
    sealed = channel.seal_command(0x3D, b"", raw(row, "iv"), CommMode.FULL)
    assert sealed[:16] == secret.encrypt(bytes(16), bytes(16))


def test_legacy_key_settings() -> None:
    row = _LEGACY["change_key_settings"]
    reader, card = authenticate(_LEGACY["authentications"][row["authentication"]], Method.LEGACY, KeyType.TDES)
    sealed = reader.seal_command(0x54, b"", raw(row, "data"), CommMode.FULL)
    assert sealed == raw(row, "sealed")
    assert card.open_command(0x54, sealed, 0, CommMode.FULL, 1) == raw(row, "data")


def test_nist_tdes_cmacs() -> None:
    message = raw(_LEGACY["cmac"], "message")
    for row in _LEGACY["cmac"]["keys"]:
        key = Key(KeyType[row["kind"]], raw(row, "key"))
        for size, tag in row["tags"].items():
            assert key.cmac(key.zero_iv, message[: int(size)]).hex() == tag


# A second implementation's figures where nobody published any.


def test_ev1_value_and_record_commands() -> None:
    session = Key(KeyType.AES, raw(_FLOWS["ev1"], "session"))
    reader, card = Ev1Channel(session), Ev1Channel(session)
    for step in _FLOWS["ev1"]["exchanges"]:
        exchange(step, reader, card)


def test_ev2_value_and_record_commands() -> None:
    flow = _FLOWS["ev2"]
    reader, card = authenticate(flow, Method.EV2_FIRST, KeyType.AES)
    for step in flow["exchanges"]:
        exchange(step, reader, card)


def test_legacy_commands_and_the_change_to_an_aes_key() -> None:
    flow = _FLOWS["legacy"]
    reader, card = authenticate(flow, Method.LEGACY, KeyType.TDES)
    for step in flow["exchanges"]:
        exchange(step, reader, card)
    for row in flow["key_changes"]:
        change_key(row, reader, card)


# Modes and sizes.


@_each_channel
@pytest.mark.parametrize("mode", CommMode, ids=lambda mode: str(mode.name))
@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 16, 17, 31, 32, 96])
def test_whatever_one_end_seals_the_other_opens(make: Callable[[], Channel], mode: CommMode, size: int) -> None:
    reader, card = make(), make()
    for code in (0x3D, 0xBD, 0x3D):
        data = bytes(range(size))
        sealed = reader.seal_command(code, b"\2\0\0", data, mode)
        assert card.open_command(code, sealed, 3, mode, size) == data
        assert reader.open_answer(card.seal_answer(data, mode), mode, size) == data


@pytest.mark.parametrize("name", ["EV1", "EV2"])
def test_a_plain_command_moves_the_session_on(name: str) -> None:
    """EV1's chain and EV2's counter: a plain command that the other end did not see breaks what comes after."""
    reader, card = _CHANNELS[name](), _CHANNELS[name]()
    reader.seal_command(0xBD, b"\1", b"", CommMode.PLAIN)
    with pytest.raises(BrokenMessage):
        reader.open_answer(card.seal_answer(_DATA, CommMode.MACED), CommMode.MACED, len(_DATA))


def test_checksums() -> None:
    assert crc32(b"123456789").hex() == "d9c60b34"  # CRC-32/JAMCRC, check value 340bc6d9
    assert crc16(b"123456789").hex() == "05bf"  # CRC-16/ISO-IEC-14443-3-A, check value bf05


def test_padding_is_at_least_its_mark() -> None:
    assert pad_one_and_zeros(b"", 8).hex() == "8000000000000000"
    assert pad_one_and_zeros(bytes(7), 8) == bytes(7) + b"\x80"
    assert pad_one_and_zeros(bytes(8), 8) == bytes(8) + b"\x80" + bytes(7)
