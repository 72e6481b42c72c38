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

from hardware.virtual.card_fields import FieldError, numbered_table, octets, whole
from hardware.virtual.desfire import file_format
from hardware.virtual.desfire.contents import DesfireImage
from hardware.virtual.tear import BLOCK_SIZE
from onecard.errors import OnecardError

FORMAT = "onecard-virtual-card"
VERSION = 1
CLASSIC_1K = "classic-1k"
DESFIRE = "desfire"
BLOCK_COUNT = 64
_MAX_FILE_SIZE = 64 * 1024
_ENVELOPE = {"format", "version", "family"}
_CLASSIC_FIELDS = {"uid", "blocks", "weak", "weak_seed", "presentations", "writes"}


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


Image = ClassicImage | DesfireImage


def check_uid(uid: bytes) -> str | None:
    """What is wrong with a UID, None if nothing: 4 or 7 bytes, not beginning with the cascade tag 88."""
    if len(uid) not in (4, 7):
        return f"a UID has 4 or 7 bytes, this has {len(uid)}"
    if uid[0] == 0x88:
        return "a UID does not begin with 88, the cascade tag"
    return None


def save(path: Path, image: Image) -> None:
    """Replace the file in one step. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(write(image))
    beside.replace(path)


def write(image: Image) -> bytes:
    """The text of a card's file."""
    classic = isinstance(image, ClassicImage)
    content: dict[str, object] = {"format": FORMAT, "version": VERSION, "family": CLASSIC_1K if classic else DESFIRE}
    content |= _classic_fields(image) if isinstance(image, ClassicImage) else file_format.to_fields(image)
    return f"{json.dumps(content, indent=1)}\n".encode()


def _classic_fields(image: ClassicImage) -> dict[str, object]:
    return {
        "uid": image.uid.hex(),
        "blocks": [block.hex() for block in image.blocks],
        "weak": {str(block): mask.hex() for block, mask in sorted(image.weak.items())},
        "weak_seed": image.weak_seed,
        "presentations": image.presentations,
        "writes": image.writes,
    }


def load(path: Path) -> Image:
    """The card in `path`. Raises CardFileError."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_FILE_SIZE + 1)
    except OSError as error:
        raise CardFileError(path, error.strerror or str(error), "make one with `onecard card blank`") from error
    return read(text, path)


def read(text: bytes, path: Path) -> Image:
    """The card in a file's `text`; `path` names it in errors. Raises CardFileError."""
    problem = "no card of this program"
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates) if len(text) <= _MAX_FILE_SIZE else None
    except (ValueError, RecursionError) as error:
        raise CardFileError(path, f"{problem}: {error}", _CURE) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CardFileError(path, problem, _CURE)
    if content.get("version") != VERSION:
        raise CardFileError(path, f"version {content.get('version')!r} is not {VERSION}", _CURE)
    family = content.get("family")
    if family not in (CLASSIC_1K, DESFIRE):
        raise CardFileError(path, f"family {family!r} is neither {CLASSIC_1K} nor {DESFIRE}", _CURE)
    fields = _ENVELOPE | (_CLASSIC_FIELDS if family == CLASSIC_1K else file_format.FIELDS)
    try:
        if content.keys() != fields:
            raise FieldError(f"fields missing or unknown: {', '.join(sorted(content.keys() ^ fields))}")
        if wrong := check_uid(octets(content["uid"], "uid")):
            raise FieldError(wrong)
        return _classic(content) if family == CLASSIC_1K else file_format.from_fields(content)
    except FieldError as error:
        raise CardFileError(path, str(error), _CURE) from None


_CURE = "make a new one with `onecard card blank`"


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a field stands twice")
    return content


def _classic(content: dict[str, object]) -> ClassicImage:
    blocks = content["blocks"]
    if not isinstance(blocks, list) or len(blocks) != BLOCK_COUNT:
        raise FieldError(f"blocks is not a list of {BLOCK_COUNT}")
    weak = numbered_table(content["weak"], "weak", BLOCK_COUNT)
    return ClassicImage(
        uid=octets(content["uid"], "uid"),
        blocks=[octets(block, f"block {n}", BLOCK_SIZE) for n, block in enumerate(blocks)],
        weak={n: octets(mask, f"weak {n}", BLOCK_SIZE) for n, mask in weak.items()},
        weak_seed=whole(content["weak_seed"], "weak_seed", -(2**63)),
        presentations=whole(content["presentations"], "presentations", 0),
        writes=whole(content["writes"], "writes", 0),
    )
