"""The memory of a card in the field: every read and write of a block passes here, so does every tear."""

from __future__ import annotations

from collections.abc import Callable

from hardware.virtual.card_file import ClassicImage
from hardware.virtual.schedule import CardTornError, Schedule
from hardware.virtual.tear import BLOCK_SIZE, Draws, Torn, as_read, torn


class Eeprom:
    """Blocks of 16 bytes over an image that `store` makes lasting at each write.

    Weak bits are drawn anew at each read, from the seed kept in the image, the presentation, and the count of reads
    in this presentation: the same history under the same seed reads the same.
    """

    def __init__(self, image: ClassicImage, store: Callable[[ClassicImage], None], schedule: Schedule, seed: int):
        self.image = image
        self.writes = 0
        self._store = store
        self._schedule = schedule
        self._seed = seed
        self._weak_reads = 0

    def presented(self) -> None:
        """The card is laid in a field: weak bits start a new row of draws, also after the reader was restarted."""
        self._weak_reads = 0
        self.image.presentations += 1
        self._store(self.image)

    def read(self, block: int) -> bytes:
        """16 bytes as the card sees them now."""
        data, mask = self.image.blocks[block], self.image.weak.get(block)
        if mask is None:
            return data
        self._weak_reads += 1
        draws = Draws(self.image.weak_seed)
        return as_read(
            data, mask, draws.bits(b"read", self.image.uid, block, self.image.presentations, self._weak_reads)
        )

    def write(self, block: int, new: bytes) -> None:
        """Erase and program one block. Raises CardTornError, ChipStalledError; a torn block is already stored."""
        cut = self._schedule.write_begins()
        image = self.image
        image.writes += 1
        self.writes += 1
        old = Torn(image.blocks[block], image.weak.pop(block, bytes(BLOCK_SIZE)))
        if cut is None:
            image.blocks[block] = new
            self._store(image)
            self._schedule.write_ends()
            return
        result = torn(old, new, cut, Draws(self._seed).bits(b"tear", image.uid, block, image.writes))
        image.blocks[block] = result.data
        if any(result.weak):
            image.weak[block], image.weak_seed = result.weak, self._seed
        self._store(image)
        raise CardTornError
