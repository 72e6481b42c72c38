"""A card that speaks ISO 14443-4 does not hear a search once it was listed; only a scripted chip is as strict."""

from __future__ import annotations

from hardware.pn532.chip import IN_LIST_PASSIVE_TARGET, RF_CONFIGURATION, Chip
from hardware.pn532.frames import ACK
from hardware.pn532.reader import Pn532Reader
from hardware.pn532.transport import SerialTransport
from tests.hardware.pn532.chip_script import ChipScript, chip_script, response

_DESFIRE = bytes.fromhex("01 01 0344 20 07 04782e21801d80 06 7577810280")
_CLASSIC = bytes.fromhex("01 01 0004 08 04 d610b626")


class _Field:
    """One card; `field_off` wakes it, a listing makes a DESFire deaf."""

    def __init__(self, card: bytes) -> None:
        self.card: bytes | None = card
        self._deaf = False

    def answers(self, code: int, data: bytes) -> list[bytes]:
        if code == RF_CONFIGURATION:
            self._deaf = False
        if code != IN_LIST_PASSIVE_TARGET:
            return [ACK, response(code, b"")]
        found = b"\x00" if self._deaf or self.card is None else self.card
        self._deaf = found == _DESFIRE
        return [ACK, response(code, found)]


def _polled(field: _Field, script: ChipScript, reader: Pn532Reader) -> tuple[int, list[int]]:
    """How many cards a poll finds, and what it asked the chip."""
    del script.commands[:]
    return len(reader.poll()), list(script.commands)


def test_a_card_that_stays_is_listed_again_and_one_that_left_is_not() -> None:
    field = _Field(_DESFIRE)
    with chip_script(field.answers) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        again = [IN_LIST_PASSIVE_TARGET, RF_CONFIGURATION, IN_LIST_PASSIVE_TARGET]
        assert _polled(field, script, reader) == (1, [IN_LIST_PASSIVE_TARGET])
        assert _polled(field, script, reader) == (1, again)
        assert _polled(field, script, reader) == (1, again)
        reader.release()
        assert _polled(field, script, reader) == (1, [IN_LIST_PASSIVE_TARGET])
        field.card = None
        assert _polled(field, script, reader) == (0, again)
        assert _polled(field, script, reader) == (0, [IN_LIST_PASSIVE_TARGET])
        reader.close()


def test_a_classic_card_that_left_costs_no_second_search() -> None:
    field = _Field(_CLASSIC)
    with chip_script(field.answers) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        assert _polled(field, script, reader) == (1, [IN_LIST_PASSIVE_TARGET])
        field.card = None
        assert _polled(field, script, reader) == (0, [IN_LIST_PASSIVE_TARGET])
        reader.close()
