"""Keys of cards, diversified from masters by AN10922: one key a card and place, so that a broken card gives away no
other card.

MIFARE Classic: key A opens a sector for a terminal's reading and writing of data; key B, which only the key process can
compute, writes trailers when a card is personalised at a desk.

DESFire: of a purse's application, key 1 is the terminals' (read, debit, write records); keys 0 and 2 and the master key
of the card are the key process's. `application` is the 3 bytes of its number as they go over the wire.
"""

from __future__ import annotations

from onecard.keys import diversify

SECTOR_KEY_SIZE = 6


def classic_key_a(master: bytes, uid: bytes, sector: int) -> bytes:
    """The 6-byte key A of `sector`, from the CLASSIC_READ_WRITE master."""
    return diversify(master, uid + b"OCA" + bytes([sector]))[:SECTOR_KEY_SIZE]


def classic_key_b(master: bytes, uid: bytes, sector: int) -> bytes:
    """The 6-byte key B of `sector`, from the CLASSIC_PERSONALISE master."""
    return diversify(master, uid + b"OCB" + bytes([sector]))[:SECTOR_KEY_SIZE]


def desfire_debit_key(master: bytes, uid: bytes, application: bytes) -> bytes:
    """The 16-byte key 1 of an application, from the DESFIRE_DEBIT master."""
    return diversify(master, uid + application + b"OCD")


def desfire_application_key(master: bytes, uid: bytes, application: bytes, number: int) -> bytes:
    """The 16-byte key 0 or 2 of an application, from the DESFIRE_PERSONALISE master."""
    assert number in (0, 2)
    return diversify(master, uid + application + b"OC%d" % number)


def desfire_card_key(master: bytes, uid: bytes) -> bytes:
    """The 16-byte master key of the card, from the DESFIRE_PERSONALISE master."""
    return diversify(master, uid + b"OCP")
