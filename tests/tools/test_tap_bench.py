"""What a tap costs in exchanges, ours and libfreefare's, by the virtual reader's own count."""

from __future__ import annotations

import pytest

from tools.bench.tap import BAUDS, our_taps
from tools.bench.tap_cards import Card
from tools.bench.tap_rival import rival_tap

_FIRST = {Card.CLASSIC: 16, Card.EV1: 12, Card.EV2: 11}
_KNOWN = {Card.CLASSIC: 7, Card.EV1: 9, Card.EV2: 9}


@pytest.mark.parametrize("baud", BAUDS)
@pytest.mark.parametrize("card", list(Card))
def test_a_tap_costs_its_exchanges_at_either_baud_rate(card: Card, baud: int) -> None:
    taps = our_taps(card, baud, known=2)
    assert (taps.first.commands, taps.known.commands) == (_FIRST[card], _KNOWN[card])


@pytest.mark.parametrize("card", [Card.CLASSIC, Card.EV1])
def test_libfreefares_same_debit_costs_more_exchanges(card: Card) -> None:
    rival = rival_tap(card, 115200)
    assert rival.debiting.commands >= _KNOWN[card] - 1, "it makes the same debit: all but our listing"
    assert rival.commands > _KNOWN[card]
