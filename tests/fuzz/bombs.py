"""Inputs that cost far more than their size where a limit is missing."""

from __future__ import annotations

import cbor2

_MIB = 1 << 20
LYING_HEADS = {
    f"{what} of 2^{bits}": bytes([major << 5 | 27]) + (1 << bits).to_bytes(8, "big")
    for major, what in ((2, "bytes"), (3, "text"), (4, "array"), (5, "map"))
    for bits in (31, 32, 40, 62)
}


def cbor_bombs() -> dict[str, bytes]:
    """As an item, and as the last of an array, whose other items are read first."""
    colliding = b"".join(cbor2.dumps(k * ((1 << 61) - 1)) + b"\0" for k in range(8)) * 3600
    items = LYING_HEADS | {
        "a map of colliding keys": b"\xb9\x70\x80" + colliding,
        "a million arrays, one in the other": b"\x81" * _MIB + b"\0",
        "a million tags, one in the other": b"\xc1" * _MIB + b"\0",
        "a million empty arrays": b"\x9a\0\x10\0\0" + b"\x80" * _MIB,
        "a million numbers": b"\x9a\0\x10\0\0" + bytes(_MIB),
        "a million empty strings": b"\x9a\0\x10\0\0" + b"\x40" * _MIB,
        "arrays that each claim the rest": b"\x9a\0\x0f\xff\0" * 200_000,
        "a number of a million bytes": b"\xc2\x5a\0\x10\0\0" + b"\xff" * _MIB,
        "a text broken at its end": b"\x7a\0\x10\0\0" + b"a" * (_MIB - 1) + b"\xff",
        "a million strings that refer to one": b"\xd9\x01\x00\x82\x58\x64"
        + bytes(100)
        + b"\x9a\0\x10\0\0"
        + b"\xd8\x19\0" * _MIB,
        "an array that holds itself": bytes.fromhex("d81c81d81d00"),
        "a regular expression": b"\xd8\x23\x68(a+)+$$$",
        "a million bytes after the item": b"\0" + bytes(_MIB),
    }
    return items | {f"{what}, in an array": b"\x82\x01" + raw for what, raw in items.items()}


def byte_bombs() -> dict[str, bytes]:
    """Runs of one byte, and of what looks like a beginning."""
    fills = {f"16 KiB of {byte:02x}": bytes([byte]) * (16 << 10) for byte in (0x00, 0x01, 0x0F, 0x10, 0x55, 0x80, 0xFF)}
    return fills | {"nothing": b""}


def text_bombs() -> dict[str, bytes]:
    """For readers of JSON and TOML."""
    return {
        "nothing": b"",
        "brackets, one in the other": b"[" * 60_000,
        "tables, one in the other": b'{"a":' * 10_000,
        "TOML brackets, one in the other": b"a = " + b"[" * 60_000,
        "TOML tables, one in the other": b"a = " + b"{a=" * 20_000,
        "a dotted key": b"a" + b".a" * 30_000 + b" = 1",
        "dotted keys": b"".join(b"a.b%d.c = 1\n" % n for n in range(4_000)),
        "tables with one beginning": b"".join(b"[%sx%d]\n" % (b"a." * 200, n) for n in range(120)),
        "a number of 60,000 digits": b"a = " + b"9" * 60_000,
        "a hexadecimal number of 60,000 digits": b"[clock]\ncut_off_hour = 0x" + b"f" * 60_000,
        "a text of 60,000 quotes": b'a = """' + b'"' * 60_000,
        "60,000 backslashes": b'a = "' + b"\\" * 60_000 + b'"',
        "blanks": b" " * 60_000,
        "line ends": b"\n" * 60_000,
    }
