"""Cards as their holder sees them: files that he may read, put back, and write to another card with the same UID."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hardware.cards.classic_layout import certificate_blocks, ring_block, split_certificate
from hardware.virtual import card_file
from hardware.virtual.card_file import ClassicImage
from onecard.purse.record import DebitRecord, unchecked
from onecard.purse.ring import SLOTS, slot_of


@dataclass(frozen=True)
class Card:
    """One piece of plastic."""

    file: Path

    @property
    def uid(self) -> bytes:
        """What it says who it is."""
        return card_file.load(self.file).uid

    def dump(self) -> bytes:
        """All that is on it now."""
        return self.file.read_bytes()

    def restore(self, dump: bytes) -> None:
        """Put back what once was on it."""
        self.file.write_bytes(dump)

    def clone(self, number: int) -> Card:
        """Another card with all of this one's contents, its UID too."""
        other = Card(self.file.with_name(f"{self.file.name}-clone-{number}"))
        other.restore(self.dump())
        return other

    @property
    def ring(self) -> list[bytes]:
        """A Classic's three ring blocks, slot by slot."""
        blocks = self._classic().blocks
        return [blocks[ring_block(0, slot)] for slot in range(SLOTS)]

    @property
    def newest(self) -> DebitRecord:
        """A Classic's record with the highest counter."""
        return max(map(unchecked, self.ring), key=lambda record: record.counter)

    def write_record(self, counter: int, image: bytes) -> None:
        """Write 16 bytes to the place of the record with that counter."""
        self._write({ring_block(0, slot_of(counter)): image})

    def write_certificate(self, copy: int, image: bytes) -> None:
        """Write 96 bytes as a certificate copy."""
        self._write(dict(zip(certificate_blocks(0, copy), split_certificate(image), strict=True)))

    def _classic(self) -> ClassicImage:
        image = card_file.load(self.file)
        assert isinstance(image, ClassicImage)
        return image

    def _write(self, changes: dict[int, bytes]) -> None:
        image = self._classic()
        for block, content in changes.items():
            image.blocks[block] = content
        card_file.save(self.file, image)
