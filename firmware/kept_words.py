"""The server's tables as the documents in which a terminal keeps them. Pure; docs/formats/tables.md has the fields.

Document 1 of a table tells its version and how many documents follow it. Those are its parts, in base64, because JSON
holds no bytes. A tariff's parts are its price tables (docs/formats/tariff.md), in the order in which they came. A
hotlist's are 128 runs of card numbers, 5 bytes each, big-endian, rising; a number lies in the run of its remainder by
128, so that a new version changes few documents.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from firmware.inbox import Hotlist, Tariffs
from onecard import tariff
from onecard.downlink import Header, Table
from onecard.errors import OnecardError
from onecard.journal.mutable_state import Fields

CARD_SIZE = 5
RUNS = 128
KeptWord: TypeAlias = Tariffs | Hotlist


class BadKept(OnecardError):
    """Documents that are not a table as this software keeps it."""

    def __init__(self, table: Table, why: str) -> None:
        self.table = table
        self.why = why
        super().__init__(f"the kept {table.name.lower()} is not used: {why}")


def documents_of(word: KeptWord, in_force_at: int) -> dict[int, Fields]:
    """The whole table by document number; `in_force_at` is when its version came into force here, UTC seconds."""
    parts = [tariff.encode(each) for each in word.tariffs] if isinstance(word, Tariffs) else _runs(word.cards)
    header = word.header
    told: Fields = {
        "version": header.version,
        "issued_at": header.issued_at,
        "good_until": header.good_until,
        "in_force_at": in_force_at,
        "parts": len(parts),
    }
    return {1: told} | {number: {"part": b64encode(part).decode()} for number, part in enumerate(parts, 2)}


def word_of(table: Table, terminal: int, documents: Mapping[int, Mapping[str, object]]) -> KeptWord:
    """The word that `documents_of` kept. Raises `BadKept`, `tariff.BadTariff`."""
    match documents.get(1):
        case {"version": int(version), "issued_at": int(issued_at), "good_until": int(good_until), "parts": int(count)}:
            header = Header(terminal, table, 0, version, issued_at, good_until)
        case _:
            raise BadKept(table, "its first document tells no version")
    if len(documents) != count + 1 or documents.keys() != set(range(1, count + 2)):
        raise BadKept(table, f"version {version} has {count} parts, {len(documents) - 1} documents follow")
    parts = [_part(table, documents[number]) for number in range(2, count + 2)]
    if table is Table.TARIFF:
        return Tariffs(header, tuple(tariff.decode(part) for part in parts))
    if any(len(part) % CARD_SIZE for part in parts):
        raise BadKept(table, f"a part is no run of {CARD_SIZE}-byte card numbers")
    return Hotlist(header, frozenset(card for part in parts for card in _cards(part)))


def _runs(cards: Iterable[int]) -> list[bytes]:
    runs: list[list[int]] = [[] for _ in range(RUNS)]
    for card in sorted(cards):
        runs[card % RUNS].append(card)
    return [b"".join(card.to_bytes(CARD_SIZE, "big") for card in run) for run in runs]


def _cards(part: bytes) -> Iterable[int]:
    return (int.from_bytes(part[at : at + CARD_SIZE], "big") for at in range(0, len(part), CARD_SIZE))


def _part(table: Table, document: Mapping[str, object]) -> bytes:
    match document:
        case {"part": str(text)}:
            try:
                return b64decode(text, validate=True)
            except ValueError as error:  # binascii.Error is one; a letter beyond ASCII another
                raise BadKept(table, f"a part is no base64: {error}") from error
    raise BadKept(table, "a document holds no part")
