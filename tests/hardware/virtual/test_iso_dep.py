"""Blocks of ISO/IEC 14443-4: the card's rules, and the chip's reader against them."""

from __future__ import annotations

import pytest

from hardware.virtual.air import Answer, Heard
from hardware.virtual.iso_dep import IsoDep
from hardware.virtual.iso_dep_reader import IsoDepReader

_ATS = bytes.fromhex("067577810280")


class _Echo:
    """Answers each message with itself and its number, `times` over."""

    def __init__(self, times: int = 1) -> None:
        self.messages: list[bytes] = []
        self._times = times

    def __call__(self, message: bytes) -> bytes:
        self.messages.append(message)
        return message * self._times


def _card(fsdi_cid: int = 0x50, times: int = 1) -> tuple[IsoDep, _Echo]:
    echo = _Echo(times)
    card = IsoDep(echo)
    assert card.activate(bytes((0xE0, fsdi_cid)), _ATS) == _ATS
    return card, echo


def _heard(card: IsoDep, block: str) -> str | None:
    answer = card.hear(bytes.fromhex(block))
    return None if answer is None else answer.hex()


@pytest.mark.parametrize("command", ["e0", "e05000", "e150", "e05f", "0200"])
def test_what_is_no_rats_is_not_answered(command: str) -> None:
    card = IsoDep(_Echo())
    assert card.activate(bytes.fromhex(command), _ATS) is None
    assert not card.active


def test_block_numbers_toggle_and_begin_at_zero() -> None:
    card, echo = _card()
    assert [_heard(card, block) for block in ("02aa", "03bb", "02cc")] == ["02aa", "03bb", "02cc"]
    assert echo.messages == [b"\xaa", b"\xbb", b"\xcc"]


def test_a_nak_gets_the_last_block_again_and_nothing_is_done_twice() -> None:
    card, echo = _card()
    assert _heard(card, "02aa") == "02aa"
    assert _heard(card, "b2") == "02aa"
    assert _heard(card, "b2") == "02aa"
    assert echo.messages == [b"\xaa"]


def test_a_nak_with_the_other_number_is_an_attention_request() -> None:
    card, echo = _card()
    assert _heard(card, "b2") == "a3", "before any block too"
    _heard(card, "02aa")
    assert _heard(card, "b3") == "a2"
    assert _heard(card, "03bb") == "03bb"
    assert len(echo.messages) == 2


def test_a_chained_message_is_acknowledged_part_by_part() -> None:
    card, echo = _card()
    assert _heard(card, "12" + "11" * 5) == "a2"
    assert _heard(card, "13" + "22" * 5) == "a3"
    assert echo.messages == []
    assert _heard(card, "02" + "33") == "02" + "11" * 5 + "22" * 5 + "33"


@pytest.mark.parametrize(("fsdi", "size"), [(0, 16), (2, 32), (5, 64), (8, 256)])
def test_no_answer_is_longer_than_the_readers_frame(fsdi: int, size: int) -> None:
    card, _ = _card(fsdi << 4, times=200)
    answer = _heard(card, "02aabb")
    assert answer is not None
    assert len(answer) // 2 == size - 2
    whole, number = bytes.fromhex(answer[2:]), 1
    while int(answer[:2], 16) & 0x10:
        again = _heard(card, f"{0xB2 | number ^ 1:02x}")
        assert again == answer, "a part of a chain too"
        answer = _heard(card, f"{0xA2 | number:02x}")
        assert answer is not None
        assert int(answer[:2], 16) & 1 == number
        whole, number = whole + bytes.fromhex(answer[2:]), number ^ 1
    assert whole == bytes.fromhex("aabb") * 200


def test_a_card_with_a_number_hears_only_what_is_for_it() -> None:
    card, echo = _card(0x53)
    for block in ("02aa", "0a04aa", "0a", "b2", "c2", "ca01"):
        assert _heard(card, block) is None
    assert _heard(card, "0a03aa") == "0a03aa"
    assert echo.messages == [b"\xaa"]
    assert _heard(card, "ca03") == "ca03"
    assert not card.active


@pytest.mark.parametrize("block", ["06aa", "22aa", "e2", "f201", "a2ff", "c2ff", "00", "ff", "d011", "d10100"])
def test_what_is_no_block_is_let_pass(block: str) -> None:
    card, echo = _card()
    _heard(card, "02aa")
    assert _heard(card, block) is None
    assert _heard(card, "03bb") == "03bb"
    assert len(echo.messages) == 2


def test_deselect_ends_it_and_everything_is_forgotten() -> None:
    card, _ = _card()
    _heard(card, "12aa")
    assert _heard(card, "c2") == "c2"
    assert not card.active
    card.activate(b"\xe0\x50", _ATS)
    assert _heard(card, "02bb") == "02bb"


def test_the_rate_is_set_once_and_first() -> None:
    card, _ = _card()
    assert _heard(card, "d0110a") == "d0"
    assert card.rate == 2
    assert _heard(card, "d01100") is None
    card, _ = _card()
    _heard(card, "02aa")
    assert _heard(card, "d0110a") is None
    assert card.rate == 0


@pytest.mark.parametrize("size", [0, 1, 60, 61, 62, 122, 123, 300])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_the_chip_carries_messages_of_any_size(size: int, times: int) -> None:
    echo = _Echo(times)
    card = IsoDep(echo)
    sizes: list[int] = []

    def hear(frame: bytes) -> Answer:
        sizes.append(len(frame))
        data = card.hear(frame) if card.active else card.activate(frame, _ATS)
        return Answer(Heard.SILENCE) if data is None else Answer(Heard.DATA, data)

    reader = IsoDepReader(hear)
    assert reader.activate().data == _ATS
    message = bytes(n & 0xFF for n in range(size))
    for _ in range(3):
        assert reader.is_there().data is not None
        assert reader.exchange(message).data == message * times
    assert echo.messages == [message] * 3
    assert max(sizes) <= 62, "FSC 64 with its CRC"


def test_the_chip_tells_silence_from_nonsense() -> None:
    answers = iter([Answer(Heard.DATA, _ATS), Answer(Heard.DATA, b"\x03xx"), Answer(Heard.SILENCE, us=7.0)])
    reader = IsoDepReader(lambda _: next(answers))
    reader.activate()
    wrong = reader.exchange(b"m")
    assert (wrong.data, wrong.silent) == (None, False)
    gone = reader.exchange(b"m")
    assert (gone.data, gone.silent, gone.us) == (None, True, 7.0)
