"""What this terminal durably knows of purses, rebuilt from its own journal at every start.

One path feeds it: `note(sequence, record)`, called for each entry at boot and for each record appended since, so
that memory after a restart equals memory before it. The state table and the table of certificates come besides, each
kept by itself, and certificates from cards.

Rules
- Only a record that this terminal saw acknowledged raises a bound (P-R8): never a read, never an unacknowledged write.
  A row of the state table and a certificate's floor are bounds besides: what they state is durable at the server.
- A row only bounds: it may lower what is spendable, never raise it (P-R17; docs/adr/0010-state-table.md).
- A certificate is used as the whole verified payload, the highest L wins (P-R17; firmware/certificate_cache.py).
- At most one sale is open, that is in doubt (P-R5).
- What an intent leaves behind is unresolved until a durable record stands above it (P-R7).

Bounds, unresolved intents, spending and the last L seen are rows (`purse_rows`), in memory as in a checkpoint.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from firmware.certificate_cache import CertificateCache, Held
from firmware.purse_rows import Body, PurseRows
from firmware.table_sync import TableSync
from onecard.identity import CardNumber
from onecard.keys import KeyRing
from onecard.kinds import Outcome, Purpose
from onecard.packed_table import PackedTable
from onecard.purse import delivery
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Certificate, Flags
from onecard.purse.intent import base_record, intent_record
from onecard.purse.plan import OpenIntent
from onecard.purse.record import Identity, LoadReference, sequence_byte
from onecard.records import Intent, OutcomeRecord, Record
from onecard.state_table import STATE, StateRow, state_of


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

_Unresolved: TypeAlias = "dict[int, Bound]"
_BOUND = struct.Struct(">II")
_UNRESOLVED = struct.Struct(">QII")


def _unresolved_bodies(intents: _Unresolved) -> bytes:
    return b"".join(_UNRESOLVED.pack(sequence, *record) for sequence, record in sorted(intents.items()))


def _unresolved_intents(bodies: bytes) -> _Unresolved:
    return {sequence: Bound(*record) for sequence, *record in _UNRESOLVED.iter_unpack(bodies)}


BOUND: Body[Bound] = Body(_BOUND.size, lambda bound: _BOUND.pack(*bound), lambda raw: Bound(*_BOUND.unpack(raw)))
"""Counter (4), debited (4)."""
UNRESOLVED: Body[_Unresolved] = Body(_UNRESOLVED.size, _unresolved_bodies, _unresolved_intents)
"""A body an intent, oldest first: its sequence (8), counter (4) and debited (4) of the record it would write."""
AMOUNT: Body[int] = Body(8, lambda fen: fen.to_bytes(8, "big"), lambda raw: int.from_bytes(raw, "big"))
"""Fen (8)."""
LOAD: Body[int] = Body(4, lambda load: load.to_bytes(4, "big"), lambda raw: int.from_bytes(raw, "big"))
"""L (4)."""


@dataclass(slots=True)
class PurseMemory:
    """Bounds, open sale, unresolved intents, spending since the last table sync, certificates, the state table."""

    terminal: int
    keys: KeyRing
    open_sale: OpenSale | None = None
    pending: dict[int, Intent] = field(default_factory=dict)
    known_bounds: PurseRows[Bound] = field(default_factory=lambda: PurseRows(BOUND))
    known_unresolved: PurseRows[_Unresolved] = field(default_factory=lambda: PurseRows(UNRESOLVED))
    known_spent: PurseRows[int] = field(default_factory=lambda: PurseRows(AMOUNT))
    known_on_card: PurseRows[int] = field(default_factory=lambda: PurseRows(LOAD))
    sync: TableSync = field(default_factory=TableSync)
    state: PackedTable = field(default_factory=lambda: PackedTable(STATE))
    certificates: CertificateCache = field(init=False)

    def __post_init__(self) -> None:
        self.certificates = CertificateCache(self.keys)

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order."""
        match record:
            case Intent():
                self._note_intent(sequence, record)
            case OutcomeRecord():
                self._note_outcome(record)
            case _:
                if self.sync.note(record):
                    self.known_spent.clear()

    def unfinished(self) -> list[int]:
        """Sequences of null records that never got a final word: a start closes them as ABANDONED."""
        return [sequence for sequence, intent in self.pending.items() if Purpose(intent.purpose) not in SALES]

    def lose_track(self) -> None:
        """Records are missing here: the final word on what is open may be among them, so none is given any more.

        What may stand on a card stays unresolved.
        """
        self.open_sale = None
        self.pending.clear()

    def keep(self, certificate: Certificate, image: bytes) -> None:
        """Keep a verified certificate if its L is the highest seen for its purse."""
        self.certificates.keep(PurseName(certificate.uid, certificate.purse), certificate, image)

    def certificate(self, name: PurseName) -> Held | None:
        """The certificate held for a purse, and its 96 bytes."""
        return self.certificates.best(name)

    def certificate_named(self, name: PurseName, reference: LoadReference) -> Held | None:
        """The certificate held, when a ring's `reference` can mean no other."""
        held = self.certificates.best(name)
        if held is None or not delivery.names_only(reference, held[0].load_sequence, self._last_load(name)):
            return None
        return held

    def seen_on_card(self, name: PurseName, load_sequence: int) -> None:
        """The verified certificate in force on the card has this L; it never goes back."""
        if load_sequence > self._last_load(name):
            self.known_on_card.put(name, load_sequence)

    def bounds(self, name: PurseName) -> list[Bound]:
        """Every lower bound known for a purse (P-R8)."""
        durable = self.known_bounds.get(name)
        found = [] if durable is None else [durable]
        held = self.certificates.best(name)
        if held is not None:
            found.append(Bound(held[0].floor_counter, held[0].floor_debited))
        row = self._row(name)
        if row is not None:
            found.append(row.bound)
        return found

    def is_unsettled(self, name: PurseName, newest: Bound) -> bool:
        """Whether a null record would settle something (P-R12): the server or this terminal has an intent of the purse
        without a final word, the server knows no such purse, or the newest record on the card is not known to be
        durable: its terminal may never tell of it (I-11)."""
        row = self._row(name)
        return row is None or row.unsettled or bool(self._open(name)) or newest not in self.bounds(name)

    def is_closed(self, certificate: Certificate) -> bool:
        """Whether its purse is closed, by the certificate or by the row: that is final (P-R23)."""
        row = self._row(PurseName(certificate.uid, certificate.purse))
        return Flags.CLOSED in certificate.flags or (row is not None and Flags.CLOSED in row.flags)

    def spendable(self, certificate: Certificate) -> int:
        """P of which may be spent, in fen: the certificate's, or less where a row knows a newer load (P-R17)."""
        row = self._row(PurseName(certificate.uid, certificate.purse))
        if row is None or row.load_sequence <= certificate.load_sequence:
            return certificate.loaded
        return min(certificate.loaded, row.loaded)

    def unresolved(self, name: PurseName) -> set[Identity]:
        """Own records of a purse whose names are taken (P-R7): it is not known whether they stand, or the server may
        not know yet that they do not."""
        return {
            Identity(record.counter, record.debited, self.terminal, sequence_byte(sequence))
            for sequence, record in self._open(name).items()
        }

    def spent(self, name: PurseName) -> int:
        """Fen debited here from a purse since the last table sync (P-R22)."""
        return self.known_spent.get(name) or 0

    def open_intent(self) -> OpenIntent:
        """The open sale as the planner wants it; there is one."""
        assert self.open_sale is not None
        sale = self.open_sale
        return OpenIntent(intent_record(sale.intent, sale.sequence, self.terminal), base_record(sale.intent))

    def _row(self, name: PurseName) -> StateRow | None:
        return state_of(self.state, name.uid, name.purse)

    def _note_intent(self, sequence: int, intent: Intent) -> None:
        name = PurseName(intent.uid, intent.purse)
        self.pending[sequence] = intent
        self.known_unresolved.put(name, self._open(name) | {sequence: Bound(intent.counter, intent.debited)})
        if Purpose(intent.purpose) in SALES:
            assert self.open_sale is None, "one sale is in doubt at a time (P-R5)"
            self.open_sale = OpenSale(sequence, intent)

    def _note_outcome(self, record: OutcomeRecord) -> None:
        intent = self.pending.pop(record.intent, None)
        if intent is None:
            return  # the outcome of an ISSUE, or of an intent that was forgotten after its acknowledgement
        name = PurseName(intent.uid, intent.purse)
        if self.open_sale is not None and self.open_sale.sequence == record.intent:
            self.open_sale = None
        match Outcome(record.outcome):
            case Outcome.PAID | Outcome.ACKED:
                self.seen_on_card(name, intent.load_sequence)
                self._raise(name, Bound(intent.counter, intent.debited))
                self.known_spent.put(name, self.spent(name) + intent.amount)
            case Outcome.UNSENT | Outcome.ABANDONED:
                pass  # its name stays taken until something durable stands above it: the server may know the intent
                # and not yet the word (P-R7)

    def _raise(self, name: PurseName, bound: Bound) -> None:
        self.known_bounds.put(name, max(self.known_bounds.get(name) or bound, bound))
        left = {s: r for s, r in self._open(name).items() if r.counter > bound.counter}
        self.known_unresolved.put(name, left or None)

    def _open(self, name: PurseName) -> _Unresolved:
        return self.known_unresolved.get(name) or {}

    def _last_load(self, name: PurseName) -> int:
        """The highest L known to have been on the card; it begins at 1."""
        return self.known_on_card.get(name) or 1
