"""The clerk's forms. Amounts are typed in yuan and are fen from then on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from onecard.identity import BadCardNumber, CardNumber, parse_card_number
from onecard.kinds import CardKind
from onecard.money import BadAmount, Fen, parse_yuan
from server.cards.models import KINDS
from server.cards.words import NO_CARD_NUMBER
from server.sites.models import Site

TIERS = range(1, 6)
_ISSUED = (CardKind.STORED_VALUE, CardKind.FREE, CardKind.CASHIER, CardKind.OPERATOR)


class YuanField(forms.CharField):
    """An amount of money; cleans to fen."""

    def clean(self, value: Any) -> Fen:
        """Fen; an empty optional field is 0."""
        text = super().clean(value)
        try:
            return parse_yuan(text) if text else Fen(0)
        except BadAmount as error:
            why = _("This is no amount: write yuan with at most two decimals, for example 45.50.")
            raise ValidationError(why) from error


class CardNumberField(forms.CharField):
    """A card number as printed; cleans to the number, or None for the card that is placed."""

    def clean(self, value: Any) -> CardNumber | None:
        """The number, or None when nothing was typed."""
        text = super().clean(value)
        try:
            return parse_card_number(text) if text else None
        except BadCardNumber as error:
            raise ValidationError(NO_CARD_NUMBER) from error


class IssueForm(forms.Form):
    """A new card."""

    site = forms.ModelChoiceField(Site.objects.all(), label=_("cinema"))
    kind = forms.TypedChoiceField(
        label=_("kind"),
        coerce=lambda value: CardKind(int(value)),
        choices=[(kind.value, KINDS[kind]) for kind in _ISSUED],
    )
    tier = forms.TypedChoiceField(label=_("tier"), coerce=int, choices=[(tier, tier) for tier in TIERS])
    amount = YuanField(label=_("first load, yuan"), required=False, max_length=12)


class LoadForm(forms.Form):
    """A load on a card that exists."""

    site = forms.ModelChoiceField(Site.objects.all(), label=_("cinema"))
    number = CardNumberField(label=_("card number (empty: the card that is placed)"), required=False, max_length=20)
    amount = YuanField(label=_("amount, yuan"), max_length=12)


class RenewalForm(forms.Form):
    """New keys for a card that exists."""

    site = forms.ModelChoiceField(Site.objects.all(), label=_("cinema"))
    number = CardNumberField(label=_("card number (empty: the card that is placed)"), required=False, max_length=20)


class ReportForm(forms.Form):
    """A card that is missed, or found again."""

    number = CardNumberField(label=_("card number"), max_length=20)
