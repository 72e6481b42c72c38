"""The tap's rules, on a virtual card behind the shipped driver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.purse_memory import PurseName
from firmware.results import Abandoned, Declined, InDoubt, NoCard, Paid, Shown
from firmware.tap import TapLimits
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from onecard.kinds import Action, CardKind, DeclineReason, Outcome, Purpose, PurseUnit
from onecard.money import Fen
from onecard.purse.certificate import Flags
from onecard.purse.plan import SILENT_CARD_INTENTS
from onecard.purse.record import COUNTER_LIMIT
from onecard.records import Ack, Decline, Intent, OutcomeRecord
from tools.bench.till import NOON, Counter, Issuer, Till, counter, uids

_UID, _OTHER = uids(2)
_TEARS = ("before", "erased", "half", "weak", "after")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("reader"), seed=7) as made:
        yield made


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def till(desk: Counter, issuer: Issuer, tmp_path: Path) -> Till:
    return Till(desk.reader, tmp_path / "journal", issuer, next(_numbers))


@pytest.fixture
def other_till(desk: Counter, issuer: Issuer, tmp_path: Path) -> Till:
    return Till(desk.reader, tmp_path / "other-journal", issuer, next(_numbers))


@pytest.fixture
def card(issuer: Issuer, tmp_path: Path) -> Path:
    return issuer.card(tmp_path / "card", _UID, loaded=5000)


def _outcomes(till: Till) -> list[Outcome]:
    return [Outcome(record.outcome) for record in till.records(OutcomeRecord)]


def _declined(till: Till, reason: DeclineReason) -> bool:
    """The last tap was refused for that reason, journaled so, and no intent was made for it."""
    return till.records(Decline)[-1].reason == reason and not till.records(Intent)


def test_nothing_on_the_reader_is_no_card(desk: Counter, till: Till) -> None:
    desk.place()
    assert till.pay() == NoCard()


def test_the_balance_is_what_was_loaded_less_what_was_debited(desk: Counter, till: Till, card: Path) -> None:
    """I-03: read off the card's own certificate and ring, at a sale and at an inquiry."""
    desk.place(card)
    for paid, left in ((1000, 4000), (1, 3999), (3999, 0)):
        sold = till.pay(paid)
        assert isinstance(sold, Paid)
        seen = till.teller.inquire(settle=False)
        assert isinstance(seen, Shown)
        assert (sold.balance, seen.balance) == (left, left)


def test_a_known_card_is_debited_in_seven_host_commands(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    before = desk.reader.commands
    result = till.pay(1000)
    assert desk.reader.commands - before == 7
    assert isinstance(result, Paid)
    assert result.balance == 3000


def test_a_first_sight_debit_costs_sixteen_host_commands(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    before = desk.reader.commands
    assert isinstance(till.pay(), Paid)
    assert desk.reader.commands - before == 16


def test_the_intent_is_durable_before_the_card_is_written(desk: Counter, till: Till, card: Path) -> None:
    """I-01: whatever a tear leaves, the journal on the disk already tells of the attempt."""
    desk.place(card)
    desk.tear("before")
    assert isinstance(till.pay(700), InDoubt)
    assert till.durable == till.log.next_sequence - 1
    till.restart()
    assert till.memory.open_sale is not None
    assert till.memory.open_sale.intent.amount == 700


def test_paid_is_durable_before_it_is_shown(desk: Counter, till: Till, card: Path) -> None:
    """P-R3."""
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    assert till.durable == till.log.next_sequence - 1


def test_paid_by_a_re_tap_is_durable_before_it_is_shown(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    desk.tear("erased")
    assert isinstance(till.pay(), InDoubt)
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    assert till.durable == till.log.next_sequence - 1


def test_paid_by_a_seal_is_durable_before_it_is_shown(desk: Counter, till: Till, other_till: Till, card: Path) -> None:
    desk.place(card)
    desk.tear("after")
    assert isinstance(till.pay(), InDoubt)
    desk.place(card)
    assert isinstance(other_till.pay(), Paid)
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    assert till.durable == till.log.next_sequence - 1


def test_abandoned_is_durable_before_it_is_shown(desk: Counter, till: Till, card: Path) -> None:
    """P-R6."""
    desk.place(card)
    desk.tear("after")
    assert isinstance(till.pay(), InDoubt)
    assert till.teller.abandon() is not None
    assert till.durable == till.log.next_sequence - 1


@pytest.mark.parametrize("mode", _TEARS)
def test_a_torn_sale_is_in_doubt_and_the_re_tap_pays_it_once(mode: str, desk: Counter, till: Till, card: Path) -> None:
    """I-02, P-R3, P-R5."""
    desk.place(card)
    desk.tear(mode)
    assert till.pay(1200) == InDoubt(_UID, Fen(1200))
    assert _outcomes(till) == []
    desk.place(card)
    result = till.pay(1200)
    assert isinstance(result, Paid)
    assert result.balance == 3800
    assert Outcome.PAID in _outcomes(till)
    desk.place(card)
    shown = till.teller.inquire(settle=False)
    assert isinstance(shown, Shown)
    assert shown.balance == 3800


@pytest.mark.parametrize("mode", _TEARS)
def test_a_re_tap_after_a_power_cut_pays_once(mode: str, desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    desk.tear(mode)
    assert isinstance(till.pay(1200), InDoubt)
    till.restart()
    desk.place(card)
    result = till.pay(9999)  # the price of the sale in doubt counts, not a new one
    assert isinstance(result, Paid)
    assert (result.amount, result.balance) == (1200, 3800)


def test_a_re_tap_torn_again_stays_in_doubt(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    desk.tear("erased")
    assert isinstance(till.pay(), InDoubt)
    desk.place(card)
    desk.tear("half")
    assert isinstance(till.pay(), InDoubt)
    desk.place(card)
    assert isinstance(till.pay(), Paid)


def test_abandoned_is_final(desk: Counter, till: Till, card: Path) -> None:
    """P-R6: a later tap of the same card is a new sale, even when the first debit stands."""
    desk.place(card)
    desk.tear("after")
    assert isinstance(till.pay(1000), InDoubt)
    assert till.teller.abandon() == Abandoned(_UID, Fen(1000))
    till.restart()
    desk.place(card)
    result = till.pay(1000)
    assert isinstance(result, Paid)
    assert result.balance == 3000
    assert _outcomes(till) == [Outcome.ABANDONED, Outcome.PAID]


def test_another_card_abandons_the_sale_in_doubt(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    other = issuer.card(card.with_name("other"), _OTHER, loaded=5000)
    desk.place(card)
    desk.tear("erased")
    assert isinstance(till.pay(), InDoubt)
    desk.place(other)
    result = till.pay()
    assert isinstance(result, Paid)
    assert result.uid == _OTHER
    assert _outcomes(till) == [Outcome.ABANDONED, Outcome.PAID]


def test_a_seal_shows_the_balance_under_the_certificate_in_force(
    desk: Counter, till: Till, other_till: Till, issuer: Issuer, card: Path
) -> None:
    """I-03: the load that another terminal delivered between the sale and its seal is in the balance."""
    desk.place(card)
    desk.tear("after")
    assert isinstance(till.pay(), InDoubt)
    other_till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    desk.place(card)
    assert isinstance(other_till.pay(500), Paid)
    desk.place(card)
    sealed = till.pay()
    assert isinstance(sealed, Paid)
    assert sealed.balance == 9000 - 1000 - 500


def test_a_sale_overtaken_elsewhere_is_sealed_by_a_null_record(
    desk: Counter, till: Till, other_till: Till, card: Path
) -> None:
    """P-R5: the own record lies below the newest; it may not be written again (hole H5)."""
    desk.place(card)
    desk.tear("after")
    assert isinstance(till.pay(1000), InDoubt)
    desk.place(card)
    assert isinstance(other_till.pay(500), Paid)
    desk.place(card)
    result = till.pay(1000)
    assert isinstance(result, Paid)
    assert result.balance == 3500
    assert [Purpose(intent.purpose) for intent in till.records(Intent)] == [Purpose.SALE, Purpose.SEAL]


def test_a_sale_whose_base_was_overtaken_is_abandoned(desk: Counter, till: Till, other_till: Till, card: Path) -> None:
    desk.place(card)
    desk.tear("before")
    assert isinstance(till.pay(1000), InDoubt)
    desk.place(card)
    assert isinstance(other_till.pay(500), Paid)
    desk.place(card)
    assert till.pay(1000) == Abandoned(_UID, Fen(1000))
    assert _outcomes(till) == [Outcome.ABANDONED]


def test_a_card_with_less_than_this_terminal_debited_is_behind(desk: Counter, till: Till, card: Path) -> None:
    """P-R8: a restored dump is refused, journaled with its ring, and nothing is written on it."""
    dump, blocks = card.read_bytes(), card_file.load(card).blocks
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    desk.place()
    card.write_bytes(dump)
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.CARD_BEHIND, _UID)
    assert till.records(Decline)[-1].ring != b""
    assert card_file.load(card).blocks == blocks


def test_a_restored_card_is_behind_after_a_restart_too(desk: Counter, till: Till, card: Path) -> None:
    dump = card.read_bytes()
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    desk.place()
    card.write_bytes(dump)
    till.restart()
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.CARD_BEHIND, _UID)


def test_a_rolled_back_card_does_not_settle_a_sale_in_doubt(desk: Counter, till: Till, card: Path) -> None:
    """Hole H13: the base must pass the bounds again."""
    desk.place(card)
    dump = card.read_bytes()
    assert isinstance(till.pay(), Paid)
    assert isinstance(till.pay(), Paid)
    desk.tear("after")
    assert isinstance(till.pay(), InDoubt)
    card.write_bytes(dump)
    desk.place(card)
    assert not isinstance(till.pay(), Paid)


def test_a_certificate_from_the_downlink_lands_before_the_debit(
    desk: Counter, till: Till, card: Path, issuer: Issuer
) -> None:
    """P-R16."""
    assert till.memory.learn([issuer.certificate(_UID, 2, 9000)]) == []
    desk.place(card)
    result = till.pay(6000)
    assert isinstance(result, Paid)
    assert result.balance == 3000
    purposes = [(Purpose(i.purpose), i.load_sequence, i.copy) for i in till.records(Intent)]
    assert purposes == [(Purpose.DELIVERY, 1, 0), (Purpose.SALE, 2, 1)]


def test_a_delivered_certificate_serves_at_a_terminal_that_never_heard_of_it(
    desk: Counter, till: Till, other_till: Till, card: Path, issuer: Issuer
) -> None:
    till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    desk.place(card)
    assert isinstance(till.pay(6000), Paid)
    desk.place(card)
    result = other_till.pay(2000)
    assert isinstance(result, Paid)
    assert result.balance == 1000


@pytest.mark.parametrize("mode", _TEARS)
@pytest.mark.parametrize("after_writes", range(8))
def test_a_torn_delivery_leaves_a_card_that_can_be_used(
    mode: str, after_writes: int, desk: Counter, till: Till, card: Path, issuer: Issuer
) -> None:
    """P-R16: whatever write of a delivery is torn, the copy in force is readable and no fen moves."""
    till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    desk.place(card)
    desk.tear(mode, after_writes)
    torn = till.pay(1000)
    if after_writes == 7:  # null record, six blocks, then the sale's own record
        assert isinstance(torn, InDoubt)
    else:
        assert torn == Declined(DeclineReason.CARD_MOVED, _UID)
        assert {intent.purpose for intent in till.records(Intent)} == {Purpose.DELIVERY}
    desk.place(card)
    result = till.pay(1000)
    assert isinstance(result, Paid)
    assert result.balance == 8000


def test_an_older_certificate_never_replaces_a_newer_one(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    """P-R17, hole H19."""
    till.memory.learn([issuer.certificate(_UID, 3, 9000)])
    till.memory.learn([issuer.certificate(_UID, 2, 7000)])
    desk.place(card)
    result = till.pay(1000)
    assert isinstance(result, Paid)
    assert result.balance == 8000


def test_a_certificate_eight_loads_ahead_is_delivered(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    """The ring names L modulo 8 only: nine is one there, and still must be delivered."""
    till.memory.learn([issuer.certificate(_UID, 9, 9000)])
    desk.place(card)
    assert isinstance(till.pay(6000), Paid)
    assert [Purpose(i.purpose) for i in till.records(Intent)] == [Purpose.DELIVERY, Purpose.SALE]


def test_a_certificate_that_was_only_read_does_not_count_as_the_last_in_force(
    desk: Counter, till: Till, other_till: Till, card: Path, issuer: Issuer
) -> None:
    """Hole H29: L 9 was in force under a record that then vanished, as an unacknowledged one can; L 1 looks alike."""
    desk.place(card)
    before = card.read_bytes()
    other_till.memory.learn([issuer.certificate(_UID, 9, 9000)])
    assert isinstance(other_till.pay(1000), Paid)
    desk.place(card)
    assert isinstance(till.pay(50_000), Declined)  # reads it
    card.write_bytes(before)
    desk.place(card)
    assert isinstance(till.pay(6000), Paid)
    assert [Purpose(i.purpose) for i in till.records(Intent)] == [Purpose.DELIVERY, Purpose.SALE]


def test_the_cards_own_newer_certificate_counts_before_short_of_money_is_said(
    desk: Counter, till: Till, other_till: Till, card: Path, issuer: Issuer
) -> None:
    """P-R18: this terminal holds L 1; the card got L 9 elsewhere, which looks the same modulo 8."""
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)
    other_till.memory.learn([issuer.certificate(_UID, 9, 20_000)])
    desk.place(card)
    assert isinstance(other_till.pay(1000), Paid)
    desk.place(card)
    result = till.pay(15_000)
    assert isinstance(result, Paid)
    assert result.balance == 3000


def test_a_forged_certificate_is_not_learnt(till: Till, issuer: Issuer) -> None:
    forged = bytearray(issuer.certificate(_UID, 2, 9000))
    forged[7] = 0xFF
    assert len(till.memory.learn([bytes(forged)])) == 1


def test_too_little_money_is_declined_with_the_balance(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    assert till.pay(5001) == Declined(DeclineReason.SHORT_OF_MONEY, _UID, Fen(5000))
    assert _declined(till, DeclineReason.SHORT_OF_MONEY)


def test_two_cards_are_declined(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    other = issuer.card(card.with_name("other"), _OTHER, loaded=5000)
    desk.place(card, other)
    assert till.pay() == Declined(DeclineReason.TWO_CARDS)


def test_a_card_of_another_system_is_declined(desk: Counter, till: Till, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    card_file.save(foreign, blank_image(_UID, [(b"\xff" * 6, b"\xff" * 6)] * 16))
    desk.place(foreign)
    assert till.pay() == Declined(DeclineReason.FOREIGN_CARD)
    assert _declined(till, DeclineReason.FOREIGN_CARD)


def test_a_hotlisted_card_is_declined(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    till.refuse(issuer.number(_UID))
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.HOTLISTED, _UID)
    assert _declined(till, DeclineReason.HOTLISTED)


def test_an_expired_card_is_declined(desk: Counter, till: Till, tmp_path: Path, issuer: Issuer) -> None:
    desk.place(issuer.card(tmp_path / "old", _UID, loaded=5000, expiry=1000))
    assert till.pay() == Declined(DeclineReason.EXPIRED, _UID)


def test_a_cashier_card_does_not_pay(desk: Counter, till: Till, tmp_path: Path, issuer: Issuer) -> None:
    desk.place(issuer.card(tmp_path / "staff", _UID, loaded=0, kind=CardKind.CASHIER))
    assert till.pay() == Declined(DeclineReason.WRONG_KIND, _UID)
    known = till.teller.identify(Action.SIGN_ON)
    assert isinstance(known, Shown)
    assert (known.kind, known.card_number) == (CardKind.CASHIER, issuer.number(_UID))


def test_a_purse_of_entries_is_not_spent_as_fen(desk: Counter, till: Till, tmp_path: Path, issuer: Issuer) -> None:
    desk.place(issuer.card(tmp_path / "entries", _UID, loaded=5000, unit=PurseUnit.ENTRIES))
    assert till.pay() == Declined(DeclineReason.WRONG_KIND, _UID)


def test_a_patrons_card_does_not_sign_on(desk: Counter, till: Till, card: Path) -> None:
    desk.place(card)
    assert till.teller.identify(Action.SIGN_ON) == Declined(DeclineReason.WRONG_KIND, _UID)


def test_a_free_card_is_recorded_and_not_charged(desk: Counter, till: Till, tmp_path: Path, issuer: Issuer) -> None:
    desk.place(issuer.card(tmp_path / "free", _UID, loaded=0, kind=CardKind.FREE))
    result = till.pay(4000)
    assert isinstance(result, Paid)
    assert result.amount == 0
    intent = till.records(Intent)[-1]
    assert isinstance(intent, Intent)
    assert (intent.purpose, intent.amount, intent.list_price) == (Purpose.FREE, 0, 4000)


def test_the_offline_cap_bounds_what_one_card_spends_here(desk: Counter, till: Till, card: Path) -> None:
    """P-R22."""
    till.restart(TapLimits(Fen(1500)))
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)
    assert till.pay(1000) == Declined(DeclineReason.OFFLINE_CAP, _UID, Fen(4000))
    till.restart(TapLimits(Fen(1500)))
    assert till.pay(1000) == Declined(DeclineReason.OFFLINE_CAP, _UID, Fen(4000))


def test_an_inquiry_that_settles_writes_a_null_record(desk: Counter, till: Till, card: Path) -> None:
    """P-R12."""
    desk.place(card)
    shown = till.teller.inquire(settle=True)
    assert isinstance(shown, Shown)
    assert shown.balance == 5000
    intent = till.records(Intent)[-1]
    assert isinstance(intent, Intent)
    assert (intent.purpose, intent.amount, intent.counter) == (Purpose.SETTLE, 0, 3)
    assert _outcomes(till) == [Outcome.ACKED]


def test_an_inquiry_puts_a_waiting_load_on_the_card(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    desk.place(card)
    shown = till.teller.inquire(settle=False)
    assert isinstance(shown, Shown)
    assert (shown.balance, shown.loaded) == (9000, True)


def test_an_unreadable_ring_is_refused_and_never_zero(desk: Counter, till: Till, card: Path) -> None:
    """P-R1, hole H22."""
    image = card_file.load(card)
    for block in range(20, 23):
        image.blocks[block] = bytes(16)
    card_file.save(card, image)
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.UNREADABLE_RING, _UID)


def test_an_abandoned_sale_and_the_next_one_have_different_bytes(desk: Counter, till: Till, card: Path) -> None:
    """P-R7, hole H10: same counter, same amount, same terminal; the sequence byte tells them apart even when the
    journal has gone round 256."""
    desk.place(card)
    desk.tear("before")
    assert isinstance(till.pay(1000), InDoubt)
    first = till.records(Intent)[-1]
    till.teller.abandon()
    (taken,) = till.memory.unresolved(PurseName(_UID, 0))
    till.log.skip_to((till.log.next_sequence | 0xFF) + 1 + taken.sequence_byte)
    assert till.log.next_sequence & 0xFF == taken.sequence_byte
    desk.place(card)
    result = till.pay(1000)
    assert isinstance(result, Paid)
    assert result.sequence & 0xFF != taken.sequence_byte
    second = till.records(Intent)[-1]
    assert isinstance(first, Intent)
    assert isinstance(second, Intent)
    assert (first.counter, first.debited) == (second.counter, second.debited)


def test_an_unreadable_block_is_blanked_before_the_next_debit(desk: Counter, till: Till, card: Path) -> None:
    """P-R4, hole H8: a weak record that comes back later must not find its block as it left it."""
    image = card_file.load(card)
    image.blocks[21] = b"\xa5" * 16
    card_file.save(card, image)
    desk.place(card)
    assert isinstance(till.pay(), Paid)
    assert card_file.load(card).blocks[21] == bytes(16)


def test_a_sale_whose_blanking_is_torn_was_never_sent(desk: Counter, till: Till, card: Path) -> None:
    """P-R3: UNSENT, told as declined, and nothing stays open; but its name stays taken, for the server may have the
    intent before it has this word (P-R7)."""
    image = card_file.load(card)
    image.blocks[21] = b"\xa5" * 16
    card_file.save(card, image)
    desk.place(card)
    desk.tear("half")
    assert till.pay() == Declined(DeclineReason.CARD_MOVED, _UID)
    assert _outcomes(till) == [Outcome.UNSENT]
    assert till.memory.open_sale is None
    assert len(till.memory.unresolved(PurseName(_UID, 0))) == 1
    desk.place(card)
    assert isinstance(till.pay(), Paid)


def test_a_card_below_its_own_certificates_floor_is_behind(
    desk: Counter, till: Till, tmp_path: Path, issuer: Issuer
) -> None:
    """P-R8, R15, at first sight."""
    desk.place(issuer.card(tmp_path / "rolled", _UID, loaded=5000, floor_counter=9, floor_debited=800))
    assert till.pay() == Declined(DeclineReason.CARD_BEHIND, _UID)


def test_a_card_below_a_downlinked_certificates_floor_is_behind(
    desk: Counter, till: Till, card: Path, issuer: Issuer
) -> None:
    till.memory.learn([issuer.certificate(_UID, 2, 9000, floor_counter=9, floor_debited=800)])
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.CARD_BEHIND, _UID)


def test_a_certificate_that_the_ring_does_not_name_is_refused(
    desk: Counter, till: Till, card: Path, issuer: Issuer
) -> None:
    """An old certificate of the same card, written back under a ring that names a newer one."""
    image = card_file.load(card)
    for place, block in enumerate((4, 5, 6, 8, 9, 10)):
        image.blocks[block] = issuer.certificate(_UID, 2, 9000)[16 * place : 16 * place + 16]
    card_file.save(card, image)
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.BAD_CERTIFICATE, _UID)
    assert _declined(till, DeclineReason.BAD_CERTIFICATE)


def test_a_certificate_changed_on_the_card_is_refused(desk: Counter, till: Till, card: Path) -> None:
    """I-10: whoever has the sector keys can write blocks, and cannot write a signature."""
    image = card_file.load(card)
    block = bytearray(image.blocks[4])
    block[7] = 0x7F
    image.blocks[4] = bytes(block)
    card_file.save(card, image)
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.BAD_CERTIFICATE, _UID)


def test_a_hotlisted_card_is_not_loaded_by_an_inquiry(desk: Counter, till: Till, card: Path, issuer: Issuer) -> None:
    till.refuse(issuer.number(_UID))
    till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    desk.place(card)
    assert till.teller.inquire(settle=True) == Declined(DeclineReason.HOTLISTED, _UID)
    assert till.records(Intent) == []


def test_an_acknowledged_sync_gives_the_offline_cap_anew(desk: Counter, till: Till, card: Path) -> None:
    """P-R22, docs/adr/0007."""
    till.restart(TapLimits(Fen(1500)))
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)
    till.log.write(Ack(at=NOON, generation=1, received=1, safe=1, safe_tag=bytes(8), hotlist=0, state=0), durable=False)
    assert isinstance(till.pay(1000), Paid)


def test_a_card_near_its_last_counter_is_worn_out_even_with_a_load_waiting(
    desk: Counter, till: Till, tmp_path: Path, issuer: Issuer
) -> None:
    """P-R24: a delivery and a debit are two records."""
    newest = COUNTER_LIMIT - 2
    desk.place(issuer.card(tmp_path / "worn", _UID, loaded=5000, counter=newest - 2))
    till.memory.learn([issuer.certificate(_UID, 2, 9000)])
    assert till.pay() == Declined(DeclineReason.WORN_OUT, _UID, Fen(9000))


def test_an_unfinished_null_record_is_abandoned_at_the_next_start(
    desk: Counter, till: Till, card: Path, issuer: Issuer
) -> None:
    desk.place(card)
    assert isinstance(till.teller.inquire(settle=True), Shown)
    sequence = till.log.next_sequence
    intent = till.records(Intent)[-1]
    assert isinstance(intent, Intent)
    till.log.write(replace(intent, counter=intent.counter + 1), durable=True)  # and the power goes
    till.restart()
    assert till.records(OutcomeRecord)[-1] == OutcomeRecord(sequence, Outcome.ABANDONED, NOON)


def test_a_closed_card_is_declined(desk: Counter, till: Till, tmp_path: Path, issuer: Issuer) -> None:
    """P-R23: a certificate says that the card was given back."""
    desk.place(issuer.card(tmp_path / "closed", _UID, loaded=5000, flags=Flags.CLOSED))
    assert till.pay() == Declined(DeclineReason.HOTLISTED, _UID)


def test_a_card_that_takes_no_write_is_worn_out_before_its_names_run_out(desk: Counter, till: Till, card: Path) -> None:
    """P-R7: a sequence byte tells 256 intents apart; a card that never acknowledges must not use them up."""
    for _ in range(SILENT_CARD_INTENTS):
        desk.place(card)
        desk.tear("before")
        assert isinstance(till.pay(), InDoubt)
        till.teller.abandon()
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.WORN_OUT, _UID, Fen(5000))
