"""Sentences about cards that more than one page says."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

NO_CARD_NUMBER = _(
    "This is no card number: it has 12 digits, the last of them a check digit. Read it again from the card."
)
