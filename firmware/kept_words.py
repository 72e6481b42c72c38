"""The server's prices as the documents in which a terminal keeps them. Pure; docs/formats/tables.md has the fields.

Document 1 of the table tells its version and how many documents follow it. Those are its parts, the price tables
(docs/formats/tariff.md) in the order in which they came, in base64, because JSON holds no bytes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping

from firmware.inbox import Tariffs
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.errors import OnecardError
from onecard.journal.mutable_state import Fields


class BadKept(OnecardError):
    """Documents that are not prices as this software keeps them."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the kept tariff is not used: {why}")


def documents_of(word: Tariffs, in_force_at: int) -> dict[int, Fields]:
    """The whole table by document number; `in_force_at` is when its version came into force here, UTC seconds."""
    parts = [tariff.encode(each) for each in word.tariffs]
    header = word.header
    told: Fields = {
        "version": header.version,
        "issued_at": header.issued_at,
        "good_until": header.good_until,
        "in_force_at": in_force_at,
        "parts": len(parts),
    }
    return {1: told} | {number: {"part": b64encode(part).decode()} for number, part in enumerate(parts, 2)}


def word_of(terminal: int, documents: Mapping[int, Mapping[str, object]]) -> Tariffs:
    """The word that `documents_of` kept. Raises `BadKept`, `tariff.BadTariff`."""
    match documents.get(1):
        case {"version": int(version), "issued_at": int(issued_at), "good_until": int(good_until), "parts": int(count)}:
            header = Header(terminal, Table.TARIFF, 0, version, issued_at, good_until)
        case _:
            raise BadKept("its first document tells no version")
    if documents.keys() != set(range(1, count + 2)):
        raise BadKept(f"version {version} has {count} parts, {len(documents) - 1} documents follow")
    return Tariffs(header, tuple(tariff.decode(_part(documents[number])) for number in range(2, count + 2)))


def _part(document: Mapping[str, object]) -> bytes:
    match document:
        case {"part": str(text)}:
            try:
                return b64decode(text, validate=True)
            except binascii.Error as error:
                raise BadKept(f"a part is no base64: {error}") from error
    raise BadKept("a document holds no part")
