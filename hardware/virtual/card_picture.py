"""A virtual card for people: access conditions in words, keys hidden."""

from __future__ import annotations

from hardware.virtual.access import DATA_RIGHTS, TRAILER_RIGHTS, Key, conditions, key_b_is_readable
from hardware.virtual.card_file import BLOCK_COUNT, CLASSIC_1K, DESFIRE, ClassicImage, Image
from hardware.virtual.classic_card import FACTORY_KEY, value_of
from hardware.virtual.desfire import picture as desfire_picture

_FACTORY = "factory"
_HIDDEN = "hidden"


def as_json(image: Image) -> dict[str, object]:
    """What is on the card, with its `family`; the rest is the family's (`_classic_json`, `desfire.picture.as_json`)."""
    if isinstance(image, ClassicImage):
        return {"family": CLASSIC_1K, **_classic_json(image)}
    return {"family": DESFIRE, **desfire_picture.as_json(image)}


def as_text(image: Image) -> str:
    """A page of text."""
    return _classic_text(image) if isinstance(image, ClassicImage) else desfire_picture.as_text(image)


def _classic_json(image: ClassicImage) -> dict[str, object]:
    """uid, writes, presentations, and per sector: keys ("factory" or "hidden"), conditions, words, blocks in hex.

    A sector with broken access bits has `conditions` null. Key bytes of a trailer are shown as `--`.
    """
    return {
        "uid": image.uid.hex(),
        "presentations": image.presentations,
        "writes": image.writes,
        "weak_blocks": sorted(image.weak),
        "sectors": [_sector(image, sector) for sector in range(BLOCK_COUNT // 4)],
    }


def _classic_text(image: ClassicImage) -> str:
    lines = [f"MIFARE Classic 1K, UID {image.uid.hex()}; {image.writes} writes, {image.presentations} presentations"]
    for sector in range(BLOCK_COUNT // 4):
        trailer = image.blocks[4 * sector + 3]
        keys = f"key A {_key(trailer[:6])}, key B {_key(trailer[10:])}"
        lines.append(f"sector {sector}: {keys}")
        words = _words(trailer)
        for block in range(4 * sector, 4 * sector + 4):
            lines.append(f"  {block:2}  {_block(image, block)}  {words[block % 4]}{_notes(image, block)}")
    return "\n".join(lines)


def _sector(image: ClassicImage, sector: int) -> dict[str, object]:
    trailer = image.blocks[4 * sector + 3]
    return {
        "key_a": _key(trailer[:6]),
        "key_b": _key(trailer[10:]),
        "conditions": conditions(trailer),
        "access": _words(trailer),
        "blocks": [_block(image, block) for block in range(4 * sector, 4 * sector + 4)],
    }


def _block(image: ClassicImage, block: int) -> str:
    data = image.blocks[block]
    return data.hex() if block % 4 != 3 else "--" * 6 + data[6:10].hex() + "--" * 6


def _key(key: bytes) -> str:
    return _FACTORY if key == FACTORY_KEY else _HIDDEN


def _notes(image: ClassicImage, block: int) -> str:
    value = value_of(image.blocks[block]) if block % 4 != 3 and block else None
    told = "" if value is None else f"; value {value.number} at {value.address}"
    if block in image.weak:
        told += f"; weak bits {image.weak[block].hex()}"
    return told


def _words(trailer: bytes) -> list[str]:
    of = conditions(trailer)
    if of is None:
        return ["dead: broken access bits"] * 4
    data_only = key_b_is_readable(of[3])
    words = []
    for condition in of[:3]:
        rights = DATA_RIGHTS[condition]
        words.append(
            f"read {_who(rights.read, data_only)}, write {_who(rights.write, data_only)}, "
            f"increment {_who(rights.increment, data_only)}, decrement {_who(rights.decrement, data_only)}"
        )
    trailer_rights = TRAILER_RIGHTS[of[3]]
    words.append(
        f"key A: write {_who(trailer_rights.write_key_a, data_only)}; "
        f"access bits: read {_who(trailer_rights.read_bits, data_only)}, "
        f"write {_who(trailer_rights.write_bits, data_only)}; "
        f"key B: read {_who(trailer_rights.read_key_b, data_only)}, write {_who(trailer_rights.write_key_b, data_only)}"
    )
    return words


def _who(keys: frozenset[Key], key_b_is_data: bool) -> str:
    """The keys that may in fact: a readable key B may not."""
    able = sorted(key.name for key in keys if not (key_b_is_data and key is Key.B))
    return "|".join(able) if able else "nobody"
