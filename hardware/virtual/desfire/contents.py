"""What a DESFire card holds, as values. A command makes new contents of old ones; `memory` writes them.

Access rights are a 16-bit word of four key numbers, Read | Write | Read&Write | Change from the top; E is everybody, F
nobody. Communication settings of a file: 0 and 2 plain, 1 MAC, 3 full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.messaging import NewKey

PICC_AID = bytes(3)
FREE, NEVER = 0xE, 0xF
BLOCK_SIZE = 32
"""The EEPROM is given away in blocks of this size."""


def card_key(kind: KeyType, secret: bytes, version: int = 0) -> NewKey:
    """A key as the card keeps it; `version` counts for AES only, a DES key carries its own."""
    return NewKey(Key(kind, secret), version if kind is KeyType.AES else 0)


def version_of(key: NewKey) -> int:
    """What GetKeyVersion tells: of a DES key the parity bits of its first eight bytes, highest first."""
    if key.key.type is KeyType.AES:
        return key.version
    return int("".join(str(byte & 1) for byte in key.key.secret[:8]), 2)


class Generation(Enum):
    """The value is the word in the card's file and on the command line."""

    EV1 = "ev1"
    EV2 = "ev2"


class Right(Enum):
    """The value is how far down its nibble lies in the word of access rights."""

    READ = 12
    WRITE = 8
    READ_WRITE = 4
    CHANGE = 0


class FileKind(Enum):
    """Types of files; the value is GetFileSettings' first byte."""

    STANDARD = 0
    BACKUP = 1
    VALUE = 2
    LINEAR = 3
    CYCLIC = 4


@dataclass(frozen=True, slots=True)
class Head:
    """What all files have. `iso_id` 2 bytes as on the wire (little-endian), or none."""

    kind: FileKind
    communication: int
    rights: int
    iso_id: bytes = b""

    def right(self, which: Right) -> int:
        """The key number that has this right."""
        return self.rights >> which.value & 0xF


@dataclass(frozen=True, slots=True)
class DataFile:
    """Standard or backup."""

    head: Head
    data: bytes

    @property
    def blocks(self) -> int:
        """EEPROM blocks: a backup file keeps a mirror."""
        return _blocks(len(self.data)) * (2 if self.head.kind is FileKind.BACKUP else 1)


@dataclass(frozen=True, slots=True)
class ValueFile:
    """`options` bit 0: LimitedCredit, bit 1: GetValue for everybody. `debited`: what the last debits took in all."""

    head: Head
    lower: int
    upper: int
    value: int
    options: int
    debited: int = 0

    @property
    def blocks(self) -> int:
        return 1

    @property
    def limited_credit(self) -> bool:
        return bool(self.options & 1)

    @property
    def free_get_value(self) -> bool:
        return bool(self.options & 2)


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Linear or cyclic; `records` oldest first. A cyclic file keeps one place free for the record being written."""

    head: Head
    record_size: int
    capacity: int
    records: tuple[bytes, ...] = ()

    @property
    def blocks(self) -> int:
        return _blocks(self.record_size * self.capacity)

    @property
    def most(self) -> int:
        """How many records it can hold."""
        return self.capacity - (1 if self.head.kind is FileKind.CYCLIC else 0)


File = DataFile | ValueFile | RecordFile


@dataclass(frozen=True, slots=True)
class Application:
    """`settings` as ChangeKeySettings; `iso_id` 2 bytes as on the wire or none; `iso_files`: its files have ISO ids."""

    settings: int
    kind: KeyType
    keys: tuple[NewKey, ...]
    iso_id: bytes = b""
    df_name: bytes = b""
    iso_files: bool = False
    files: Mapping[int, File] = field(default_factory=dict)

    @property
    def blocks(self) -> int:
        """EEPROM blocks without its files: an estimate, its keys and one block of settings."""
        return 1 + _blocks(len(self.keys) * self.kind.key_size)

    def with_files(self, files: Mapping[int, File]) -> Application:
        return replace(self, files=MappingProxyType(dict(files)))


@dataclass(frozen=True, slots=True)
class Contents:
    """The card. `used` blocks of EEPROM are given away; deleting frees none, only FormatPICC does."""

    generation: Generation
    key: NewKey
    settings: int = 0x0F
    default_key: bytes = bytes(24)
    default_version: int = 0
    format_disabled: bool = False
    random_uid: bool = False
    ats: bytes = bytes.fromhex("067577810280")
    used: int = 0
    applications: Mapping[bytes, Application] = field(default_factory=dict)

    def with_application(self, aid: bytes, application: Application | None) -> Contents:
        """`application` under `aid`, or none there."""
        applications = {known: app for known, app in self.applications.items() if known != aid or application}
        if application is not None:
            applications[aid] = application
        return replace(self, applications=MappingProxyType(applications))

    def with_files(self, aid: bytes, files: Mapping[int, File]) -> Contents:
        """Other files in the application `aid`."""
        return self.with_application(aid, self.applications[aid].with_files(files))


@dataclass(slots=True)
class DesfireImage:
    """A card and its history: mutable, for it is the card. Counters as of a Classic image."""

    uid: bytes
    contents: Contents
    presentations: int = 0
    writes: int = 0


def blank_image(uid: bytes, generation: Generation, key: bytes = bytes(16)) -> DesfireImage:
    """A card as from the factory: no application, and a card master key that is DES, or two-key 3DES."""
    assert len(uid) == 7
    return DesfireImage(uid, Contents(generation, card_key(KeyType.TDES, key)))


def _blocks(size: int) -> int:
    return -(-size // BLOCK_SIZE)
