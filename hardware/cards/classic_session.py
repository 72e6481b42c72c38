"""MIFARE Classic commands to one card through a reader: select, authenticate, read, write.

Source: NXP MF1S50yyX_V1 §9 to §11 and, for the PN532's way of saying them, UM0701-02 §7.3.8. After any error a Classic
card has forgotten its authentication and must be selected again; this keeps account of that, and authenticates only
when the sector or the key changes.
"""

from __future__ import annotations

from enum import Enum

from hardware.cards.classic_layout import BLOCK_SIZE, KEY_SIZE, data_blocks, sector_of
from hardware.cards.reselection import reselected
from hardware.reader import CardError, Reader, ReaderError, ReaderFault, Target

EXCHANGE_SECONDS = 1.0
"""Far above what card and chip take (10 ms): the chip reports a missing card itself, this is for a missing chip."""

_READ = 0x30
_WRITE = 0xA0


class Key(Enum):
    """Which of a sector's two keys; the value is the authentication command."""

    A = 0x60
    B = 0x61


class ClassicSession:
    """One presentation of one MIFARE Classic card."""

    def __init__(self, reader: Reader, target: Target) -> None:
        """`target` is the one card `reader.poll` just selected."""
        self._reader = reader
        self._target = target
        self._selected = True
        self._opened: tuple[int, Key, bytes] | None = None

    @property
    def uid(self) -> bytes:
        """The card's UID."""
        return self._target.uid

    @property
    def where(self) -> str:
        """The reader's name, for errors."""
        return self._reader.name

    @property
    def selected(self) -> bool:
        """Nothing failed since the card was selected."""
        return self._selected

    def select(self) -> None:
        """Select the card again if a failure lost it. Raises `CardGone` unless it alone is there (P-R25)."""
        if self._selected:
            return
        self._target = reselected(self._reader, self.uid)
        self._selected = True

    def authenticate(self, sector: int, kind: Key, key: bytes) -> None:
        """Open a sector with one of its 6-byte keys. Raises `WrongKey` and what `Reader.exchange` raises."""
        assert len(key) == KEY_SIZE
        if self._opened == (sector, kind, key):
            return
        self._command(bytes([kind.value, data_blocks(sector).start]) + key + self.uid[-4:], 0)
        self._opened = (sector, kind, key)

    def forget(self) -> None:
        """Authenticate anew before the next block: the sector's keys were changed."""
        self._opened = None

    def read(self, block: int) -> bytes:
        """The 16 bytes of a block of the opened sector."""
        assert self._is_open(block)
        return self._command(bytes([_READ, block]), BLOCK_SIZE)

    def write(self, block: int, image: bytes) -> None:
        """Write 16 bytes to a block of the opened sector; returning means the card acknowledged it."""
        assert self._is_open(block)
        assert len(image) == BLOCK_SIZE
        self._command(bytes([_WRITE, block]) + image, 0)

    def _is_open(self, block: int) -> bool:
        return self._opened is not None and self._opened[0] == sector_of(block)

    def _command(self, data: bytes, answer_size: int) -> bytes:
        assert self._selected, "the card must be selected again"
        try:
            answer = self._reader.exchange(data, EXCHANGE_SECONDS)
            if len(answer) != answer_size:
                what = f"{len(answer)} bytes answer Classic command {data[0]:02X}, {answer_size} were due"
                raise ReaderFault(self._reader.name, what, "present the card again")
        except (CardError, ReaderError):
            self._selected, self._opened = False, None
            raise
        return answer
