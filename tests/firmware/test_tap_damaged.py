"""A debit of a DESFire of which one answer comes damaged: no such tap is paid, and the next one debits once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from firmware.results import Declined, InDoubt, Paid, Shown
from hardware.cards.desfire import layout
from hardware.cards.desfire.status import Status
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import DesfireImage, Generation, ValueFile
from tests.hardware.cards.desfire.scripted import Meddler
from tools.bench.till import Counter, Issuer, Till, counter

Damage: TypeAlias = Callable[[bytes], bytes]
_UID = bytes.fromhex("04782e21801d80")
_SELECT_APPLICATION, _COMMIT = 0x5A, 0xC7
_EXCHANGES = 8
"""Of a debit of a known card, its listing apart."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("reader"), seed=9) as made:
        yield made


class _Line:
    """Damages the answer to one exchange; `sound` are the answers as the card gave them, `codes` what was asked."""

    def __init__(self) -> None:
        self.begin(-1, bytes)

    def begin(self, place: int, damage: Damage) -> None:
        """From now, the answer in this place is damaged; -1: none."""
        self.sound: list[bytes] = []
        self.codes: list[int] = []
        self._place, self._damage = place, damage

    def __call__(self, frame: bytes, answer: bytes) -> bytes:
        self.sound.append(answer)
        self.codes.append(frame[0])
        return self._damage(answer) if len(self.sound) - 1 == self._place else answer


def _changed(at: int, answer: bytes) -> bytes:
    return answer[:at] + bytes([answer[at] ^ 0x55]) + answer[at + 1 :]


def _cut(at: int, answer: bytes) -> bytes:
    return answer[:at]


def _continued(more: int, answer: bytes) -> bytes:
    return answer + bytes(more)


def _replaced(status: int, answer: bytes) -> bytes:
    return bytes([status])


def _damages(size: int) -> Iterator[Damage]:
    """Every byte changed; cut at the ends, in the middle and before a MAC; continued; a bare OK; more to come."""
    yield from (partial(_changed, at) for at in range(size))
    yield from (partial(_cut, at) for at in sorted({0, size // 2, max(size - 8, 0), size - 1}))
    yield from (partial(_continued, more) for more in (1, 16, 200))
    yield from (partial(_replaced, status) for status in (Status.OK, Status.ADDITIONAL_FRAME))


def _debited(card: Path) -> int:
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    file = image.contents.applications[layout.application(0)].files[layout.DEBIT_FILE]
    assert isinstance(file, ValueFile)
    return layout.START_VALUE - file.value


@pytest.mark.parametrize("place", range(_EXCHANGES))
@pytest.mark.parametrize("generation", list(Generation), ids=[each.value for each in Generation])
def test_an_answer_damaged_anywhere_is_never_paid_and_the_next_tap_debits_once(
    generation: Generation, place: int, desk: Counter, tmp_path: Path
) -> None:
    """P-R3, I-02. A select of the application has nothing behind its status that could be damaged."""
    issuer, line = Issuer(), _Line()
    card = issuer.desfire_card(tmp_path / "card", _UID, 1_000_000, generation)
    till = Till(Meddler(desk.reader, line), tmp_path / "journal", issuer, 1)  # type: ignore[arg-type]
    desk.place(card)
    assert isinstance(till.teller.inquire(settle=False), Shown)
    desk.place(card)
    line.begin(-1, bytes)
    assert isinstance(till.pay(1), Paid)
    assert len(line.sound) == _EXCHANGES
    sound, code = line.sound[place], line.codes[place]
    damages = [damage for damage in _damages(len(sound)) if damage(sound) != sound]
    for debits, damage in enumerate(damages, start=2):
        desk.place(card)
        line.begin(place, damage)
        tapped = till.pay(1)
        if code != _SELECT_APPLICATION:
            assert isinstance(tapped, InDoubt if code == _COMMIT else Declined), damage
        if not isinstance(tapped, Paid):
            desk.place(card)
            line.begin(-1, bytes)
            assert isinstance(till.pay(1), Paid), damage
        assert _debited(card) == debits, damage
