"""Seeing a card: select it, read its ring, know its certificate, believe it or not.

Only reads happen here, and a read is never evidence (P-R3): nothing seen here raises a bound or ends a sale.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.purse_memory import PurseMemory, PurseName
from firmware.results import NoCard
from hardware.cards.desfire.opening import Openings
from hardware.cards.port import PurseCard, TamperedCard
from hardware.cards.selection import UnknownCard, select_purse
from hardware.reader import AccessDenied, CardGone, Reader, WrongKey
from hardware.sam.port import Sam
from onecard.kinds import DeclineReason
from onecard.purse import delivery
from onecard.purse.bounds import Bound, accepted
from onecard.purse.certificate import BadCertificate, Certificate, open_certificate
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import Ring, read_ring


@dataclass(frozen=True, slots=True)
class Presentation:
    """One purse of the card that lies on the reader, as read: `images` are the three blocks behind `ring`."""

    card: PurseCard
    purse: int
    images: tuple[bytes, ...]
    ring: Ring

    @property
    def name(self) -> PurseName:
        """The purse."""
        return PurseName(self.card.uid, self.purse)

    @property
    def newest(self) -> DebitRecord:
        """The newest record. A presentation without one is only good for declining it."""
        newest = self.ring.newest
        assert newest is not None
        return newest


@dataclass(frozen=True, slots=True)
class InForce:
    """A certificate and the copy on the card that holds it."""

    certificate: Certificate
    copy: int

    @property
    def reference(self) -> LoadReference:
        """What a ring record under it carries."""
        return LoadReference.of(self.copy, self.certificate.load_sequence)


@dataclass(frozen=True, slots=True)
class Known:
    """The certificate in force on the card, and the best one known for its purse with its 96 bytes (P-R17)."""

    in_force: InForce
    best: Certificate
    best_image: bytes

    @property
    def delivery_due(self) -> bool:
        """Whether the card should get the best certificate before anything else (P-R16)."""
        return delivery.is_due(self.best.load_sequence, self.in_force.certificate.load_sequence)


@dataclass(frozen=True, slots=True)
class Refused:
    """The card cannot be used, and why; `shown` when its ring was read."""

    reason: DeclineReason
    shown: Presentation | None = None


class Sight:
    """Looks at cards on one reader."""

    def __init__(self, reader: Reader, memory: PurseMemory, sam: Sam) -> None:
        self._reader = reader
        self._memory = memory
        self._sam = sam
        self._openings = Openings()

    def select(self, purse: int) -> Presentation | NoCard | Refused:
        """The one card on the reader, its ring read and not below any bound known (P-R8). The purse whose sale is in
        doubt is let through: its re-tap is judged by its base (P-R5). Raises `hardware.reader.ReaderError`."""
        targets = self._reader.poll()
        if not targets:
            return NoCard()
        if len(targets) > 1:
            return Refused(DeclineReason.TWO_CARDS)
        try:
            card = select_purse(self._reader, targets[0], self._sam, purse, self._openings)
            images = card.read_ring()
        except (UnknownCard, WrongKey):
            return Refused(DeclineReason.FOREIGN_CARD)
        except (CardGone, AccessDenied):
            return Refused(DeclineReason.CARD_MOVED)
        except TamperedCard:
            return Refused(DeclineReason.TAMPERED)
        ring = read_ring(images, lambda image: self._sam.record(image, card.uid, purse))
        shown = Presentation(card, purse, images, ring)
        if ring.newest is None:
            return Refused(DeclineReason.UNREADABLE_RING, shown)
        if card.debited not in (None, ring.newest.debited):
            return Refused(DeclineReason.TAMPERED, shown)
        sale = self._memory.open_sale
        in_doubt = sale is not None and sale.name == shown.name
        if not in_doubt and not believes(shown, self._memory.bounds(shown.name)):
            return Refused(DeclineReason.CARD_BEHIND, shown)
        return shown

    def certificate(self, shown: Presentation) -> Known | Refused:
        """What certificate is in force. The card's own is read only when the ring's reference does not already name
        the one held: a known Classic purse costs seven host commands. Raises `hardware.reader.CardError`."""
        held = self._memory.certificate_named(shown.name, shown.newest.load_reference)
        if held is None:
            return self.read_certificate(shown)
        certificate, image = held
        return Known(InForce(certificate, shown.newest.load_reference.copy), certificate, image)

    def read_certificate(self, shown: Presentation) -> Known | Refused:
        """The same, always reading the copy in force. Raises `hardware.reader.CardError`."""
        reference = shown.newest.load_reference
        image = shown.card.read_certificate(reference.copy)
        try:
            on_card = open_certificate(image, self._memory.keys, shown.card.uid, shown.purse)
        except BadCertificate:
            return Refused(DeclineReason.BAD_CERTIFICATE, shown)
        if not delivery.names(reference, on_card.load_sequence):
            return Refused(DeclineReason.BAD_CERTIFICATE, shown)
        self._memory.keep(on_card, image)
        held = self._memory.certificate(shown.name)
        assert held is not None
        if not believes(shown, self._memory.bounds(shown.name)):
            return Refused(DeclineReason.CARD_BEHIND, shown)
        return Known(InForce(on_card, reference.copy), *held)


def believes(shown: Presentation, bounds: list[Bound]) -> bool:
    """Whether the ring's newest record passes every bound (P-R8)."""
    return accepted(bounds, shown.newest.counter, shown.newest.debited)
