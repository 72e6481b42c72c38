"""Keys renewed, and any job gone on with at another desk, from wherever the card was taken away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.desk.issuing import NothingToRecover, Pace
from firmware.desk.service import finish
from hardware.cards.inspection import Inspection, inspect_classic
from hardware.sam.software import SoftwareSam
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader
from onecard import desk
from onecard.desk import BadDeskMessage, CardPlaced, JobDone, Next, Order, Recover
from onecard.keys import Role
from onecard.records import Issue
from tests.firmware.desk.conftest import ISSUE, RENEWAL, TRANSPORT, UID, Centre, Place
from tests.firmware.desk.test_desk import assert_issued, lay, witness

MakePlace = Callable[[Centre], Place]
MASTERS = (Role.CLASSIC_READ_WRITE, Role.CLASSIC_PERSONALISE)


@pytest.fixture
def elsewhere(place: Place, tmp_path: Path) -> MakePlace:
    """Makes another desk of the same centre; the card lies on the reader of whichever asks."""
    return lambda centre: Place(place.reader, tmp_path / f"journal-{centre.station}", centre.elsewhere())


def inspected(place: Place, virtual: VirtualReader, card: Path) -> Inspection:
    lay(virtual, card)
    (target,) = place.reader.poll()
    return inspect_classic(place.reader, target, SoftwareSam(place.centre.identity.keys))


def waits_for_nothing(seconds: float) -> None:
    raise AssertionError("the card lies there")


def in_use(place: Place, virtual: VirtualReader, blank: Path) -> None:
    """A card issued under the first keys; the chain has newer ones, which this desk has been enrolled anew for."""
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    for role in MASTERS:
        place.centre.renew_key(role)
    place.centre.jobs, place.centre.asked = [RENEWAL], []
    place.restart()


def test_a_card_in_use_gets_the_newest_keys_and_keeps_its_purse(
    place: Place, virtual: VirtualReader, blank: Path
) -> None:
    in_use(place, virtual, blank)
    before = witness(place)
    assert inspected(place, virtual, blank).earlier == tuple(range(16))
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert [type(request) for request in place.centre.asked] == [Next, CardPlaced, JobDone, Next]
    assert inspected(place, virtual, blank) == Inspection(UID, (0,), (), ())
    lay(virtual, blank)
    assert witness(place) == before
    assert len(place.records(Issue)) == 1, "nothing of the purse changes: nothing is journaled"


@pytest.mark.parametrize("commands", [3, 40, 110, 160, 200, 208])
def test_a_renewal_cut_at_a_command_goes_on_at_another_desk(
    place: Place, virtual: VirtualReader, blank: Path, elsewhere: MakePlace, commands: int
) -> None:
    in_use(place, virtual, blank)
    before = witness(place)
    lay(virtual, blank)
    virtual.command(f"tear before command {commands}")
    assert place.work() is Pace.CARD
    other = elsewhere(place.centre)
    lay(virtual, blank)
    if RENEWAL.job in place.centre.bound:
        other.desk.recover(UID)
        assert finish(other.desk, stopping=lambda: False, wait=waits_for_nothing)
    else:
        assert other.work() is Pace.IDLE
    assert not other.desk.busy
    assert inspected(other, virtual, blank) == Inspection(UID, (0,), (), ())
    lay(virtual, blank)
    assert witness(other) == before
    other.journal.close()


def test_a_trailer_torn_in_a_renewal_ends_the_job_and_the_card(
    place: Place, virtual: VirtualReader, blank: Path
) -> None:
    in_use(place, virtual, blank)
    lay(virtual, blank)
    virtual.command("tear half 4")
    assert place.work() is Pace.CARD
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert "destroy the card" in place.centre.failed[0]
    assert any("does not open" in fault for fault in inspected(place, virtual, blank).faults)


@pytest.mark.parametrize("commands", [40, 110, 160, 220, 270, 300])
def test_an_issue_cut_at_a_command_goes_on_at_another_desk(
    place: Place, virtual: VirtualReader, blank: Path, elsewhere: MakePlace, commands: int
) -> None:
    lay(virtual, blank)
    virtual.command(f"tear before command {commands}")
    assert place.work() is Pace.CARD
    assert place.centre.bound == {1: UID}
    other = elsewhere(place.centre)
    lay(virtual, blank)
    other.desk.recover(UID)
    assert other.work() is Pace.IDLE
    assert_issued(other)
    assert inspected(other, virtual, blank) == Inspection(UID, (0,), (), ())
    other.journal.close()


def test_an_interrupted_issue_is_no_sound_card(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    virtual.command("tear before command 160")
    assert place.work() is Pace.CARD
    found = inspected(place, virtual, blank)
    assert found.purses == ()
    assert any("public key" in fault for fault in found.faults)


def test_a_recovery_goes_on_with_no_other_card(
    place: Place, virtual: VirtualReader, blank: Path, elsewhere: MakePlace, tmp_path: Path
) -> None:
    lay(virtual, blank)
    virtual.command("tear before command 160")
    assert place.work() is Pace.CARD
    other = elsewhere(place.centre)
    other.desk.recover(UID)
    other.centre.refuse = desk.Refused(1, final=False, words="this job goes on with another card")
    stranger = tmp_path / "stranger"
    card_file.save(stranger, blank_image(b"\1\2\3\4", TRANSPORT))
    before = card_file.load(stranger).blocks
    lay(virtual, stranger)
    assert other.work() is Pace.CARD
    assert card_file.load(stranger).blocks == before
    other.centre.refuse = None
    lay(virtual, blank)
    assert other.work() is Pace.IDLE
    assert_issued(other)
    other.journal.close()


def test_a_recovery_whose_card_is_waste_does_not_succeed(
    place: Place, virtual: VirtualReader, blank: Path, elsewhere: MakePlace
) -> None:
    lay(virtual, blank)
    virtual.command("tear half 3")
    assert place.work() is Pace.CARD
    other = elsewhere(place.centre)
    lay(virtual, blank)
    other.desk.recover(UID)
    assert not finish(other.desk, stopping=lambda: False, wait=waits_for_nothing)
    assert "destroy the card" in other.centre.failed[0]
    other.journal.close()


def test_a_stop_leaves_the_recovery_for_the_next_run(
    place: Place, virtual: VirtualReader, blank: Path, elsewhere: MakePlace
) -> None:
    lay(virtual, blank)
    virtual.command("tear before command 160")
    place.work()
    other = elsewhere(place.centre)
    other.desk.recover(UID)
    assert not finish(other.desk, stopping=lambda: True, wait=waits_for_nothing)
    assert other.desk.busy
    other.journal.close()


def test_nothing_is_recovered_where_no_card_was_bound(place: Place, virtual: VirtualReader, blank: Path) -> None:
    with pytest.raises(NothingToRecover, match=UID.hex()):
        place.desk.recover(UID)
    assert not place.desk.busy
    lay(virtual, blank)
    place.work()
    place.centre.jobs = [Order(2, RENEWAL.action, 0, 0, "another's")]
    with pytest.raises(NothingToRecover):
        place.desk.recover(UID)


def test_an_answer_that_is_no_job_recovers_nothing(place: Place) -> None:
    place.centre.bound = {ISSUE.job: UID}
    place.centre.recovered = desk.Accepted(1)
    with pytest.raises(BadDeskMessage):
        place.desk.recover(UID)
    assert place.centre.asked == [Recover(UID)]
