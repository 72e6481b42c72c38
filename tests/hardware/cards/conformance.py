"""What every card family must do behind the card port, as functions that take a maker of a bench.

A family's test module runs `check(make)` for each of `CHECKS`. The bench is a real reader process with one personalised
card; nothing here knows the family. Rings are filled in slot order, as P-R2 has it: families may rely on that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import pytest

from hardware.cards.port import PurseCard, Written
from hardware.reader import CardGone, WrongKey

TEAR_MODES = ("before", "erased", "half", "weak", "after")
ZEROS = bytes(16)


@dataclass(frozen=True, slots=True)
class Tear:
    """The card leaves in `mode` at host command `command` from the listing of the card, which is command 1."""

    mode: str
    command: int


class CardBench(Protocol):
    """A reader and a card that is fresh from the desk, with room for purse 0 and 1."""

    debit_commands: int
    """Host commands of one debit of a known purse."""
    commit_command: int
    """The one of them at which a tear leaves it open whether the record stands."""

    def present(self, tear: Tear | None = None, purse: int = 0, own_keys: bool = True) -> PurseCard:
        """Lay the card down anew, list it, select a purse. Raises `CardGone` when the listing finds nothing."""
        ...

    def remove(self) -> None:
        """Take the card away."""
        ...

    def swap(self) -> None:
        """Take the card away and lay another one of ours down."""
        ...

    def add_another(self) -> None:
        """Lay another card down beside it."""
        ...

    def commands(self) -> int:
        """Host commands so far."""
        ...


MakeBench = Callable[[], AbstractContextManager[CardBench]]


def _image(counter: int) -> bytes:
    """A record's counter and its debited, 100 fen a record, and a filling."""
    return (counter << 4).to_bytes(3, "big") + (100 * counter).to_bytes(4, "big") + bytes([counter]) * 9


def _last_copy(card: PurseCard) -> int:
    return card.family.limits.certificate_copies - 1


def _debit(bench: CardBench, counter: int, tear: Tear | None = None) -> Written:
    """A tap as the terminal does it: list, read the ring, write the record."""
    try:
        card = bench.present(tear)
        card.read_ring()
    except CardGone:
        return Written.UNSENT
    return card.commit_record(counter % 3, _image(counter), 100)


def a_record_is_acknowledged_and_still_there_at_the_next_tap(make: MakeBench) -> None:
    with make() as bench:
        before = bench.present().read_ring()
        for counter in range(1, 6):
            card = bench.present()
            card.read_ring()
            assert card.commit_record(counter % 3, _image(counter), 100) is Written.ACKED
        assert before != (_image(3), _image(4), _image(5))
        assert bench.present().read_ring() == (_image(3), _image(4), _image(5))


def a_debit_costs_no_command_too_many(make: MakeBench) -> None:
    with make() as bench:
        before = bench.commands()
        assert _debit(bench, 1) is Written.ACKED
        assert bench.commands() - before == bench.debit_commands


def a_torn_debit_is_never_acked_and_an_unsent_one_never_on_the_card(make: MakeBench) -> None:
    """P-R3. Torn at every command, in every mode; the records beside the target are never touched."""
    with make() as bench:
        for counter in (1, 2, 3):
            assert _debit(bench, counter) is Written.ACKED
        counter = 3
        for mode in TEAR_MODES:
            for command in range(1, bench.debit_commands + 1):
                counter += 1
                before = bench.present().read_ring()
                outcome = _debit(bench, counter, Tear(mode, command))
                after = bench.present().read_ring()
                target = counter % 3
                assert outcome is not Written.ACKED, (mode, command)
                for slot in {0, 1, 2} - {target}:
                    assert after[slot] == before[slot], (mode, command)
                if outcome is Written.UNSENT:
                    assert after == before, (mode, command)
                assert _debit(bench, counter) is Written.ACKED, (mode, command)


def a_tear_behind_the_last_command_changes_nothing(make: MakeBench) -> None:
    with make() as bench:
        assert _debit(bench, 1, Tear("half", bench.debit_commands + 1)) is Written.ACKED
        assert bench.present().read_ring()[1] == _image(1)


def a_card_taken_away_is_gone_and_unwritten(make: MakeBench) -> None:
    with make() as bench:
        card = bench.present()
        before = card.read_ring()
        bench.remove()
        with pytest.raises(CardGone):
            card.read_certificate(0)
        assert card.commit_record(1, _image(10), 100) is Written.UNSENT
        assert card.blank_slot(0) is Written.UNSENT
        assert card.write_certificate(_last_copy(card), bytes(96)) is Written.UNSENT
        assert bench.present().read_ring() == before


def a_write_to_a_card_taken_away_unnoticed_is_unknown(make: MakeBench) -> None:
    """The write command left the host: what became of it only the next tap can tell. An atomic card fails before the
    commit that would have brought it into force."""
    with make() as bench:
        card = bench.present()
        before = card.read_ring()
        bench.remove()
        outcome = Written.UNSENT if card.atomic else Written.UNKNOWN
        assert card.commit_record(1, _image(10), 100) is outcome
        assert bench.present().read_ring() == before


def after_a_failed_write_the_card_must_be_read_before_it_is_written(make: MakeBench) -> None:
    with make() as bench:
        card = bench.present(Tear("half", bench.commit_command))
        card.read_ring()
        assert card.commit_record(1, _image(10), 100) is Written.UNKNOWN
        assert card.commit_record(1, _image(10), 100) is Written.UNSENT


def another_card_in_its_place_is_neither_read_nor_written(make: MakeBench) -> None:
    """P-R25."""
    with make() as bench:
        card = bench.present()
        card.read_ring()
        bench.swap()
        with pytest.raises(CardGone):
            card.read_ring()
        with pytest.raises(CardGone, match="expected"):
            card.read_ring()
        assert card.commit_record(1, _image(10), 100) is Written.UNSENT


def a_second_card_beside_it_stops_the_recovery(make: MakeBench) -> None:
    with make() as bench:
        card = bench.present(Tear("half", bench.commit_command))
        card.read_ring()
        assert card.commit_record(1, _image(10), 100) is Written.UNKNOWN
        bench.present()
        bench.add_another()
        with pytest.raises(CardGone, match="and"):
            card.read_ring()


def wrong_keys_read_nothing_and_send_no_write(make: MakeBench) -> None:
    with make() as bench:
        before = bench.present().read_ring()
        card = bench.present(own_keys=False)
        with pytest.raises(WrongKey):
            card.read_ring()
        with pytest.raises(WrongKey):
            card.read_certificate(0)
        assert bench.present(own_keys=False).commit_record(1, _image(10), 100) is Written.UNSENT
        assert bench.present().read_ring() == before


def a_blanked_slot_is_zeros_and_its_neighbours_stand(make: MakeBench) -> None:
    """P-R4. What an atomic card cannot read never comes back: there is nothing to blank."""
    with make() as bench:
        for counter in (1, 2, 3):
            assert _debit(bench, counter) is Written.ACKED
        card = bench.present()
        card.read_ring()
        assert card.blank_slot(1) is Written.ACKED
        assert bench.present().read_ring() == (_image(3), _image(1) if card.atomic else ZEROS, _image(2))


def a_delivered_certificate_and_its_record_are_read_at_the_next_tap(make: MakeBench) -> None:
    """P-R16: a copy, then the record that puts it in force; the other copy and the ring stand."""
    with make() as bench:
        for copy in reversed(range(bench.present().family.limits.certificate_copies)):
            image = bytes([0xC0 + copy]) + bytes(range(95))
            card = bench.present()
            ring = card.read_ring()
            other = card.read_certificate(1 - copy)
            assert card.write_certificate(copy, image) is Written.ACKED
            if card.atomic:
                assert bench.present().read_certificate(copy) != image, "nothing is in force before its record is"
                card = bench.present()
                card.read_ring()
                assert card.write_certificate(copy, image) is Written.ACKED
            assert card.commit_record(copy, _image(69 + copy), 0) is Written.ACKED
            again = bench.present()
            assert again.read_certificate(copy) == image
            assert again.read_certificate(1 - copy) == other
            slots = again.read_ring()
            assert slots[copy] == _image(69 + copy)
            assert [slots[slot] for slot in range(3) if slot != copy] == [
                ring[slot] for slot in range(3) if slot != copy
            ]


def a_torn_certificate_is_never_acked_and_the_other_copy_stands(make: MakeBench) -> None:
    with make() as bench:
        before = bench.present().read_certificate(0)
        start = bench.commands()
        card = bench.present()
        ring = card.read_ring()
        first = bench.commands() - start + 1
        assert card.write_certificate(_last_copy(card), bytes([0xCE]) * 96) is Written.ACKED
        last = bench.commands() - start
        for command in range(first, last + 1):
            mode = TEAR_MODES[command % len(TEAR_MODES)]
            card = bench.present(Tear(mode, command))
            card.read_ring()
            assert card.write_certificate(_last_copy(card), bytes([command]) * 96) is not Written.ACKED, (mode, command)
            again = bench.present()
            assert again.read_certificate(0) == before
            assert again.read_ring() == ring


def purses_do_not_touch_each_other(make: MakeBench) -> None:
    with make() as bench:
        other = bench.present(purse=1).read_ring()
        card = bench.present()
        card.read_ring()
        assert card.commit_record(0, _image(9), 100) is Written.ACKED
        assert card.write_certificate(0, bytes([0xAB]) * 96) is Written.ACKED
        assert bench.present(purse=1).read_ring() == other


CHECKS = (
    a_record_is_acknowledged_and_still_there_at_the_next_tap,
    a_debit_costs_no_command_too_many,
    a_torn_debit_is_never_acked_and_an_unsent_one_never_on_the_card,
    a_tear_behind_the_last_command_changes_nothing,
    a_card_taken_away_is_gone_and_unwritten,
    a_write_to_a_card_taken_away_unnoticed_is_unknown,
    after_a_failed_write_the_card_must_be_read_before_it_is_written,
    another_card_in_its_place_is_neither_read_nor_written,
    a_second_card_beside_it_stops_the_recovery,
    wrong_keys_read_nothing_and_send_no_write,
    a_blanked_slot_is_zeros_and_its_neighbours_stand,
    a_delivered_certificate_and_its_record_are_read_at_the_next_tap,
    a_torn_certificate_is_never_acked_and_the_other_copy_stands,
    purses_do_not_touch_each_other,
)
