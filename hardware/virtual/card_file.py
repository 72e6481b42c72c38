"""A virtual card's file: what its EEPROM holds, and what a tear left undecided. Format: docs/formats/virtual-card.md.

One JSON object with exactly the fields of its family. It is replaced by rename at every completed or torn write, so a
killed reader leaves either the old or the new card, never a mixture. It is not synced to disk: a virtual card need not
outlive the host's power.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hardware.virtual.tear import BLOCK_SIZE
from onecard.errors import OnecardError

FORMAT = "onecard-virtual-card"
VERSION = 1
CLASSIC_1K = "classic-1k"
DESFIRE = "desfire"
BLOCK_COUNT = 64
_MAX_FILE_SIZE = 64 * 1024
_FIELDS = {"format", "version", "family", "uid", "blocks", "weak", "weak_seed", "presentations", "writes"}


class CardFileError(OnecardError):
    """A card file cannot be read, or is not one."""

    def __init__(self, path: Path, what: str, cure: str) -> None:
        super().__init__(f"card file {path}: {what}; {cure}")
        self.path, self.what, self.cure = path, what, cure


@dataclass(slots=True)
class ClassicImage:
    """The memory of a MIFARE Classic 1K: mutable, for it is the card.

    `uid` 4 or 7 bytes; `blocks` 64 × 16 bytes; `weak` block number to 16 bytes whose 1 bits read differently each
    time, drawn under `weak_seed`; `presentations` how often the card was laid in a field; `writes` EEPROM writes begun.
    """

    uid: bytes
    blocks: list[bytes]
    weak: dict[int, bytes] = field(default_factory=dict)
    weak_seed: int = 0
    presentations: int = 0
    writes: int = 0


def check_uid(uid: bytes) -> str | None:
    """What is wrong with a UID, None if nothing: 4 or 7 bytes, not beginning with the cascade tag 88."""
    if len(uid) not in (4, 7):
        return f"a UID has 4 or 7 bytes, this has {len(uid)}"
    if uid[0] == 0x88:
        return "a UID does not begin with 88, the cascade tag"
    return None


def save(path: Path, image: ClassicImage) -> None:
    """Replace the file in one step. Raises OSError."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "family": CLASSIC_1K,
        "uid": image.uid.hex(),
        "blocks": [block.hex() for block in image.blocks],
        "weak": {str(block): mask.hex() for block, mask in sorted(image.weak.items())},
        "weak_seed": image.weak_seed,
        "presentations": image.presentations,
        "writes": image.writes,
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    beside.replace(path)


def load(path: Path) -> ClassicImage:
    """The card in `path`. Raises CardFileError."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_FILE_SIZE + 1)
    except OSError as error:
        raise CardFileError(
            path, error.strerror or str(error), "make one with `onecard card blank --type classic --uid HEX FILE`"
        ) from error
    problem = "no card of this program"
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates) if len(text) <= _MAX_FILE_SIZE else None
    except (ValueError, RecursionError) as error:
        raise CardFileError(path, f"{problem}: {error}", _CURE) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CardFileError(path, problem, _CURE)
    if content.get("version") != VERSION:
        raise CardFileError(path, f"version {content.get('version')!r} is not {VERSION}", _CURE)
    if content.get("family") != CLASSIC_1K:
        raise CardFileError(path, f"family {content.get('family')!r} is not {CLASSIC_1K}", _CURE)
    try:
        return _classic(content)
    except _FieldError as error:
        raise CardFileError(path, str(error), _CURE) from None


_CURE = "make a new one with `onecard card blank`"


class _FieldError(Exception):
    pass


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a field stands twice")
    return content


def _classic(content: dict[str, object]) -> ClassicImage:
    if content.keys() != _FIELDS:
        raise _FieldError(f"fields missing or unknown: {', '.join(sorted(content.keys() ^ _FIELDS))}")
    uid = _hex(content["uid"], "uid")
    if problem := check_uid(uid):
        raise _FieldError(problem)
    blocks = content["blocks"]
    if not isinstance(blocks, list) or len(blocks) != BLOCK_COUNT:
        raise _FieldError(f"blocks is not a list of {BLOCK_COUNT}")
    weak = content["weak"]
    if not isinstance(weak, dict) or not all(k.isascii() and k.isdigit() and int(k) < BLOCK_COUNT for k in weak):
        raise _FieldError(f"weak is not a table of block numbers below {BLOCK_COUNT}")
    return ClassicImage(
        uid=uid,
        blocks=[_hex(block, f"block {n}", BLOCK_SIZE) for n, block in enumerate(blocks)],
        weak={int(n): _hex(mask, f"weak {n}", BLOCK_SIZE) for n, mask in cast(dict[str, Any], weak).items()},
        weak_seed=_whole(content["weak_seed"], "weak_seed", -(2**63)),
        presentations=_whole(content["presentations"], "presentations", 0),
        writes=_whole(content["writes"], "writes", 0),
    )


def _hex(value: object, name: str, size: int | None = None) -> bytes:
    if not isinstance(value, str) or not set(value) <= set("0123456789abcdef") or len(value) % 2:
        raise _FieldError(f"{name} is not lower-case hexadecimal")
    if size is not None and len(value) != 2 * size:
        raise _FieldError(f"{name} has {len(value) // 2} bytes, not {size}")
    return bytes.fromhex(value)


def _whole(value: object, name: str, least: int) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise _FieldError(f"{name} is not a whole number from {least}")
    return value
