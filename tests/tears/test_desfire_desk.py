"""Making a DESFire cut anywhere: continued by the same script at any desk; never half-finished and ours."""

from __future__ import annotations

import pytest

from hardware.cards.desfire import administration, personalisation
from hardware.cards.desfire.layout import CARD_LEVEL, MASTER_KEY
from hardware.cards.desfire.opening import opens, opens_as_from_factory
from hardware.cards.desfire.session import DesfireSession
from hardware.virtual.desfire.contents import Generation
from tests.tears.choices import Choices
from tests.tears.desk_work import Ending, run, search
from tests.tears.family import Grain
from tests.tears.making_desfire import SCRIPT, Making

generations = pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)
_STATES_AT_LEAST = 13


def _hold(generation: Generation, *grains: Grain) -> None:
    found = search(Making(generation), Making(generation).start, grains)
    print(f"saw {found.states} states after {found.cuts} cuts: DESFire {generation.name}, personalisation")
    assert found.violation is None, "\n".join([found.violation, *found.trace])
    assert found.states >= _STATES_AT_LEAST


@generations
def test_a_desfire_cut_anywhere_at_the_desk_is_finished_at_any_desk(generation: Generation) -> None:
    _hold(generation, Grain.CLASSES)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@generations
def test_a_desfire_cut_twice_at_the_desk_is_finished_at_any_desk(generation: Generation) -> None:
    _hold(generation, Grain.CLASSES, Grain.CLASSES)


def _open_under_our_key(session: DesfireSession) -> None:
    """The card's own key is changed as soon as the factory's is found."""
    ours = SCRIPT.keys[0][0]
    session.select_application(CARD_LEVEL)
    if opens_as_from_factory(session):
        administration.change_card_key(session, ours, 1)
        session.select_application(CARD_LEVEL)
    assert opens(session, MASTER_KEY, ours)


def test_the_cards_own_key_must_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personalisation, "_open_blank", _open_under_our_key)
    work = Making(Generation.EV2)
    assert run(work, work.start, Choices()).ending is Ending.FINISHED
    found = search(work, work.start, (Grain.CLASSES,))
    assert found.violation == "a card that opens with our key is not whole"


def test_a_card_must_be_looked_at_before_it_is_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personalisation, "_refuse_if_used", lambda session, script, number: None)
    work = Making(Generation.EV2)
    found = search(work, work.start, (Grain.CLASSES,))
    assert found.violation == "a card that a terminal wrote on is written again"
