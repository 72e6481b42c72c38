"""DESFire cards as from the desk, made without one: for benches and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardware.cards.desfire import layout
from hardware.cards.desfire.cipher import KeyType
from hardware.virtual.desfire.contents import (
    Application,
    DataFile,
    DesfireImage,
    File,
    FileKind,
    Generation,
    Head,
    RecordFile,
    ValueFile,
    blank_image,
    card_key,
)

_RIGHTS = int.from_bytes(layout.DEBIT_KEY_ONLY, "little")
_PLAIN, _MACED = 0, 1


@dataclass(frozen=True, slots=True)
class PurseContents:
    """One purse: its three keys, the 96-byte certificate, ring records oldest first, the debited that they state."""

    keys: tuple[bytes, bytes, bytes] = field(repr=False)
    certificate: bytes
    records: tuple[bytes, ...]
    debited: int = 0


def personalised_image(uid: bytes, generation: Generation, purses: Mapping[int, PurseContents]) -> DesfireImage:
    """A card with these purses; its master key is still the factory's."""
    image = blank_image(uid, generation)
    for purse, contents in purses.items():
        image.contents = image.contents.with_application(layout.application(purse), _application(contents))
    return image


def _application(contents: PurseContents) -> Application:
    files: dict[int, File] = {
        layout.CERTIFICATE_FILE: DataFile(Head(FileKind.BACKUP, _PLAIN, _RIGHTS), contents.certificate),
        layout.DEBIT_FILE: ValueFile(
            Head(FileKind.VALUE, _MACED, _RIGHTS), 0, layout.START_VALUE, layout.START_VALUE - contents.debited, 0
        ),
        layout.RING_FILE: RecordFile(Head(FileKind.CYCLIC, _MACED, _RIGHTS), 16, layout.RING_RECORDS, contents.records),
    }
    keys = tuple(card_key(KeyType.AES, key) for key in contents.keys)
    return Application(layout.APPLICATION_SETTINGS, KeyType.AES, keys).with_files(files)
