"""What this terminal durably knows of purses, rebuilt from its own journal at every start.

One path feeds it: `note(sequence, record)`, called for each entry at boot and for each record appended since, so
that memory after a restart equals memory before it. Certificates come besides, from the downlink and from cards.

Rules
- Only a record that this terminal saw acknowledged raises a bound (P-R8): never a read, never an unacknowledged write.
- A certificate is kept as the whole verified payload, the highest L wins (P-R17).
- At most one sale is open, that is in doubt (P-R5).
- What an intent leaves behind is unresolved until a durable record stands above it (P-R7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from onecard.identity import CardNumber
from onecard.keys import KeyRing
from onecard.kinds import Outcome, Purpose
from onecard.purse import certificate as certificates
from onecard.purse.bounds import Bound
from onecard.purse.certificate import BadCertificate, Certificate
from onecard.purse.intent import base_record, intent_record
from onecard.purse.plan import OpenIntent
from onecard.purse.record import Identity, LoadReference
from onecard.records import Ack, Intent, OutcomeRecord, Record


class PurseName(NamedTuple):
    """A purse of a card."""

    uid: bytes
    purse: int


@dataclass(frozen=True, slots=True)
class OpenSale:
    """The sale in doubt: its intent's sequence and the intent as journaled."""

    sequence: int
    intent: Intent

    @property
    def name(self) -> PurseName:
        """The purse it would debit."""
        return PurseName(self.intent.uid, self.intent.purse)

    @property
    def card_number(self) -> CardNumber:
        """The card it would debit."""
        return CardNumber(self.intent.card_number)


SALES = frozenset({Purpose.SALE, Purpose.FREE})
"""Purposes whose acknowledged write is PAID; the others write null records, which are ACKED."""

_Unresolved: TypeAlias = "dict[int, Identity]"


@dataclass(slots=True)
class PurseMemory:
    """Bounds, open sale, unresolved intents, spending since the last sync, and certificates."""

    terminal: int
    keys: KeyRing
    open_sale: OpenSale | None = None
    _pending: dict[int, Intent] = field(default_factory=dict)
    _bounds: dict[PurseName, Bound] = field(default_factory=dict)
    _unresolved: dict[PurseName, _Unresolved] = field(default_factory=dict)
    _spent: dict[PurseName, int] = field(default_factory=dict)
    _on_card: dict[PurseName, int] = field(default_factory=dict)
    _certificates: dict[PurseName, tuple[Certificate, bytes]] = field(default_factory=dict)

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order."""
        match record:
            case Intent():
                self._note_intent(sequence, record)
            case OutcomeRecord():
                self._note_outcome(record)
            case Ack():
                self._spent.clear()
            case _:
                pass

    def unfinished(self) -> list[int]:
        """Sequences of null records that never got a final word: a start closes them as ABANDONED."""
        return [sequence for sequence, intent in self._pending.items() if Purpose(intent.purpose) not in SALES]

    @property
    def oldest_unresolved(self) -> int | None:
        """The lowest sequence of an intent of which it is not known whether it stands; None when all are known."""
        return min((sequence for purse in self._unresolved.values() for sequence in purse), default=None)

    def lose_track(self) -> None:
        """Records are missing here: the final word on what is open may be among them, so none is given any more.

        What may stand on a card stays unresolved.
        """
        self.open_sale = None
        self._pending.clear()

    def learn(self, images: Iterable[bytes]) -> list[BadCertificate]:
        """Keep each 96-byte certificate that is good and newer than the one held; return what was refused, and why."""
        refused: list[BadCertificate] = []
        for image in images:
            try:
                self.keep(certificates.verified(image, self.keys), image)
            except BadCertificate as error:
                refused.append(error)
        return refused

    def keep(self, certificate: Certificate, image: bytes) -> None:
        """Keep a verified certificate if its L is the highest seen for its purse."""
        name = PurseName(certificate.uid, certificate.purse)
        held = self._certificates.get(name)
        if held is None or certificate.load_sequence > held[0].load_sequence:
            self._certificates[name] = certificate, image

    def certificate(self, name: PurseName) -> tuple[Certificate, bytes] | None:
        """The certificate held for a purse, and its 96 bytes."""
        return self._certificates.get(name)

    def certificate_named(self, name: PurseName, reference: LoadReference) -> tuple[Certificate, bytes] | None:
        """The certificate held, when a ring's `reference` can mean no other: L is given modulo 8, so the one held must
        be less than 8 above the last L known to have been on the card (L begins at 1)."""
        held = self._certificates.get(name)
        if held is None or held[0].load_sequence & 7 != reference.load_mod8:
            return None
        return held if held[0].load_sequence - self._on_card.get(name, 1) < 8 else None

    def seen_on_card(self, name: PurseName, load_sequence: int) -> None:
        """The verified certificate in force on the card has this L; it never goes back."""
        self._on_card[name] = max(self._on_card.get(name, 1), load_sequence)

    def bounds(self, name: PurseName) -> list[Bound]:
        """Every lower bound known for a purse (P-R8)."""
        found = [self._bounds[name]] if name in self._bounds else []
        held = self._certificates.get(name)
        if held is not None:
            found.append(Bound(held[0].floor_counter, held[0].floor_debited))
        return found

    def unresolved(self, name: PurseName) -> set[Identity]:
        """Own records of a purse of which it is not known whether they stand (P-R7)."""
        return set(self._unresolved.get(name, {}).values())

    def spent(self, name: PurseName) -> int:
        """Fen debited here from a purse since the last acknowledged sync (P-R22)."""
        return self._spent.get(name, 0)

    def open_intent(self) -> OpenIntent:
        """The open sale as the planner wants it; there is one."""
        assert self.open_sale is not None
        sale = self.open_sale
        return OpenIntent(intent_record(sale.intent, sale.sequence, self.terminal), base_record(sale.intent))

    def _note_intent(self, sequence: int, intent: Intent) -> None:
        name = PurseName(intent.uid, intent.purse)
        self._pending[sequence] = intent
        self._unresolved.setdefault(name, {})[sequence] = intent_record(intent, sequence, self.terminal).identity
        if Purpose(intent.purpose) in SALES:
            assert self.open_sale is None, "one sale is in doubt at a time (P-R5)"
            self.open_sale = OpenSale(sequence, intent)

    def _note_outcome(self, record: OutcomeRecord) -> None:
        intent = self._pending.pop(record.intent, None)
        if intent is None:
            return  # the outcome of an ISSUE, or of an intent that was forgotten after its acknowledgement
        name = PurseName(intent.uid, intent.purse)
        if self.open_sale is not None and self.open_sale.sequence == record.intent:
            self.open_sale = None
        match Outcome(record.outcome):
            case Outcome.PAID | Outcome.ACKED:
                self.seen_on_card(name, intent.load_sequence)
                self._raise(name, Bound(intent.counter, intent.debited))
                self._spent[name] = self._spent.get(name, 0) + intent.amount
            case Outcome.UNSENT:
                del self._unresolved[name][record.intent]
            case Outcome.ABANDONED:
                pass  # it may stand: unresolved until something durable stands above it

    def _raise(self, name: PurseName, bound: Bound) -> None:
        self._bounds[name] = max(self._bounds.get(name, bound), bound)
        left = {s: i for s, i in self._unresolved.get(name, {}).items() if i.counter > bound.counter}
        self._unresolved[name] = left
