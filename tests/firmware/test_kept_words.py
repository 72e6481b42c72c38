"""The server's tables as documents: what is read back is what was kept, or it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from firmware.inbox import Hotlist, Tariffs
from firmware.kept_words import RUNS, BadKept, documents_of, word_of
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.journal.mutable_state import Fields, encode_document
from tests.firmware.bed import NUMBER, TARIFF

_LARGEST = 10**12 - 1


def _hotlist(*cards: int, version: int = 3) -> Hotlist:
    return Hotlist(Header(NUMBER, Table.HOTLIST, 0, version, 1_900_000_000, 1_900_086_400), frozenset(cards))


def _tariffs() -> Tariffs:
    return Tariffs(Header(NUMBER, Table.TARIFF, 0, 5, 1_900_000_000, 0), (TARIFF, TARIFF))


def _without(number: int) -> Callable[[dict[int, Fields]], None]:
    return lambda documents: documents.pop(number) and None


def _with(number: int, document: Fields) -> Callable[[dict[int, Fields]], None]:
    return lambda documents: documents.update({number: document})


@pytest.mark.parametrize(
    "spoil",
    [
        _without(1),
        _without(2),
        _without(RUNS + 1),
        _with(RUNS + 2, {"part": ""}),
        _with(0, {"part": ""}),
        _with(1, {"version": "3", "issued_at": 0, "good_until": 0, "parts": RUNS}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0, "parts": -1}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0, "parts": 1 << 62}),
        _with(2, {"part": 7}),
        _with(2, {}),
        _with(2, {"part": "not base64!"}),
        _with(2, {"part": "AAAA"}),
        _with(2, {"part": "青"}),
    ],
)
def test_documents_that_are_no_whole_hotlist_are_refused(spoil: Callable[[dict[int, Fields]], None]) -> None:
    documents = documents_of(_hotlist(18, 26), 1)
    spoil(documents)
    with pytest.raises(BadKept, match="the kept hotlist is not used"):
        word_of(Table.HOTLIST, NUMBER, documents)


def test_a_part_that_is_no_tariff_is_refused() -> None:
    documents = documents_of(_tariffs(), 1)
    documents[2] = {"part": "AAAA"}
    with pytest.raises(tariff.BadTariff):
        word_of(Table.TARIFF, NUMBER, documents)


@pytest.mark.parametrize("cards", [(), (18,), (1, 127, 128, 129, _LARGEST), tuple(range(10, 4000, 7))])
def test_a_kept_hotlist_is_read_back(cards: tuple[int, ...]) -> None:
    assert word_of(Table.HOTLIST, NUMBER, documents_of(_hotlist(*cards), 1)) == _hotlist(*cards)


def test_kept_prices_are_read_back_in_their_order() -> None:
    assert word_of(Table.TARIFF, NUMBER, documents_of(_tariffs(), 1)) == _tariffs()


def test_a_card_more_changes_two_documents() -> None:
    def raw(documents: Mapping[int, Fields]) -> dict[int, bytes]:
        return {number: encode_document(document) for number, document in documents.items()}

    before = raw(documents_of(_hotlist(*range(10, 4000, 7)), 1))
    after = raw(documents_of(_hotlist(9, *range(10, 4000, 7), version=4), 1))
    assert before.keys() == after.keys()
    assert [number for number in after if after[number] != before[number]] == [1, 9 + 2]
