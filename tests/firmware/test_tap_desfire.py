"""The tap on a DESFire, EV1 and EV2: what differs from Classic, on a virtual card behind the shipped driver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.purse_memory import PurseName
from firmware.results import Abandoned, Declined, InDoubt, Paid, Shown
from hardware.cards.desfire import layout
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import (
    DataFile,
    DesfireImage,
    File,
    Generation,
    RecordFile,
    ValueFile,
    blank_image,
)
from onecard.kinds import DeclineReason, Outcome, Purpose
from onecard.purse.record import DebitRecord, LoadReference
from onecard.records import Decline, Intent, OutcomeRecord
from tests.hardware.cards.desfire.scripted import Meddler
from tools.bench.till import Counter, Issuer, Till, counter

_UID = bytes.fromhex("04782e21801d80")
_APPLICATION = layout.application(0)
_TEARS = ("before", "erased", "half", "weak", "after")
_DEBIT, _RECORD, _COMMIT = 7, 8, 9
"""Which host commands of a debit they are."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("reader"), seed=8) as made:
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


@pytest.fixture(params=list(Generation), ids=[generation.value for generation in Generation])
def generation(request: pytest.FixtureRequest) -> Generation:
    assert isinstance(request.param, Generation)
    return request.param


@pytest.fixture
def card(issuer: Issuer, generation: Generation, tmp_path: Path) -> Path:
    return issuer.desfire_card(tmp_path / "card", _UID, 5000, generation)


def _files(card: Path) -> dict[int, File]:
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    return dict(image.contents.applications[_APPLICATION].files)


def _put(card: Path, number: int, file: File) -> None:
    """What a thief with the debit key, or a fault, may have left on the card."""
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    image.contents = image.contents.with_files(_APPLICATION, {**_files(card), number: file})
    card_file.save(card, image)


def _debited(card: Path) -> int:
    file = _files(card)[layout.DEBIT_FILE]
    assert isinstance(file, ValueFile)
    return layout.START_VALUE - file.value


def _records(card: Path) -> tuple[bytes, ...]:
    file = _files(card)[layout.RING_FILE]
    assert isinstance(file, RecordFile)
    return file.records


def _tear(desk: Counter, mode: str, command: int) -> None:
    desk.process.command(f"tear {mode} command {command}")


def _outcomes(till: Till) -> list[Outcome]:
    return [Outcome(record.outcome) for record in till.records(OutcomeRecord)]


def _introduce(desk: Counter, till: Till, card: Path) -> None:
    """The terminal has seen the card: it knows its certificate and how it opens."""
    desk.place(card)
    assert isinstance(till.teller.inquire(settle=False), Shown)
    desk.place(card)


# What a tear leaves.


@pytest.mark.parametrize("mode", _TEARS)
@pytest.mark.parametrize("command", [_DEBIT, _RECORD])
def test_a_card_that_leaves_before_the_commit_was_not_debited(
    mode: str, command: int, desk: Counter, till: Till, card: Path
) -> None:
    """Debit and WriteRecord are forgotten with the session: the sale is UNSENT, nothing is in doubt."""
    _introduce(desk, till, card)
    before = _records(card)
    _tear(desk, mode, command)
    assert till.pay(700) == Declined(DeclineReason.CARD_MOVED, _UID)
    assert _outcomes(till) == [Outcome.UNSENT]
    assert (_records(card), _debited(card)) == (before, 0)
    desk.place(card)
    assert isinstance(till.pay(700), Paid)
    assert _debited(card) == 700


@pytest.mark.parametrize("mode", _TEARS)
def test_a_commit_without_an_answer_is_in_doubt_and_the_same_card_settles_it_once(
    mode: str, desk: Counter, till: Till, card: Path
) -> None:
    """P-R3, P-R5, I-02."""
    _introduce(desk, till, card)
    _tear(desk, mode, _COMMIT)
    assert isinstance(till.pay(700), InDoubt)
    assert _debited(card) == (700 if mode == "after" else 0)
    desk.place(card)
    paid = till.pay(700)
    assert isinstance(paid, Paid)
    assert paid.balance == 4300
    assert _debited(card) == 700
    assert len(till.records(Intent)) == 1
    assert _outcomes(till) == [Outcome.PAID]


def test_a_re_tap_that_finds_its_own_record_writes_nothing_and_costs_six_host_commands(
    desk: Counter, till: Till, card: Path
) -> None:
    _introduce(desk, till, card)
    _tear(desk, "after", _COMMIT)
    assert isinstance(till.pay(700), InDoubt)
    desk.place(card)
    image = card_file.load(card)
    before, start = (image.writes, _records(card)), desk.reader.commands
    assert isinstance(till.pay(700), Paid)
    assert desk.reader.commands - start == 6
    assert (card_file.load(card).writes, _records(card)) == before


def test_an_abandoned_sale_is_never_paid_by_a_record_found_later(desk: Counter, till: Till, card: Path) -> None:
    """P-R6."""
    _introduce(desk, till, card)
    _tear(desk, "after", _COMMIT)
    assert isinstance(till.pay(700), InDoubt)
    assert isinstance(till.teller.abandon(), Abandoned)
    desk.place(card)
    paid = till.pay(100)
    assert isinstance(paid, Paid)
    assert (paid.balance, _debited(card)) == (4200, 800)
    assert _outcomes(till) == [Outcome.ABANDONED, Outcome.PAID]


# What a thief with the debit key may write.


@pytest.mark.parametrize("less", [1, -1, 700])
def test_a_value_that_the_newest_record_does_not_state_is_tampered(
    less: int, desk: Counter, till: Till, card: Path
) -> None:
    _introduce(desk, till, card)
    assert isinstance(till.pay(1000), Paid)
    file = _files(card)[layout.DEBIT_FILE]
    assert isinstance(file, ValueFile)
    _put(card, layout.DEBIT_FILE, replace(file, value=file.value - less))
    desk.place(card)
    ring = b"".join(sorted(_records(card), key=lambda image: image[:3]))
    assert till.pay(1000) == Declined(DeclineReason.TAMPERED, _UID)
    (refusal,) = till.records(Decline)
    assert isinstance(refusal, Decline)
    assert sorted(refusal.ring[at : at + 16] for at in (0, 16, 32)) == sorted(ring[at : at + 16] for at in (0, 16, 32))
    assert len(till.records(Intent)) == 1


def test_a_forged_record_on_top_hides_no_debit(desk: Counter, till: Till, card: Path) -> None:
    """Its MAC is wrong, so the record below is newest, and the value says more than that."""
    _introduce(desk, till, card)
    files = _files(card)
    ring, value = files[layout.RING_FILE], files[layout.DEBIT_FILE]
    assert isinstance(ring, RecordFile)
    assert isinstance(value, ValueFile)
    forged = (3 << 4).to_bytes(3, "big") + (700).to_bytes(4, "big") + bytes(9)
    _put(card, layout.RING_FILE, replace(ring, records=(*ring.records[1:], forged)))
    _put(card, layout.DEBIT_FILE, replace(value, value=value.value - 700))
    desk.place(card)
    assert till.pay(1000) == Declined(DeclineReason.TAMPERED, _UID)


def test_a_record_with_a_right_mac_and_a_lower_sum_is_tampered(
    desk: Counter, till: Till, issuer: Issuer, card: Path
) -> None:
    """Who has the record MAC key too can state any sum; the value file he cannot raise."""
    _introduce(desk, till, card)
    assert isinstance(till.pay(1000), Paid)
    ring = _files(card)[layout.RING_FILE]
    assert isinstance(ring, RecordFile)
    false = issuer.record_image(_UID, DebitRecord(4, LoadReference.of(0, 1), 0, 9, 9))
    _put(card, layout.RING_FILE, replace(ring, records=(*ring.records[1:], false)))
    desk.place(card)
    assert till.pay(1000) == Declined(DeclineReason.TAMPERED, _UID)


def test_an_in_doubt_card_that_contradicts_itself_settles_nothing(desk: Counter, till: Till, card: Path) -> None:
    _introduce(desk, till, card)
    _tear(desk, "after", _COMMIT)
    assert isinstance(till.pay(700), InDoubt)
    file = _files(card)[layout.DEBIT_FILE]
    assert isinstance(file, ValueFile)
    _put(card, layout.DEBIT_FILE, replace(file, value=file.value + 700))
    desk.place(card)
    assert till.pay(700) == Declined(DeclineReason.TAMPERED, _UID)
    assert till.memory.open_sale is not None


@pytest.mark.parametrize("code", [0x6C, 0xBD], ids=["value", "certificate"])
def test_an_answer_that_somebody_changed_on_its_way_is_tampered(
    code: int, desk: Counter, issuer: Issuer, generation: Generation, card: Path, tmp_path: Path
) -> None:
    """An EV2 card sends a plain file without a MAC: there the issuer's signature tells."""

    def change(frame: bytes, answer: bytes) -> bytes:
        return answer[:9] + bytes([answer[9] ^ 1]) + answer[10:] if frame[0] == code else answer

    till = Till(Meddler(desk.reader, change), tmp_path / "meddled", issuer, next(_numbers))  # type: ignore[arg-type]
    desk.place(card)
    refused = till.pay()
    assert isinstance(refused, Declined)
    is_signed_only = code == 0xBD and generation is Generation.EV2
    assert refused.reason is (DeclineReason.BAD_CERTIFICATE if is_signed_only else DeclineReason.TAMPERED)
    assert not till.records(Intent)


# Cards that are not whole.


def test_a_card_without_our_application_is_foreign(
    desk: Counter, till: Till, generation: Generation, tmp_path: Path
) -> None:
    card_file.save(tmp_path / "blank", blank_image(_UID, generation))
    desk.place(tmp_path / "blank")
    assert till.pay() == Declined(DeclineReason.FOREIGN_CARD, b"")


def test_a_card_with_other_keys_is_foreign(desk: Counter, till: Till, generation: Generation, tmp_path: Path) -> None:
    stranger = Issuer(masters={role: bytes(16) for role in Issuer().masters})
    desk.place(stranger.desfire_card(tmp_path / "strange", _UID, 5000, generation))
    assert till.pay() == Declined(DeclineReason.FOREIGN_CARD, b"")


@pytest.mark.parametrize("status", [0x6E, 0x6D, 0x9D, 0xA1, 0xAD, 0xAF, 0xCA, 0xCD])
@pytest.mark.parametrize("code", [0x5A, 0x71, 0xAA])
def test_a_card_that_refuses_to_be_opened_by_any_word_is_foreign(
    code: int, status: int, desk: Counter, issuer: Issuer, generation: Generation, card: Path, tmp_path: Path
) -> None:
    """A phone may look like a DESFire and answer 6E00; the terminal goes on all the same."""

    def refuse(frame: bytes, answer: bytes) -> bytes:
        return bytes([status, 0x00]) if frame[0] == code else answer

    till = Till(Meddler(desk.reader, refuse), tmp_path / "meddled", issuer, next(_numbers))  # type: ignore[arg-type]
    desk.place(card)
    seen = till.pay()
    if code == 0xAA and generation is Generation.EV2:
        assert isinstance(seen, Paid), "an EV2 card is not asked so"
        return
    assert seen == Declined(DeclineReason.FOREIGN_CARD, b"")
    assert not till.records(Intent)


def test_a_ring_nobody_wrote_to_is_never_nothing_debited(desk: Counter, till: Till, card: Path) -> None:
    """P-R1, H22."""
    ring = _files(card)[layout.RING_FILE]
    assert isinstance(ring, RecordFile)
    _put(card, layout.RING_FILE, replace(ring, records=()))
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.UNREADABLE_RING, _UID)


def test_a_certificate_that_is_not_the_issuers_is_refused(desk: Counter, till: Till, card: Path) -> None:
    file = _files(card)[layout.CERTIFICATE_FILE]
    assert isinstance(file, DataFile)
    _put(card, layout.CERTIFICATE_FILE, replace(file, data=bytes(96)))
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.BAD_CERTIFICATE, _UID)


def test_a_card_worn_out_is_told_by_what_a_value_file_can_count(
    desk: Counter, till: Till, issuer: Issuer, generation: Generation, tmp_path: Path
) -> None:
    """P-R24: 2^31 - 1 fen, half of what Classic can state."""
    card = issuer.desfire_card(tmp_path / "old", _UID, (1 << 32) - 1, generation)
    nearly = layout.START_VALUE - 1000
    files = _files(card)
    value, ring = files[layout.DEBIT_FILE], files[layout.RING_FILE]
    assert isinstance(value, ValueFile)
    assert isinstance(ring, RecordFile)
    newest = issuer.record_image(_UID, DebitRecord(3, LoadReference.of(0, 1), nearly, 0, 0))
    _put(card, layout.DEBIT_FILE, replace(value, value=1000))
    _put(card, layout.RING_FILE, replace(ring, records=(*ring.records[1:], newest)))
    desk.place(card)
    refused = till.pay(1001)
    assert isinstance(refused, Declined)
    assert refused.reason is DeclineReason.WORN_OUT
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)


# What a tap costs.


def test_a_known_card_is_debited_in_nine_host_commands(desk: Counter, till: Till, card: Path) -> None:
    _introduce(desk, till, card)
    start = desk.reader.commands
    paid = till.pay(1000)
    assert desk.reader.commands - start == 9
    assert isinstance(paid, Paid)
    assert (paid.balance, _debited(card)) == (4000, 1000)


def test_a_first_sight_debit_costs_eleven_host_commands(
    desk: Counter, till: Till, generation: Generation, card: Path
) -> None:
    """One more on an EV1 card, which does not know the EV2 authentication tried first."""
    desk.place(card)
    start = desk.reader.commands
    assert isinstance(till.pay(1000), Paid)
    assert desk.reader.commands - start == (12 if generation is Generation.EV1 else 11)


def test_a_delivery_lands_with_its_debit_and_costs_thirteen_host_commands(
    desk: Counter, till: Till, issuer: Issuer, card: Path
) -> None:
    """P-R16 in one commit: no null record before it. The card's own certificate is read first, for the ring names its
    L modulo 8 only, and it might be newer than the one held."""
    _introduce(desk, till, card)
    newer = issuer.certificate(_UID, 2, 9000)
    assert till.learn(newer) == []
    start = desk.reader.commands
    paid = till.pay(1000)
    assert desk.reader.commands - start == 13
    assert isinstance(paid, Paid)
    assert paid.balance == 8000
    file = _files(card)[layout.CERTIFICATE_FILE]
    assert isinstance(file, DataFile)
    assert file.data == newer
    assert [Purpose(intent.purpose) for intent in till.records(Intent)] == [Purpose.SALE]  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", _TEARS)
@pytest.mark.parametrize("command", range(1, 14))
def test_a_torn_delivery_leaves_the_old_certificate_with_the_old_record_or_the_new_with_the_new(
    mode: str, command: int, desk: Counter, till: Till, issuer: Issuer, card: Path
) -> None:
    _introduce(desk, till, card)
    old = _files(card)[layout.CERTIFICATE_FILE]
    newer = issuer.certificate(_UID, 2, 9000)
    till.learn(newer)
    _tear(desk, mode, command)
    assert not isinstance(till.pay(700), Paid)
    file = _files(card)[layout.CERTIFICATE_FILE]
    assert isinstance(file, DataFile)
    assert (file == old, _debited(card)) == ((False, 700) if (mode, command) == ("after", 13) else (True, 0))
    desk.place(card)
    paid = till.pay(700)
    assert isinstance(paid, Paid)
    assert (paid.balance, _debited(card)) == (8300, 700)


def test_a_walk_from_till_to_till_is_one_chain(desk: Counter, till: Till, other_till: Till, card: Path) -> None:
    for place, amount in ((till, 1000), (other_till, 500), (till, 250)):
        desk.place(card)
        assert isinstance(place.pay(amount), Paid)
    assert _debited(card) == 1750
    assert not till.memory.unresolved(PurseName(_UID, 0))


def test_a_second_tap_of_a_card_that_stayed_finds_it(desk: Counter, till: Till, card: Path) -> None:
    """A card in ISO 14443-4 does not hear a search: the field is switched off first."""
    _introduce(desk, till, card)
    assert isinstance(till.pay(1000), Paid)
    assert isinstance(till.pay(1000), Paid)
    assert _debited(card) == 2000
