"""The SAM port: debit keys that are used and never shown.

Rules, each a check in the conformance suite of every implementation
- A master key never leaves it. What it gives out opens one card, and none of it can raise *loaded* (I-10).
- It writes under the current version of a key, and knows the previous ones: a card is read whichever it bears (P-R27).
  A coming version of the record MAC it knows too, and never writes under it: other terminals may not know it yet.
- Nothing it says of itself (`repr`, errors, a pickle) holds a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from onecard.purse.record import DebitRecord


class Sam(Protocol):
    """One terminal's debit keys. Used by one thread."""

    def record(self, image: bytes, uid: bytes, purse: int) -> DebitRecord | None:
        """The debit record in a 16-byte image when its MAC is right for this card and purse under a version held,
        else None (P-R1)."""
        ...

    def record_image(self, record: DebitRecord, uid: bytes, purse: int) -> bytes:
        """The 16 bytes of `record` in purse 0 … 15 of the card, its MAC under the current version."""
        ...

    def classic_keys(self, uid: bytes, sector: int) -> Sequence[bytes]:
        """The 6-byte keys A that this card's sector 0 … 15 may have: of the current version, then of earlier ones. The
        reader chip does the card's own cipher, so these leave the module: they open one sector of one card."""
        ...

    def desfire_keys(self, uid: bytes, application: bytes) -> Sequence[bytes]:
        """The 16-byte debit keys that an application (3 bytes in wire order) of this DESFire may have: of the current
        version, then of earlier ones. The host does the session's cipher: they open one application of one card."""
        ...
