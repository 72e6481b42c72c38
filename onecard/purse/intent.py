"""From a journaled INTENT back to the ring record it announced, and to the server's evidence.

The terminal needs it for a re-tap after a restart, the server for resolution: one rule, here.
"""

from __future__ import annotations

from onecard.kinds import Outcome
from onecard.purse.record import RECORD_SIZE, DebitRecord, Identity, LoadReference, sequence_byte, unchecked
from onecard.purse.resolution import Evidence
from onecard.records import Intent


def intent_record(intent: Intent, sequence: int, terminal: int) -> DebitRecord:
    """The record that the intent of `sequence` at `terminal` would write."""
    return DebitRecord(
        counter=intent.counter,
        load_reference=LoadReference.of(intent.copy, intent.load_sequence),
        debited=intent.debited,
        terminal=terminal,
        sequence_byte=sequence_byte(sequence),
    )


def evidence(intent: Intent, sequence: int, terminal: int, outcome: Outcome | None) -> Evidence:
    """The intent as evidence. The ring bytes are the valid images the terminal read; a blank slot is no record."""
    images = ring_images(intent)
    return Evidence(
        sequence=sequence,
        record=intent_record(intent, sequence, terminal).identity,
        base=unchecked(images[intent.base_slot]).identity,
        seen=tuple(unchecked(image).identity for image in images if any(image)),
        amount=intent.amount,
        outcome=outcome,
    )


def base_record(intent: Intent) -> DebitRecord:
    """The record the intent stood on."""
    return unchecked(ring_images(intent)[intent.base_slot])


def last_identity(ring: bytes) -> Identity:
    """The newest record of 48 journaled ring bytes: of a first ring, the purse's genesis."""
    images = [ring[at : at + RECORD_SIZE] for at in range(0, len(ring), RECORD_SIZE)]
    return max(unchecked(image).identity for image in images if any(image))


def ring_images(intent: Intent) -> list[bytes]:
    """The three 16-byte images of the ring as seen, slot by slot; zeros where a block was not valid."""
    return [intent.ring[at : at + RECORD_SIZE] for at in range(0, len(intent.ring), RECORD_SIZE)]
