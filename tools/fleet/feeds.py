"""The centre's versioned tables in memory: what `server.cards` makes of its rows, without SQL.

Forms, rows and changes are the product's (`onecard.state_table`, `onecard.hotlist`, `onecard.packed_table`).
"""

from __future__ import annotations

from itertools import takewhile

from onecard.hotlist import number_bytes
from onecard.identity import CardNumber
from onecard.packed_table import TableChange
from onecard.state_table import KEY_SIZE


class StateFeed:
    """The state table: of each purse the row stated last, and its version (`server.cards.state`)."""

    def __init__(self) -> None:
        self.version = 0
        self._rows: dict[bytes, tuple[int, bytes]] = {}

    def restate(self, row: bytes) -> None:
        """What a purse's 27 bytes are now; a row that is as it was gets no version."""
        key = row[:KEY_SIZE]
        if self._rows.get(key, (0, b""))[1] != row:
            self.version += 1
            self._rows.pop(key, None)
            self._rows[key] = self.version, row

    def after(self, base: int) -> TableChange:
        """What leads from version `base` to the newest; 0 asks for the whole table."""
        newest_first = takewhile(lambda stated: stated[0] > base, reversed(self._rows.values()))
        return TableChange(base, self.version, b"".join(sorted(row for _, row in newest_first)))


class HotlistFeed:
    """The hotlist: the newest entry of a card counts (`server.cards.hotlist`). The empty list is version 1."""

    def __init__(self) -> None:
        self._entries: list[tuple[CardNumber, bool]] = []

    @property
    def version(self) -> int:
        """Of the list as it is now."""
        return 1 + len(self._entries)

    @property
    def refused(self) -> list[CardNumber]:
        """The cards on it."""
        return [number for number, on in dict(self._entries).items() if on]

    def enter(self, number: CardNumber, *, refused: bool) -> None:
        """A card is put on it, or taken off."""
        self._entries.append((number, refused))

    def after(self, base: int) -> TableChange:
        """What leads from version `base` to the newest; 0 asks for the whole list."""
        newest = dict(self._entries[max(base - 1, 0) :])
        rows = b"".join(sorted(number_bytes(number) for number, on in newest.items() if on))
        gone = b"".join(sorted(number_bytes(number) for number, on in newest.items() if not on))
        return TableChange(base, self.version, rows, gone if base else b"")
