"""The debit ring as read from a card: three blocks, which are valid, which is newest (P-R1).

A record with counter c is valid only in block c mod 3 and only with a right MAC. The newest is the valid one with the
highest counter. A ring without a valid record is refused; it never means N = 0 (hole H22).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onecard.purse.record import RECORD_SIZE, DebitRecord

SLOTS = 3


def slot_of(counter: int) -> int:
    """The block in which the record with this counter lives."""
    return counter % SLOTS


@dataclass(frozen=True, slots=True)
class Ring:
    """One reading of a ring, slot by slot; an invalid block is None."""

    records: tuple[DebitRecord | None, ...]

    @property
    def newest(self) -> DebitRecord | None:
        """The valid record with the highest counter."""
        return max(self.readable, key=lambda record: record.counter, default=None)

    @property
    def readable(self) -> tuple[DebitRecord, ...]:
        """The valid records, in slot order."""
        return tuple(record for record in self.records if record is not None)

    def with_record(self, record: DebitRecord) -> Ring:
        """The ring after `record` was written and acknowledged."""
        slots = list(self.records)
        slots[slot_of(record.counter)] = record
        return replace(self, records=tuple(slots))


def read_ring(images: Sequence[bytes], decode: Callable[[bytes], DebitRecord | None]) -> Ring:
    """The ring of three 16-byte images in slot order; `decode` gives an image's record when its MAC is right."""
    assert len(images) == SLOTS

    def valid(slot: int, image: bytes) -> DebitRecord | None:
        record = decode(image)
        return record if record is not None and slot_of(record.counter) == slot else None

    return Ring(tuple(valid(slot, image) for slot, image in enumerate(images)))


def ring_bytes(ring: Ring, images: Sequence[bytes]) -> bytes:
    """The 48 bytes that an INTENT journals: the valid images, zeros for the others."""
    pairs = zip(ring.records, images, strict=True)
    return b"".join(bytes(RECORD_SIZE) if record is None else image for record, image in pairs)
