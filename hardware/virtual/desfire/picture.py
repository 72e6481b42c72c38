"""A virtual DESFire for people: applications, files and rights in words, keys hidden."""

from __future__ import annotations

from hardware.cards.desfire.messaging import NewKey
from hardware.virtual.desfire.contents import (
    BLOCK_SIZE,
    FREE,
    NEVER,
    Application,
    DataFile,
    DesfireImage,
    File,
    RecordFile,
    Right,
    ValueFile,
    version_of,
)
from hardware.virtual.desfire.file_format import KIND_WORDS
from hardware.virtual.desfire.security import file_mode
from hardware.virtual.desfire.state import CAPACITY_BLOCKS


def as_json(image: DesfireImage) -> dict[str, object]:
    """uid, generation, counters, free bytes, the card's key and settings, applications by AID (hex, as on the wire).

    Keys are "factory" or "hidden", with kind and version; file contents are in full, bytes in hex.
    """
    contents = image.contents
    return {
        "uid": image.uid.hex(),
        "generation": contents.generation.value,
        "presentations": image.presentations,
        "writes": image.writes,
        "free_bytes": (CAPACITY_BLOCKS - contents.used) * BLOCK_SIZE,
        "key": _key(contents.key),
        "settings": contents.settings,
        "random_uid": contents.random_uid,
        "format_disabled": contents.format_disabled,
        "applications": {aid.hex(): _application(app) for aid, app in contents.applications.items()},
    }


def as_text(image: DesfireImage) -> str:
    """A page of text."""
    contents = image.contents
    lines = [
        f"MIFARE DESFire {contents.generation.value.upper()} 4K, UID {image.uid.hex()}; "
        f"{image.writes} writes, {image.presentations} presentations",
        f"card master key {_key(contents.key)}, settings {contents.settings:02x}, "
        f"{(CAPACITY_BLOCKS - contents.used) * BLOCK_SIZE} bytes free",
    ]
    for aid, application in contents.applications.items():
        keys = "; ".join(_key(key) for key in application.keys) or "none"
        name = f", DF name {application.df_name.hex()}" if application.df_name else ""
        lines.append(f"application {aid.hex()}: settings {application.settings:02x}, keys {keys}{name}")
        for number, file in application.files.items():
            lines.append(f"  file {number}: {_kind(file)}, {_mode(file)}, {_rights(file)}")
            lines += [f"    {line}" for line in _contents(file)]
    return "\n".join(lines)


def _application(application: Application) -> dict[str, object]:
    return {
        "settings": application.settings,
        "keys": [_key(key) for key in application.keys],
        "iso_id": application.iso_id.hex(),
        "df_name": application.df_name.hex(),
        "files": {
            str(number): {
                "kind": _kind(file),
                "mode": _mode(file),
                "rights": _rights(file),
                "contents": _contents(file),
            }
            for number, file in application.files.items()
        },
    }


def _key(key: NewKey) -> str:
    """Kind, version, and whether it is the one of a blank card."""
    known = "factory" if not any(key.key.secret) else "hidden"
    return f"{known} {KIND_WORDS[key.key.type]} version {version_of(key):02x}"


def _kind(file: File) -> str:
    return file.head.kind.name.lower()


def _mode(file: File) -> str:
    return file_mode(file.head.communication).name.lower()


def _rights(file: File) -> str:
    return ", ".join(f"{right.name.lower().replace('_', '&')} {_who(file.head.right(right))}" for right in Right)


def _who(holder: int) -> str:
    return {FREE: "everybody", NEVER: "nobody"}.get(holder, f"key {holder}")


def _contents(file: File) -> list[str]:
    match file:
        case DataFile(data=data):
            return [data[n : n + BLOCK_SIZE].hex() for n in range(0, len(data), BLOCK_SIZE)]
        case ValueFile():
            limited = f", limited credit up to {file.debited}" if file.limited_credit else ""
            return [f"{file.value} of {file.lower} to {file.upper}{limited}"]
        case RecordFile():
            return [record.hex() for record in file.records]
