"""Keys renewed on a card in use, cut anywhere: the card is served in every state, its purse untouched, its keys newest
in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from hardware.cards import key_renewal
from hardware.cards.classic import ClassicPurse
from hardware.cards.classic_session import ClassicSession
from hardware.cards.key_renewal import RenewalScript
from hardware.reader import CardGone
from hardware.virtual.desfire.contents import Generation
from tests.tears.desk_work import search
from tests.tears.family import Grain
from tests.tears.renewing import CURRENT, ClassicBearer, DesfireBearer, DesfireBefore, Renewing, renewals

_BOUND = frozenset({2, 3})
"""From the copy of the certificate in force to the one that a load is written to: a cut there leaves a purse with keys
of two versions, within that copy too."""
_TWICE = frozenset({1, 2, 5, 0})
"""The first and the last trailer written, a certificate's second, the ring's."""
_desfires = pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)


def _bounded() -> tuple[Renewing, ...]:
    """Of a Classic: at a terminal that never saw the card and has a load for it, and of the sale in doubt."""
    return tuple(replace(work, visits=work.visits[-1:]) for work in renewals(ClassicBearer(_BOUND)))


def _hold(works: Iterable[Renewing], *grains: Grain) -> None:
    for work in works:
        found = search(work, work.start, grains)
        print(f"saw {found.states} states after {found.cuts} cuts: {work.bearer.family.name}, renewal of keys")
        assert found.violation is None, "\n".join([found.violation, *found.trace])
        assert found.states >= 5


def test_a_classic_cut_anywhere_in_its_renewal_is_served_and_renewed() -> None:
    _hold(_bounded(), Grain.CLASSES)


@_desfires
def test_a_desfire_cut_anywhere_in_its_renewal_is_served_and_renewed(generation: Generation) -> None:
    _hold(renewals(DesfireBearer(DesfireBefore(generation))), Grain.CLASSES)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_classic_cut_at_any_command_of_its_renewal_is_served_and_renewed() -> None:
    _hold(renewals(ClassicBearer()), Grain.CLASSES)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_classic_cut_twice_in_its_renewal_is_served_and_renewed() -> None:
    _hold(renewals(ClassicBearer(_TWICE)), Grain.CLASSES, Grain.CLASSES)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@_desfires
def test_a_desfire_cut_twice_in_its_renewal_is_served_and_renewed(generation: Generation) -> None:
    _hold(renewals(DesfireBearer(DesfireBefore(generation))), Grain.CLASSES, Grain.CLASSES)


def test_terminals_need_the_previous_keys() -> None:
    work, _ = renewals(DesfireBearer(DesfireBefore(Generation.EV2)), CURRENT)
    violation = search(work, work.start, (Grain.CLASSES,)).violation
    assert violation == "a card in mid-renewal is not served: TAP ends FOREIGN_CARD"


def test_a_write_must_find_a_sectors_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(purse: ClassicPurse) -> None:
        if not purse._session.selected:
            raise CardGone("bench", "a wrong key")

    monkeypatch.setattr(ClassicPurse, "_select_as_read", give_up)
    work, _ = _bounded()
    violation = search(work, work.start, (Grain.CLASSES,)).violation
    assert violation == "a card in mid-renewal is not served: TAP ends CARD_MOVED"


def test_the_last_renewed_trailer_must_be_written_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    write = key_renewal._write

    def believe(session: ClassicSession, script: RenewalScript, sector: int, borne: int) -> None:
        if borne != 0:
            write(session, script, sector, borne)

    monkeypatch.setattr(key_renewal, "_write", believe)
    work, _ = _bounded()
    assert search(work, work.start, (Grain.CLASSES,)).violation == "a renewed card bears another key"
