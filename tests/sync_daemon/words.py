"""A chain in its simplest form, and acknowledgements of it."""

from __future__ import annotations

from dataclasses import dataclass

from onecard.downlink import Acknowledgement
from tests.sync_daemon.keys import TERMINAL


def tag_of(sequence: int) -> bytes:
    """The tag at a sequence, in `Own`."""
    return sequence.to_bytes(8, "big", signed=True)


@dataclass(frozen=True)
class Own:
    """A chain whose tags are its sequences."""

    end: int
    oldest: int = 1

    def tag(self, sequence: int) -> bytes | None:
        """None beyond the end."""
        assert sequence >= self.oldest - 1
        return tag_of(sequence) if sequence <= self.end else None


def ack(received: int, safe: int | None = None, generation: int = 1, tag: bytes | None = None) -> Acknowledgement:
    """An acknowledgement with the tags of `Own`, unless one is given."""
    safe = received if safe is None else safe
    return Acknowledgement(TERMINAL, received, tag or tag_of(received), safe, tag_of(safe), generation, 0)
