"""Every refusal has words and a cure, in both languages."""

from __future__ import annotations

import re

import pytest

from firmware.words import CARD_KINDS, PRICE_REASONS, REFUSALS, Phrase, Text
from onecard.kinds import CardKind, DeclineReason
from onecard.tariff import Reason

_HAN = re.compile("[\u4e00-\u9fff]")
_ALL = [
    *(phrase.value for phrase in Phrase),
    *(text for refusal in REFUSALS.values() for text in refusal),
    *PRICE_REASONS.values(),
    *CARD_KINDS.values(),
]


def test_every_decline_reason_has_words_and_a_cure() -> None:
    assert REFUSALS.keys() == set(DeclineReason)
    assert PRICE_REASONS.keys() == set(Reason)
    assert CARD_KINDS.keys() == set(CardKind)


@pytest.mark.parametrize("text", _ALL, ids=lambda text: text.english)
def test_both_languages_say_it_and_fill_in_the_same(text: Text) -> None:
    assert text.chinese.strip() and text.english.strip()
    braces = [sorted(re.findall(r"{\w+}", said)) for said in text]
    assert braces[0] == braces[1]


def test_english_is_english_and_chinese_chinese() -> None:
    both = {Phrase.IN_DOUBT.value, Phrase.FILM.value}
    for text in set(_ALL) - both:
        assert _HAN.search(text.chinese), text
        assert not _HAN.search(text.english), text


def test_the_doubt_is_said_in_both_languages_at_once() -> None:
    for said in Phrase.IN_DOUBT.value:
        assert "请再刷一次" in said
        assert "tap again" in said.lower()


def test_two_refusals_never_say_the_same() -> None:
    for place in (0, 1):
        said = [refusal.what[place] for refusal in REFUSALS.values()]
        assert len(set(said)) == len(said)
