"""Fen as people read them: yuan."""

from __future__ import annotations

from django import template

from onecard.identity import CardNumber, card_number_text
from onecard.money import yuan

register = template.Library()


@register.filter(name="yuan")
def in_yuan(fen: int | None) -> str:
    """12850 fen → `128.50`, in groups of three digits; nothing for nothing."""
    if fen is None:
        return ""
    whole, part = yuan(fen).split(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}.{part}"


@register.filter
def card_text(number: int) -> str:
    """A card number's 12 digits in three groups, as printed on the card."""
    digits = card_number_text(CardNumber(number))
    return f"{digits[:4]} {digits[4:8]} {digits[8:]}"
