"""The place of a record: terminal and sequence as one 63-bit number, terminal × 2^47 + sequence.

The primary key of everything that is kept once per record. Its index has a terminal's records together and in order,
and a range of sequences is a range of keys. The epoch is not in it: the sequence never restarts within a
terminal number (I-04), and two records of different epochs at one sequence are a fork.
"""

from __future__ import annotations

SEQUENCE_BITS = 47
SEQUENCE_MAX = (1 << SEQUENCE_BITS) - 1


def place(terminal: int, sequence: int) -> int:
    """The key of the record `sequence` (0 … 2^47 − 1) of `terminal`; sequence 0 comes before its first."""
    assert 0 < terminal < 1 << 16
    assert 0 <= sequence <= SEQUENCE_MAX
    return terminal << SEQUENCE_BITS | sequence


def name(at: int) -> tuple[int, int]:
    """(terminal, sequence) of a key."""
    return at >> SEQUENCE_BITS, at & SEQUENCE_MAX
