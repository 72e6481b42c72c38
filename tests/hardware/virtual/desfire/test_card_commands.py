"""Commands of the card itself: versions, applications, keys, formatting, and how any command fails."""

from __future__ import annotations

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.ev2 import Ev2Channel
from hardware.cards.desfire.messaging import BrokenMessage, CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.contents import Generation
from tests.hardware.virtual.desfire.host import (
    AID,
    EV1,
    EV2,
    KINDS,
    UID,
    ZERO,
    Host,
    create_standard,
    place,
    secret,
    with_application,
)

_MANUFACTURED = "ba4519e3204913"
_BEGINNINGS = [Method.LEGACY, Method.ISO, Method.AES, Method.EV2_FIRST]


def _generation(method: Method) -> Generation:
    return EV2 if method is Method.EV2_FIRST else EV1


@pytest.mark.parametrize(
    ("generation", "hardware", "software"),
    [(EV1, "04010101001805", "04010101041805"), (EV2, "04010112001805", "04010102011805")],
)
def test_the_version_tells_the_generation(generation: Generation, hardware: str, software: str) -> None:
    host = Host(generation)
    assert host.raw("60") == "af" + hardware
    assert host.raw("af") == "af" + software
    assert host.raw("af") == "00" + UID.hex() + _MANUFACTURED
    assert host.raw("9060000000") == hardware + "91af"
    assert host.raw("90af000000") == software + "91af"


@pytest.mark.parametrize("code", ["71", "77", "c6", "ce", "c8", "c9", "3c", "f0", "01", "ff", "00000000ff"])
def test_an_unknown_command_is_illegal(code: str) -> None:
    """On an EV1 the authentication of EV2 too: that is how a terminal tells them apart."""
    host = Host(EV1)
    assert host.raw(code) in ("1c", "6700", "6d00")
    host.authenticate(0, ZERO, Method.ISO)
    if code != "00000000ff":
        assert host.raw(code) == "1c"
        assert host.raw("51") == "ae", "any error drops the authentication"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("9060000001", "6700"),
        ("90640000050000", "6700"),
        ("90600100", "6a86"),
        ("906e0000", "00140091" + "00"),
        ("9064000001" + "00", "009100"),
        ("906400000100" + "00", "009100"),
        ("64", "7e"),
        ("640000", "7e"),
        ("af", "1c"),
        ("", "7e"),
        ("00a4", "6700"),
    ],
)
def test_a_message_of_wrong_shape_is_refused(message: str, answer: str) -> None:
    assert Host().raw(message) == answer


def test_a_command_between_the_frames_of_another_is_aborted() -> None:
    host = Host()
    assert host.raw("60").startswith("af")
    assert host.raw("6e") == "ca"
    assert host.raw("6e") == "00001400"
    assert host.raw("1a00").startswith("af")
    assert host.raw("6e") == "ca"
    assert host.raw("af" + "00" * 16) == "1c", "the authentication is given up too"


@pytest.mark.parametrize("method", _BEGINNINGS)
def test_a_wrong_key_opens_nothing_and_ends_the_session(method: Method) -> None:
    """No foreign host notices a card that takes any key."""
    host = with_application(_generation(method), method)
    kind = KINDS[method]
    host.authenticate(1, secret(1, kind), method)
    with pytest.raises(AssertionError, match="AUTHENTICATION_ERROR"):
        host.authenticate(1, secret(2, kind), method)
    assert host.raw("51") == "ae"


@pytest.mark.parametrize("method", _BEGINNINGS)
def test_a_right_key_is_the_only_one_that_is_told_so(method: Method) -> None:
    """A card that says yes to a wrong key cannot prove that it has it."""
    host = with_application(_generation(method), method)
    host.authenticate(1, secret(1, KINDS[method]), method)
    assert host.done(0x51, mode=CommMode.FULL, size=7) == UID
    wrong = Host(_generation(method))
    with pytest.raises((AssertionError, BrokenMessage)):
        wrong.authenticate(0, secret(3, KINDS[method]), method)


@pytest.mark.parametrize("method", [Method.LEGACY, Method.ISO, Method.AES, Method.EV2_FIRST])
def test_a_key_of_another_kind_does_not_authenticate(method: Method) -> None:
    other = Method.AES if KINDS[method] is KeyType.TDES else Method.ISO
    host = with_application(EV2, other)
    begun = bytes((method, 0)) + (b"\x00" if method is Method.EV2_FIRST else b"")
    assert host.frame(begun) == (Status.AUTHENTICATION_ERROR, b"")


@pytest.mark.parametrize("method", _BEGINNINGS)
def test_a_key_that_is_not_there_is_named(method: Method) -> None:
    host = with_application(_generation(method), method, keys=2)
    begun = bytes((method, 2)) + (b"\x00" if method is Method.EV2_FIRST else b"")
    assert host.frame(begun) == (Status.NO_SUCH_KEY, b"")


@pytest.mark.parametrize("method", [Method.ISO, Method.AES, Method.EV2_FIRST])
def test_any_error_drops_the_authentication(method: Method) -> None:
    host = with_application(_generation(method), method)
    host.authenticate(0, secret(0, KINDS[method]), method)
    assert host.refused(0xF5, "09") is Status.FILE_NOT_FOUND
    assert host.raw("51") == "ae"


def test_a_d40_authentication_outlives_an_error() -> None:
    """Real cards: libfreefare's test_mifare_desfire.c."""
    host = with_application(EV1, Method.LEGACY)
    host.authenticate(0, secret(0, KeyType.TDES), Method.LEGACY)
    assert host.raw("f509") == "f0"
    assert host.done(0x51, mode=CommMode.FULL, size=7) == UID


@pytest.mark.parametrize("method", [Method.ISO, Method.AES, Method.EV2_FIRST])
def test_a_damaged_command_is_an_integrity_error(method: Method) -> None:
    host = with_application(_generation(method), method)
    host.authenticate(0, secret(0, KINDS[method]), method)
    assert host.channel is not None
    sealed = bytearray(host.channel.seal_command(0x54, b"", b"\x0b", CommMode.FULL))
    sealed[3] ^= 1
    assert host.frame(b"\x54" + sealed) == (Status.INTEGRITY_ERROR, b"")
    assert host.image.contents.applications[AID].settings == 0x0F
    assert host.raw("51") == "ae"


def test_an_ev2_session_ends_with_its_counter() -> None:
    host = with_application(EV2)
    host.authenticate(0, secret(0), Method.EV2_FIRST)
    for end in (host.channel, host.card.state.session.channel):
        end.counter = 0xFFFE  # type: ignore[union-attr]
    assert host.done(0x45) == b"\x0f\x85"
    assert isinstance(host.channel, Ev2Channel)
    right = host.channel._mac(0x45, b"")
    assert host.frame(b"\x45" + right) == (Status.INTEGRITY_ERROR, b"")


def test_a_second_ev2_authentication_goes_on_from_the_first_and_needs_one() -> None:
    host = with_application(EV2)
    assert host.raw("7700") == "ae"
    host.authenticate(0, secret(0), Method.AES)
    assert host.raw("7700") == "ae"


def test_more_applications_than_28_are_refused_by_an_ev1() -> None:
    host = Host(EV1)
    for number in range(28):
        host.done(0xCA, f"{number + 1:06x}0f00")
    assert host.refused(0xCA, "ff00000f00") is Status.COUNT_ERROR
    status, first = host.frame(b"\x6a")
    assert status is Status.ADDITIONAL_FRAME
    assert len(first) == 57, "an AID is never cut"
    host = Host(EV2)
    for number in range(29):
        host.done(0xCA, f"{number + 1:06x}0f00")


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("00caf00f05", Status.DUPLICATE),
        ("0000000f05", Status.PARAMETER_ERROR),
        ("0100000f0f", Status.PARAMETER_ERROR),
        ("0100000fc1", Status.PARAMETER_ERROR),
        ("0100000f11", Status.PARAMETER_ERROR),
        ("0100000f", Status.LENGTH_ERROR),
        ("0100000f0110", Status.LENGTH_ERROR),
        ("0100000f01" + "00" * 19, Status.LENGTH_ERROR),
    ],
)
def test_an_application_beyond_the_limits_is_refused(parameters: str, status: Status) -> None:
    host = with_application()
    assert host.refused(0xCA, "0200000f01") is Status.PERMISSION_DENIED, "not inside an application"
    host.select(bytes(3))
    assert host.refused(0xCA, parameters) is status
    assert list(host.image.contents.applications) == [AID]


def test_deleting_frees_no_memory_and_formatting_frees_all() -> None:
    host = with_application()
    assert host.refused(*create_standard(1, 0, 0xEEEE, 6000)) is Status.OUT_OF_MEMORY
    host.done(*create_standard(1, 0, 0xEEEE, 4000))
    host.done(0xDF, "01")
    assert host.refused(*create_standard(1, 0, 0xEEEE, 4000)) is Status.OUT_OF_MEMORY
    host.select(bytes(3))
    assert host.refused(0xFC) is Status.AUTHENTICATION_ERROR
    host.authenticate(0, ZERO, Method.LEGACY)
    host.done(0xFC)
    assert host.raw("6e") == "00001400"
    assert host.raw("6a") == "00"


@pytest.mark.parametrize("settings", [0x0F, 0x0D, 0x0B, 0x09])
def test_the_settings_of_the_card_say_what_is_free(settings: int) -> None:
    """Bit 1: listing; bit 2: creating. Refused is an authentication error: libfreefare's info tool needs it."""
    host = with_application()
    host.select(bytes(3))
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0x54, data=bytes((settings,)), mode=CommMode.FULL, size=0)
    host.select(bytes(3))
    for code, parameters, bit in ((0x6A, "", 2), (0x6D, "", 2), (0x45, "", 2), (0xCA, "0100000f01", 4)):
        expected = Status.OK if settings & bit else Status.AUTHENTICATION_ERROR
        assert host.ask(code, parameters)[0] is expected
    host.authenticate(0, ZERO, Method.ISO)
    for code, parameters in ((0x6A, ""), (0x45, ""), (0xCA, "0200000f01")):
        host.done(code, parameters)


def test_frozen_settings_stay() -> None:
    host = Host()
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0x54, data=b"\x07", mode=CommMode.FULL, size=0)
    assert host.refused(0x54, data=b"\x0f", mode=CommMode.FULL) is Status.PERMISSION_DENIED


def test_an_application_is_deleted_by_the_card_or_by_its_own_key() -> None:
    host = with_application()
    assert host.refused(0xDA, AID.hex()) is Status.AUTHENTICATION_ERROR
    host.authenticate(1, secret(1))
    assert host.refused(0xDA, AID.hex()) is Status.AUTHENTICATION_ERROR
    host.authenticate(0, secret(0))
    assert host.frame(b"\xda" + AID) == (Status.OK, b""), "the session is gone, so is its MAC"
    assert host.raw("6a") == "00"
    host = with_application()
    host.select(bytes(3))
    assert host.refused(0xDA, AID.hex()) is Status.AUTHENTICATION_ERROR
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0xDA, AID.hex())
    assert host.refused(0xDA, AID.hex()) is Status.APPLICATION_NOT_FOUND


def test_no_application_deletes_itself_where_only_the_card_creates() -> None:
    host = with_application()
    host.select(bytes(3))
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0x54, data=b"\x0b", mode=CommMode.FULL, size=0)
    host.select()
    host.authenticate(0, secret(0))
    assert host.refused(0xDA, AID.hex()) is Status.AUTHENTICATION_ERROR


@pytest.mark.parametrize("begun", ["0a01", "0a09", "1a01", "aa01"])
def test_beginning_an_authentication_ends_the_one_before(begun: str) -> None:
    """Also one that outlives errors."""
    host = with_application(EV1, Method.LEGACY)
    host.authenticate(0, secret(0, KeyType.TDES), Method.LEGACY)
    host.raw(begun)
    host.raw("6e")
    assert host.raw("51") == "ae"


def test_selecting_drops_the_authentication() -> None:
    host = with_application()
    host.authenticate(0, secret(0))
    host.select()
    assert host.raw("51") == "ae"
    assert host.refused(0x5A, "010203") is Status.APPLICATION_NOT_FOUND


@pytest.mark.parametrize("method", _BEGINNINGS)
def test_a_key_changes_and_the_old_one_opens_nothing(method: Method) -> None:
    kind = KINDS[method]
    host = with_application(_generation(method), method)
    new = secret(9, kind)
    host.authenticate(0, secret(0, kind), method)
    assert host.change_key(2, new, secret(2, kind), kind, version=0x42 if kind is KeyType.AES else 0) is Status.OK
    assert host.done(0x64, "02") == (b"\x42" if kind is KeyType.AES else b"\x00"), "the session goes on"
    host.authenticate(2, new, method)
    with pytest.raises(AssertionError, match="AUTHENTICATION_ERROR"):
        host.authenticate(2, secret(2, kind), method)


def test_a_new_key_over_a_wrong_old_one_is_refused() -> None:
    host = with_application()
    host.authenticate(0, secret(0))
    assert host.change_key(2, secret(9), secret(3)) is Status.INTEGRITY_ERROR
    host.authenticate(2, secret(2))


@pytest.mark.parametrize(
    ("settings", "by", "which", "status"),
    [
        (0x0F, 0, 1, Status.OK),
        (0x0F, 1, 1, Status.AUTHENTICATION_ERROR),
        (0x2F, 2, 1, Status.OK),
        (0x2F, 0, 1, Status.AUTHENTICATION_ERROR),
        (0x2F, 0, 2, Status.OK),
        (0x2F, 2, 2, Status.AUTHENTICATION_ERROR),
        (0xEF, 1, 1, Status.OK),
        (0xEF, 0, 1, Status.AUTHENTICATION_ERROR),
        (0xFF, 0, 1, Status.PERMISSION_DENIED),
        (0xFF, 0, 0, Status.OK),
        (0x0E, 0, 0, Status.PERMISSION_DENIED),
        (0x0F, 1, 0, Status.AUTHENTICATION_ERROR),
    ],
)
def test_the_settings_name_the_key_that_changes_keys(settings: int, by: int, which: int, status: Status) -> None:
    host = with_application()
    host.authenticate(0, secret(0))
    host.done(0x54, data=bytes((settings,)), mode=CommMode.FULL, size=0)
    host.authenticate(by, secret(by))
    assert host.change_key(which, secret(9), None if by == which else secret(which)) is status


def test_the_master_key_of_the_card_changes_its_kind() -> None:
    host = Host()
    host.authenticate(0, ZERO, Method.LEGACY)
    assert host.change_key(0x80, secret(0), None, KeyType.AES, version=3) is Status.OK
    assert host.raw("6400") == "0003"
    assert host.raw("45") == "000f81"
    assert host.raw("0a00") == "ae"
    host.authenticate(0, secret(0))
    assert host.change_key(0x40, bytes(range(0, 48, 2)), None, KeyType.TDES_3K) is Status.OK
    host.authenticate(0, bytes(range(0, 48, 2)), Method.ISO, KeyType.TDES_3K)
    assert host.change_key(0, b"\xfe" * 7 + b"\xff" + bytes(8), None, KeyType.TDES) is Status.OK
    assert host.raw("6400") == "0001", "a DES key has its version in its parity bits"


def test_configuration_sets_the_key_of_new_applications_and_forbids_formatting_for_ever() -> None:
    host = Host()
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0x5C, "01", secret(4) + bytes(8) + b"\x07", CommMode.FULL, size=0)
    host.done(0xCA, AID.hex() + "0f81")
    host.done(0x5C, "00", b"\x01", CommMode.FULL, size=0)
    host.done(0x5C, "00", b"\x00", CommMode.FULL, size=0)
    assert host.refused(0xFC) is Status.PERMISSION_DENIED
    host.select()
    assert host.raw("6400") == "0007"
    host.authenticate(0, secret(4))


def test_the_uid_needs_an_authentication_and_hides_where_it_is_random() -> None:
    host = Host()
    assert host.raw("51") == "ae"
    host.authenticate(0, ZERO, Method.ISO)
    host.done(0x5C, "00", b"\x02", CommMode.FULL, size=0)
    assert host.done(0x51, mode=CommMode.FULL, size=7) == UID
    assert UID not in host.done(0x60)
    assert host.memory.random_uid()[0] == 0x08


def test_df_names_come_one_a_frame() -> None:
    host = Host()
    host.done(0xCA, "0100000f01")
    host.done(0xCA, "0200000f0110e1" + b"one".hex())
    host.done(0xCA, "0300000f0111e1" + b"two".hex())
    assert host.refused(0xCA, "0400000f0110e1") is Status.DUPLICATE
    assert host.refused(0xCA, "0400000f0112e1" + b"two".hex()) is Status.DUPLICATE
    assert host.raw("6d") == "af" + "02000010e1" + b"one".hex()
    assert host.raw("af") == "00" + "03000011e1" + b"two".hex()


def test_a_long_command_comes_in_any_frames() -> None:
    data = bytes(range(200))
    for cut in (8, 9, 30, 55, 60):
        host = with_application()
        host.done(*create_standard(1, 0, 0xEEEE, 200))
        command = b"\x3d" + bytes.fromhex(place(1, 0, 200)) + data
        status, _ = host.frame(command[:cut])
        rest = command[cut:]
        while rest:
            assert status is Status.ADDITIONAL_FRAME
            status, _ = host.frame(b"\xaf" + rest[:cut])
            rest = rest[cut:]
        assert status is Status.OK
        assert host.done(0xBD, place(1, 0, 0)) == data
    status, _ = host.frame(b"\x3d" + bytes.fromhex(place(1, 0, 10)) + bytes(11))
    assert status is Status.LENGTH_ERROR
