"""MIFARE Classic sector keys, diversified from masters by AN10922: one key a card and sector, so that a broken card
gives away no other card.

Key A opens a sector for a terminal's reading and writing of data; key B, which only the key process can compute,
writes trailers when a card is personalised at a desk.
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
