"""The server's prices and settings as the documents in which a terminal keeps them. Pure.

The fields are in docs/formats/tables.md.

Document 1 of the table tells its version and how many documents follow it. Those are its parts, the price tables
(docs/formats/tariff.md) in the order in which they came, in base64, because JSON holds no bytes.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping

from firmware.inbox import Tariffs, Told
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.errors import OnecardError
from onecard.inbox_names import table_name
from onecard.journal.mutable_state import Fields
from onecard.settings import decode_settings


class BadKept(OnecardError):
    """Documents that are not prices or settings as this software keeps them."""

    def __init__(self, table: Table, why: str) -> None:
        self.table = table
        self.why = why
        super().__init__(f"the kept {table_name(table)} is not used: {why}")


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
            raise BadKept(Table.TARIFF, "its first document tells no version")
    if len(documents) != count + 1 or documents.keys() != set(range(1, count + 2)):
        raise BadKept(Table.TARIFF, f"version {version} has {count} parts, {len(documents) - 1} documents follow")
    parts = (_part(Table.TARIFF, documents[number]) for number in range(2, count + 2))
    return Tariffs(header, tuple(tariff.decode(part) for part in parts))


def settings_document(word: Told, in_force_at: int) -> Fields:
    """The settings as the `config` table keeps them, under the key `settings`."""
    header = word.header
    return {
        "key": "settings",
        "version": header.version,
        "issued_at": header.issued_at,
        "in_force_at": in_force_at,
        "part": b64encode(word.settings.encode()).decode(),
    }


def settings_of(terminal: int, document: Mapping[str, object]) -> Told:
    """The word that `settings_document` kept. Raises `BadKept`, `settings.BadSettings`."""
    match document:
        case {"version": int(version), "issued_at": int(issued_at)}:
            header = Header(terminal, Table.SETTINGS, 0, version, issued_at, 0)
            return Told(header, decode_settings(_part(Table.SETTINGS, document)))
    raise BadKept(Table.SETTINGS, "its document tells no version")


def _part(table: Table, document: Mapping[str, object]) -> bytes:
    match document:
        case {"part": str(text)}:
            try:
                return b64decode(text, validate=True)
            except ValueError as error:  # binascii.Error is one; a letter beyond ASCII another
                raise BadKept(table, f"a part is no base64: {error}") from error
    raise BadKept(table, "a document holds no part")
