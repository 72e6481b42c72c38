"""A new card enters the books: the card, its purse, and any flows that came before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from onecard.errors import OnecardError
from onecard.identity import CardNumber, card_number_text
from onecard.kinds import CardKind, PurseUnit
from onecard.purse.certificate import Flags, pad_uid, unpad_uid
from server.cards.models import Card, Purse
from server.ingest.models import Bundle, Flow
from server.sites.models import Site


class UidInUse(OnecardError):
    """A living card has this UID (4-byte UIDs repeat, P-R25)."""

    def __init__(self, uid: bytes, number: CardNumber) -> None:
        self.uid = uid
        self.number = number
        super().__init__(f"UID {uid.hex()} belongs to card {card_number_text(number)}: take another blank card")


@dataclass(frozen=True, slots=True)
class NewCard:
    """What is known of a card when it is issued. `uid` has 4 or 7 bytes."""

    number: int
    uid: bytes
    kind: CardKind
    tier: int
    flags: Flags
    expiry: date
    site: Site


def register_card(new: NewCard, now: datetime, unit: PurseUnit = PurseUnit.FEN) -> Purse:
    """Write down the card and its purse 0, P = 0 and L = 0 until its first certificate. Raises `UidInUse`."""
    padded = pad_uid(new.uid)  # as certificates and the state table name it: a UID of 7 may read as one of 4
    purse = Purse.objects.filter(uid__in=(padded, unpad_uid(padded)), purse=0).select_related("card").first()
    if purse is not None:
        raise UidInUse(new.uid, CardNumber(purse.card_id))
    card = Card.objects.create(
        number=new.number, uid=new.uid, kind=new.kind, expiry=new.expiry, site=new.site, issued_at=now
    )
    purse = Purse.objects.create(card=card, uid=new.uid, purse=0, unit=unit, flags=new.flags, tier=new.tier)
    # Flows of this purse that were here already wait for it: the poster looks at their bundles again.
    waiting = Flow.objects.filter(uid=new.uid, purse=0).values("bundle_id")
    Bundle.objects.filter(pk__in=waiting).update(posted=False)
    return purse
