"""The desk's work cut anywhere: continued by the same script, or named as waste; never half-finished and finished."""

from __future__ import annotations

import pytest

from hardware.cards import personalisation
from hardware.cards.classic_layout import TRANSPORT_KEY, trailer_block
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.personalisation import personalise
from hardware.cards.personalisation_script import PersonalisationScript
from hardware.reader import CardError, Reader, Target
from tests.tears.choices import Choices
from tests.tears.classic import Blocks, Classic, blank, personalised
from tests.tears.cuts import AFTER, CardLeaves
from tests.tears.family import Grain
from tests.tears.operations import issued
from tests.tears.personalising import Desk, Ending, Found, newest_debited, search
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import ISSUER, LOADED, UID

_SCRIPT = ISSUER.script(UID, ISSUER.certificate(UID, 1, LOADED))
_BOUND = frozenset({0, 1, 5, 15})
"""The first sector written, the ring's, the last but one, and the identification's."""


def _hold(found: Found, what: str) -> None:
    print(
        f"saw {found.states} states after {found.runs} cuts: {what}; run again, {found.finished} can be finished,"
        f" {found.waste} can be waste"
    )
    assert found.violation is None, "\n".join([found.violation, *found.trace])
    assert found.finished
    assert found.waste


def test_a_card_cut_anywhere_at_the_desk_is_finished_or_named_as_waste() -> None:
    _hold(search(Desk(_SCRIPT), blank(UID), (Grain.CLASSES,), _BOUND), "Classic, personalisation")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_card_cut_at_any_byte_at_the_desk_is_finished_or_named_as_waste() -> None:
    _hold(search(Desk(_SCRIPT), blank(UID), (Grain.BYTES,)), "Classic, personalisation, every byte")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_card_cut_twice_at_the_desk_is_finished_or_named_as_waste() -> None:
    _hold(search(Desk(_SCRIPT), blank(UID), (Grain.CLASSES, Grain.CLASSES)), "Classic, personalisation cut twice")


def test_a_card_in_use_is_left_as_it_is_wherever_the_desk_is_cut() -> None:
    """N is never lowered: not a byte of it is written."""
    stage = Stage(Classic())
    spent = stage.run(issued(stage), Step(Doing.TAP, 0), Choices()).world.card
    assert isinstance(spent, Blocks)
    _is_left_as_it_is(spent)


def test_a_card_spent_before_it_was_finished_keeps_what_was_debited() -> None:
    """Its ring's sector was finished, its last ones not; a terminal took it; the desk goes on with it."""
    whole = personalised(_SCRIPT)
    blocks = [*whole.blocks[: 4 * 6], *blank(UID).blocks[4 * 6 :]]
    blocks[:4] = blank(UID).blocks[:4]
    stage = Stage(Classic())
    spent = stage.run(issued(stage)._replace(card=Blocks(UID, tuple(blocks))), Step(Doing.TAP, 0), Choices()).world.card
    assert isinstance(spent, Blocks)
    assert newest_debited(spent)
    _is_left_as_it_is(spent)


def _is_left_as_it_is(card: Blocks) -> None:
    desk = Desk(_SCRIPT)
    uncut = desk.run(card, Choices())
    assert uncut.ending is Ending.IN_USE
    assert uncut.card == card
    for moment, command in uncut.sent.items():
        assert not Classic().commits(command)
        assert desk.run(card, Choices(), CardLeaves(moment, AFTER)).card == card


def _identification_first(reader: Reader, target: Target, script: PersonalisationScript) -> None:
    session = ClassicSession(reader, target)
    try:
        session.authenticate(0, Key.A, TRANSPORT_KEY)
        for block, image in script.sector_data(0).items():
            session.write(block, image)
        session.write(trailer_block(0), script.trailer(0))
    except CardError:
        session.select()
    personalise(reader, target, script)


def _trailers_first(reader: Reader, target: Target, script: PersonalisationScript) -> None:
    session = ClassicSession(reader, target)
    found = personalisation._survey(session, script)
    for sector in [sector for sector in personalisation.SECTOR_ORDER if sector not in found]:
        session.select()
        session.authenticate(sector, Key.A, TRANSPORT_KEY)
        session.write(trailer_block(sector), script.trailer(sector))
        session.authenticate(sector, Key.B, script.keys[sector].key_b)
        for block, image in script.sector_data(sector).items():
            session.write(block, image)


def _no_second_trailer(reader: Reader, target: Target, script: PersonalisationScript) -> None:
    session = ClassicSession(reader, target)
    found = personalisation._survey(session, script)
    for sector in personalisation.SECTOR_ORDER:
        if sector not in found:
            personalisation._write_sector(session, script, sector)


@pytest.mark.parametrize(
    ("mutant", "breaks"),
    [
        (_identification_first, "a card that says it is ours"),
        (_trailers_first, "run again, the card ends"),
        (_no_second_trailer, "a finished card does not hold its script"),
    ],
    ids=["identification first", "trailers before data", "last trailer believed"],
)
def test_each_rule_of_the_desk_is_needed(mutant: object, breaks: str) -> None:
    desk = Desk(_SCRIPT, mutant)  # type: ignore[arg-type]
    found = search(desk, blank(UID), (Grain.CLASSES,), frozenset({1, 15}))
    assert found.violation is not None
    assert found.violation.startswith(breaks), found.violation
