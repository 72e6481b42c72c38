"""A DESFire's whole way: blank, issued and loaded at a desk, paid with at a terminal; cut and gone on with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.card_verification import verify_card
from firmware.desk.card_work import CardWork
from firmware.desk.issuing import Pace
from firmware.results import Paid
from hardware.sam.software import SoftwareSam
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import Generation, blank_image
from hardware.virtual.process import VirtualReader
from onecard.desk import BadDeskMessage, CardKeys, CardPlaced, CardScript, Found, Renewal
from onecard.identity import card_number
from onecard.keys import Role
from onecard.kinds import Outcome
from server.keyd import store
from tests.firmware.desk.conftest import LOAD, RENEWAL, Centre, Place
from tests.firmware.desk.test_desk import assert_issued, lay, outcomes, witness
from tools.bench.till import Issuer, Till

_UID = bytes.fromhex("04782e21801d80")
_KEYS: CardKeys = ((b"card master key.",), (b"key 0 of purse 0", b"key 1 of purse 0", b"key 2 of purse 0"))


@pytest.fixture(params=list(Generation), ids=[generation.value for generation in Generation])
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A card as from the factory."""
    card_file.save(tmp_path / "card", blank_image(_UID, request.param))
    return tmp_path / "card"


def issuer_of(centre: Centre) -> Issuer:
    """The centre's keys, for a terminal at a till."""
    secrets = store.load(centre.folder)
    roles = (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.CLASSIC_PERSONALISE, Role.DESFIRE_DEBIT)
    return Issuer(seed=secrets.newest(Role.ISSUER)[1], masters={role: secrets.newest(role)[1] for role in roles})


def faults(place: Place) -> tuple[str, ...]:
    """What is wrong with the card that lies there."""
    keys = place.centre.identity
    return verify_card(place.reader, SoftwareSam(keys.keys), keys.public(), os.urandom).faults


def test_it_is_issued_loaded_and_paid_with(place: Place, virtual: VirtualReader, card: Path, tmp_path: Path) -> None:
    lay(virtual, card)
    assert place.work() is Pace.IDLE
    assert_issued(place)
    assert place.centre.asked[1] == CardPlaced(1, _UID, 2, Found.BLANK, b"")
    place.centre.jobs = [LOAD]
    lay(virtual, card)
    assert place.work() is Pace.IDLE
    assert witness(place)[1].loaded == 150_00
    lay(virtual, card)
    till = Till(place.reader, tmp_path / "till", issuer_of(place.centre), 3)
    paid = till.pay(45_00)
    assert isinstance(paid, Paid)
    assert paid.balance == 105_00
    lay(virtual, card)
    assert faults(place) == ()


@pytest.mark.parametrize("commands", [5, 15, 30, 45, 60])
def test_an_issue_cut_at_a_command_goes_on_with_the_same_card(
    place: Place, virtual: VirtualReader, card: Path, commands: int
) -> None:
    lay(virtual, card)
    virtual.command(f"tear before command {commands}")
    assert place.work() is Pace.CARD
    place.restart()
    lay(virtual, card)
    assert place.work() is Pace.IDLE
    assert_issued(place)
    assert faults(place) == ()


def test_a_card_of_another_kind_of_key_is_not_begun(place: Place, virtual: VirtualReader, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    card_file.save(foreign, blank_image(_UID, Generation.EV2, b"somebody elses k"))
    lay(virtual, foreign)
    place.work()
    assert place.centre.asked[1] == CardPlaced(1, _UID, 2, Found.UNKNOWN, b"")
    assert outcomes(place) == [Outcome.ABANDONED]
    assert "master key" in place.centre.failed[0]


@pytest.mark.parametrize("commands", [0, 12, 22, 30, 40])
def test_its_keys_are_renewed_and_the_purse_stands(
    place: Place, virtual: VirtualReader, card: Path, commands: int
) -> None:
    lay(virtual, card)
    place.work()
    for role in (Role.DESFIRE_DEBIT, Role.DESFIRE_PERSONALISE):
        place.centre.renew_key(role)
    place.centre.jobs = [RENEWAL]
    place.restart()
    before = witness(place)
    lay(virtual, card)
    if commands:
        virtual.command(f"tear after command {commands}")
        assert place.work() is Pace.CARD
        lay(virtual, card)
    assert place.work() is Pace.IDLE
    assert witness(place) == before
    lay(virtual, card)
    keys = place.centre.identity
    found = verify_card(place.reader, SoftwareSam(keys.keys), keys.public(), os.urandom)
    assert (found.inspection.purses, found.inspection.earlier, found.faults) == ((0,), (), ())


@pytest.mark.parametrize("keys", [(), _KEYS[:1], (_KEYS[0], _KEYS[1][:2]), ((b"short",), _KEYS[1])])
@pytest.mark.parametrize("family", [1, 2, 3])
def test_keys_that_do_not_fit_the_family_write_nothing(
    place: Place, virtual: VirtualReader, tmp_path: Path, keys: CardKeys, family: int
) -> None:
    card = tmp_path / "card"
    card_file.save(card, blank_image(_UID, Generation.EV2))
    lay(virtual, card)
    before = card_file.load(card)
    work = CardWork(place.reader, os.urandom)
    with pytest.raises(BadDeskMessage):
        work.make(CardScript(_UID, family, card_number(1), 0, bytes(96), bytes(48), keys))
    with pytest.raises(BadDeskMessage):
        work.renew(Renewal(_UID, family, (keys,)))
    with pytest.raises(BadDeskMessage):
        work.make(CardScript(_UID, 2, card_number(1), 1, bytes(96), bytes(48), _KEYS))
    assert card_file.load(card) == before
