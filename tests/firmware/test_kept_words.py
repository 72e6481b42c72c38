"""The server's prices as documents: what is read back is what was kept, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from firmware.inbox import Tariffs, Told
from firmware.kept_words import BadKept, documents_of, settings_document, settings_of, word_of
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.journal.mutable_state import Fields
from onecard.settings import DEFAULTS, BadSettings
from tests.firmware.bed import NUMBER, TARIFF


def _tariffs() -> Tariffs:
    header = Header(NUMBER, Table.TARIFF, 0, 5, 1_900_000_000, 1_900_086_400)
    return Tariffs(header, (TARIFF, replace(TARIFF, version=5)))


def _without(number: int) -> Callable[[dict[int, Fields]], None]:
    return lambda documents: documents.pop(number) and None


def _with(number: int, document: Fields) -> Callable[[dict[int, Fields]], None]:
    return lambda documents: documents.update({number: document})


@pytest.mark.parametrize(
    "spoil",
    [
        _without(1),
        _without(2),
        _without(3),
        _with(4, {"part": ""}),
        _with(0, {"part": ""}),
        _with(1, {"version": "3", "issued_at": 0, "good_until": 0, "parts": 2}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0, "parts": -1}),
        _with(1, {"version": 3, "issued_at": 0, "good_until": 0, "parts": 1 << 62}),
        _with(2, {"part": 7}),
        _with(2, {}),
        _with(2, {"part": "not base64!"}),
        _with(2, {"part": "青"}),
    ],
)
def test_documents_that_are_no_whole_tariff_are_refused(spoil: Callable[[dict[int, Fields]], None]) -> None:
    documents = documents_of(_tariffs(), 1)
    spoil(documents)
    with pytest.raises(BadKept, match="the kept tariff is not used"):
        word_of(NUMBER, documents)


def test_a_part_that_is_no_tariff_is_refused() -> None:
    documents = documents_of(_tariffs(), 1)
    documents[2] = {"part": "AAAA"}
    with pytest.raises(tariff.BadTariff):
        word_of(NUMBER, documents)


def test_kept_prices_are_read_back_in_their_order() -> None:
    assert word_of(NUMBER, documents_of(_tariffs(), 1)) == _tariffs()


_SETTINGS = Told(Header(7, Table.SETTINGS, 0, 4, 1_795_060_800, 0), DEFAULTS)


@pytest.mark.parametrize("field", ["version", "issued_at", "part"])
def test_a_document_that_is_no_whole_settings_is_refused(field: str) -> None:
    document = settings_document(_SETTINGS, 1)
    del document[field]
    with pytest.raises(BadKept, match="the kept settings is not used"):
        settings_of(7, document)


def test_kept_settings_out_of_bounds_are_refused_like_any() -> None:
    document = settings_document(_SETTINGS, 1) | {"part": "hgEBAQEBAA=="}  # [1, 1, 1, 1, 1, 0]
    with pytest.raises(BadSettings, match="good days"):
        settings_of(7, document)


def test_kept_settings_are_read_as_they_came() -> None:
    assert settings_of(7, settings_document(_SETTINGS, 1)) == _SETTINGS
