"""The copy mark: how far an off-site copy of the database reaches, in one line (docs/formats/copy-mark.md). Pure.

    onecard-copy 1 GENERATION BUNDLE

All bundles numbered up to BUNDLE in the database of GENERATION are in the copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from onecard.errors import OnecardError

_MARK = re.compile(rb"onecard-copy 1 ([1-9][0-9]{0,9}) (0|[1-9][0-9]{0,18})\n")


class BadMark(OnecardError):
    """The bytes of a copy mark are none."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        super().__init__(f"{raw[:60]!r} is no copy mark: it is one line, `onecard-copy 1 GENERATION BUNDLE`")


@dataclass(frozen=True, slots=True)
class CopyMark:
    """Up to which bundle, and of which generation of the database, the off-site copy holds all."""

    generation: int
    bundle: int


def pack_mark(mark: CopyMark) -> bytes:
    """The mark's bytes."""
    return f"onecard-copy 1 {mark.generation} {mark.bundle}\n".encode()


def read_mark(raw: bytes) -> CopyMark:
    """The mark of these bytes. Raises `BadMark`."""
    found = _MARK.fullmatch(raw)
    if found is None:
        raise BadMark(raw)
    return CopyMark(int(found[1]), int(found[2]))
