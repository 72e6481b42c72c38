"""Where things lie on a DESFire card, and who may do what with them. Tables: docs/formats/card-desfire.md.

One application a purse, three AES keys: 0 the application's master (desk), 1 the terminals' debit key, 2 the issuer's,
in no use yet. Files: 1 the load certificate, 2 what may still be debited, 3 the debit ring; 4 is kept for a
Transaction MAC. N, the debited, is what file 2 held at first less what it holds.

Nobody has the right to Credit, ClearRecordFile or ChangeFileSettings: nothing on earth raises file 2 again.

Numbers on the wire are little-endian. Source: libfreefare's mifare_desfire.c; proxmark3 doc/desfire.md.
"""

from __future__ import annotations

from typing import NamedTuple

from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.port import CardFamily
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.record import RECORD_SIZE
from onecard.purse.ring import SLOTS

CARD_LEVEL = bytes(3)
"""The application number that stands for the card itself."""
APPLICATIONS_FROM = 0xF0CA00
CERTIFICATE_FILE = 1
DEBIT_FILE = 2
RING_FILE = 3
TRANSACTION_MAC_FILE = 4

MASTER_KEY = 0
DEBIT_KEY = 1
ISSUER_KEY = 2
KEYS = 3

START_VALUE = (1 << 31) - 1
"""What file 2 holds before the first debit: the most it can."""
RING_RECORDS = SLOTS + 1
"""Of a cyclic file one record is always being written."""

APPLICATION_SETTINGS = 0b0000_0001
"""Key 0 changes every key, itself too; lists and makes files; the settings never change."""
APPLICATION_KEYS = KeyType.AES | KEYS
CARD_SETTINGS = 0b0000_1001
"""Of the card's master key: it changes itself and the settings; without it nothing is listed, made or deleted."""

_NEVER = 0xF


def application(purse: int) -> bytes:
    """The 3 bytes of a purse's application in wire order."""
    assert 0 <= purse < CardFamily.DESFIRE.limits.purses
    return (APPLICATIONS_FROM + purse).to_bytes(3, "little")


def purse_of(application_id: bytes) -> int | None:
    """The purse that an application in wire order belongs to; None for a foreign one."""
    purse = int.from_bytes(application_id, "little") - APPLICATIONS_FROM
    return purse if 0 <= purse < CardFamily.DESFIRE.limits.purses else None


def access_rights(read: int, write: int, read_write: int, change: int) -> bytes:
    """A file's access rights, four key numbers (E free, F never), 2 bytes."""
    assert all(0 <= right <= _NEVER for right in (read, write, read_write, change))
    return (read << 12 | write << 8 | read_write << 4 | change).to_bytes(2, "little")


DEBIT_KEY_ONLY = access_rights(DEBIT_KEY, DEBIT_KEY, _NEVER, _NEVER)
"""Rights of every file of ours: on file 2, GetValue and Debit, and Credit for nobody."""


class FileMaking(NamedTuple):
    """A command that makes a file: its code and its parameters, of which the first byte is the file's number."""

    code: int
    parameters: bytes


FILES = (
    FileMaking(
        0xCB,
        bytes([CERTIFICATE_FILE, CommMode.PLAIN]) + DEBIT_KEY_ONLY + CERTIFICATE_SIZE.to_bytes(3, "little"),
    ),
    FileMaking(
        0xCC,
        bytes([DEBIT_FILE, CommMode.MACED])
        + DEBIT_KEY_ONLY
        + (0).to_bytes(4, "little")
        + START_VALUE.to_bytes(4, "little") * 2
        + b"\x00",  # neither LimitedCredit nor a free GetValue
    ),
    FileMaking(
        0xC0,
        bytes([RING_FILE, CommMode.MACED])
        + DEBIT_KEY_ONLY
        + RECORD_SIZE.to_bytes(3, "little")
        + RING_RECORDS.to_bytes(3, "little"),
    ),
)
"""What a purse's application consists of: CreateBackupDataFile, CreateValueFile, CreateCyclicRecordFile."""
