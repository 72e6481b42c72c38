"""The desk's commands to a DESFire card: applications, files, keys and settings. Each needs the right session.

A card from the factory has a DES master key of zeros, opened by the legacy authentication (0A) on every generation;
its change to an AES key ends the session. New applications have AES keys of zeros. Source: libfreefare's
mifare_desfire.c; NXP AN12343 §6.

Errors of all: `DesfireRefused`, `TamperedCard`, and what `Reader.exchange` raises; the session is then lost.
"""

from __future__ import annotations

from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.layout import FileMaking
from hardware.cards.desfire.messaging import CommMode, NewKey
from hardware.cards.desfire.session import DesfireSession

FACTORY_CARD_KEY = Key(KeyType.TDES, bytes(16))
FACTORY_APPLICATION_KEY = Key(KeyType.AES, bytes(16))

_APPLICATION_ID_SIZE = 3
_CREATE_APPLICATION = 0xCA
_GET_APPLICATION_IDS = 0x6A
_GET_KEY_VERSION = 0x64
_GET_FILE_SETTINGS = 0xF5
_CHANGE_KEY_SETTINGS = 0x54
_GET_KEY_SETTINGS = 0x45
_SET_CONFIGURATION = 0x5C
_FORMAT_CARD = 0xFC


def application_ids(session: DesfireSession) -> tuple[bytes, ...]:
    """The applications of the card, 3 bytes each in wire order. At card level."""
    listed = session.command(_GET_APPLICATION_IDS, answer_size=None)
    return tuple(listed[at : at + _APPLICATION_ID_SIZE] for at in range(0, len(listed), _APPLICATION_ID_SIZE))


def key_version(session: DesfireSession, number: int) -> int:
    """The version of a key of what is selected."""
    return session.command(_GET_KEY_VERSION, bytes([number]), answer_size=1)[0]


def key_settings(session: DesfireSession) -> tuple[int, int]:
    """Settings of what is selected, and its kind and number of keys, as `create_application` takes them."""
    settings, keys = session.command(_GET_KEY_SETTINGS, answer_size=2)
    return settings, keys


def file_settings(session: DesfireSession, number: int) -> bytes:
    """What GetFileSettings says of a file of the selected application."""
    return session.command(_GET_FILE_SETTINGS, bytes([number]), answer_size=None)


def create_application(session: DesfireSession, application: bytes, settings: int, keys: int) -> None:
    """Make an application; `keys` is its kind of keys and their number. At card level."""
    session.command(_CREATE_APPLICATION, application + bytes([settings, keys]))


def create_file(session: DesfireSession, making: FileMaking) -> None:
    """Make a file in the selected application. With its key 0."""
    session.command(making.code, making.parameters)


def change_key(session: DesfireSession, number: int, new: bytes, version: int, old: bytes | None) -> None:
    """Give key `number` of the selected application another AES value; `old` is the value it has, None when it is the
    key that authenticated: its change ends the session."""
    session.change_key(number, NewKey(Key(KeyType.AES, new), version), old)


def change_card_key(session: DesfireSession, new: bytes, version: int) -> None:
    """Make the card's master key an AES key, or another one. With that key; ends the session."""
    session.change_key(KeyType.AES, NewKey(Key(KeyType.AES, new), version), None)


def change_key_settings(session: DesfireSession, settings: int) -> None:
    """Change the settings of what is selected. With its key 0."""
    session.command(_CHANGE_KEY_SETTINGS, data=bytes([settings]), mode=CommMode.FULL)


def set_configuration(session: DesfireSession, option: int, data: bytes) -> None:
    """Set an option of the card, some of them for ever. At card level, with its key."""
    session.command(_SET_CONFIGURATION, bytes([option]), data, mode=CommMode.FULL)


def format_card(session: DesfireSession) -> None:
    """Delete every application; the card's key and settings stay. At card level, with its key."""
    session.command(_FORMAT_CARD)
