"""Cards on and off the hotlist: what a holder reports, and copies that the poster saw (P-R13, P-R23).

Rules
- A card is refused while it is reported lost or counts as copied; each entry says what counts from then on.
- Only a card in use can be reported lost, only a lost one unreported: replaced and closed are final. Nothing is
  written on the card.
- Unreporting forgives no copy: that is another act, of who may change hotlist entries. Afterwards only a fork that was
  not known then lists the card again.
- The card's row is locked: two desks at once are one after the other. State and entry change in one transaction.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from onecard.errors import OnecardError
from onecard.identity import CardNumber, card_number_text
from server.cards.models import Card, HotlistEntry

_Reason = HotlistEntry.Reason


class ReportRefused(OnecardError):
    """What the card's state does not allow; told in the language of who asked."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def report_lost(number: CardNumber, operator: User | None, now: datetime) -> None:
    """The holder misses the card: terminals refuse it from the next list on. Raises `ReportRefused`."""
    with transaction.atomic():
        card = _locked(number)
        if card.state != Card.State.ISSUED:
            raise ReportRefused(_refusal(card))
        _turn(card, Card.State.LOST)
        _enter(card, _Reason.LOST, operator, now)


def unreport(number: CardNumber, operator: User | None, now: datetime) -> bool:
    """The holder has it again. Whether terminals take it: not if it counts as copied. Raises `ReportRefused`."""
    with transaction.atomic():
        card = _locked(number)
        if card.state != Card.State.LOST:
            raise ReportRefused(_refusal(card))
        _turn(card, Card.State.ISSUED)
        return not _enter(card, _Reason.UNREPORTED, operator, now).refused


def list_copied(number: CardNumber, now: datetime) -> bool:
    """The card counts as copied from now on. Whether it did not before. The caller is in a transaction."""
    card = _locked(number)
    if _counts_as_copied(card):
        return False
    _enter(card, _Reason.COPIED, None, now)
    return True


def forgive_copies(number: CardNumber, operator: User | None, now: datetime) -> None:
    """A person has looked: the card counts as copied no longer. Raises `ReportRefused`."""
    with transaction.atomic():
        card = _locked(number)
        if not _counts_as_copied(card):
            raise ReportRefused(_("Card %(number)s does not count as copied.") % {"number": card})
        _enter(card, _Reason.FORGIVEN, operator, now)


def _locked(number: CardNumber) -> Card:
    card = Card.objects.select_for_update().filter(number=number).first()
    if card is None:
        why = _("Card %(number)s was not issued here: read its number again.")
        raise ReportRefused(why % {"number": card_number_text(number)})
    return card


def _refusal(card: Card) -> str:
    return _("Card %(number)s: %(state)s. Nothing was changed.") % {"number": card, "state": card.get_state_display()}


def _turn(card: Card, state: Card.State) -> None:
    card.state = state
    card.save(update_fields=("state",))


def _enter(card: Card, reason: HotlistEntry.Reason, operator: User | None, now: datetime) -> HotlistEntry:
    copied = reason == _Reason.COPIED or (reason != _Reason.FORGIVEN and _counts_as_copied(card))
    refused = copied or card.state == Card.State.LOST
    return HotlistEntry.objects.create(card=card, refused=refused, reason=reason, operator=operator, listed_at=now)


def _counts_as_copied(card: Card) -> bool:
    about_copies = HotlistEntry.objects.filter(card=card, reason__in=(_Reason.COPIED, _Reason.FORGIVEN))
    last = about_copies.order_by("-version").first()
    return last is not None and last.reason == _Reason.COPIED
