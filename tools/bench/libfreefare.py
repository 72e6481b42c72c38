"""`python -m tools.bench.libfreefare FAMILY BLOCK-OR-APPLICATION KEY`: our debit by libfreefare.

libnfc 1.8 and libfreefare 0.4 by their C interfaces (nfc/nfc.h, freefare.h), with nothing of ours on the way to the
reader that LIBNFC_DEVICE names. The device is opened and made an initiator beforehand. Each line on standard input then
is one debit: the record's 16 bytes in hex and, on a DESFire, the fen. It asks for what our purse asks for, with
libfreefare's shortest calls: the key or application given, every communication mode given, no settings asked for.

Standard output gets `ready`; `found` once the card is listed and connected, after which it waits for an empty line;
and `debited`. That lets whoever drives it read the reader's counts in between. A call that fails ends the process.
"""

from __future__ import annotations

import ctypes
import os
import sys

from hardware.cards.classic_layout import BLOCK_SIZE
from hardware.cards.desfire.layout import DEBIT_FILE, DEBIT_KEY, RING_FILE
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.port import CardFamily
from onecard.purse.record import RECORD_SIZE, unchecked
from onecard.purse.ring import SLOTS, slot_of

_KEY_A = 0
_nfc = ctypes.CDLL("libnfc.so.6")
_freefare = ctypes.CDLL("libfreefare.so.0")
for _function in (
    _nfc.nfc_open,
    _freefare.freefare_get_tags,
    _freefare.mifare_desfire_aes_key_new,
    _freefare.mifare_desfire_aid_new,
):
    _function.restype = ctypes.c_void_p
_freefare.freefare_get_tags.argtypes = [ctypes.c_void_p]


def main() -> None:
    """Debit as often as standard input asks for it."""
    family, place, key = CardFamily[sys.argv[1]], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    device = _open()
    _say("ready")
    for line in sys.stdin:
        record, fen = line.split()
        tag = _find(device, family)
        _say("found")
        sys.stdin.readline()
        match family:
            case CardFamily.CLASSIC:
                _debit_classic(tag, place, key, bytes.fromhex(record))
            case CardFamily.DESFIRE:
                _debit_desfire(tag, place, key, bytes.fromhex(record), int(fen))
        _say("debited")


def _open() -> ctypes.c_void_p:
    context = ctypes.c_void_p()
    _nfc.nfc_init(ctypes.byref(context))
    device = ctypes.c_void_p(_nfc.nfc_open(context, os.environ["LIBNFC_DEVICE"].encode()))
    if not device:
        raise SystemExit("libnfc does not open the reader")
    _must(_nfc.nfc_initiator_init(device), "nfc_initiator_init")
    return device


def _find(device: ctypes.c_void_p, family: CardFamily) -> ctypes.c_void_p:
    tags = _freefare.freefare_get_tags(device)
    tag = ctypes.c_void_p(ctypes.cast(tags, ctypes.POINTER(ctypes.c_void_p))[0] if tags else None)
    if not tag:
        raise SystemExit("libfreefare finds no card")
    match family:
        case CardFamily.CLASSIC:
            _must(_freefare.mifare_classic_connect(tag), "connect")
        case CardFamily.DESFIRE:
            _must(_freefare.mifare_desfire_connect(tag), "connect")
    return tag


def _debit_classic(tag: ctypes.c_void_p, first: int, key: bytes, record: bytes) -> None:
    """Authenticate the ring's sector, read its three blocks from `first`, write one, read that back."""
    read = ctypes.create_string_buffer(BLOCK_SIZE)
    block = ctypes.c_ubyte
    _must(_freefare.mifare_classic_authenticate(tag, block(first), key, _KEY_A), "authenticate")
    for each in range(first, first + SLOTS):
        _must(_freefare.mifare_classic_read(tag, block(each), read), "read")
    target = first + slot_of(unchecked(record).counter)
    _must(_freefare.mifare_classic_write(tag, block(target), record), "write")
    _must(_freefare.mifare_classic_read(tag, block(target), read), "read back")
    if read.raw != record:
        raise SystemExit("libfreefare reads back something else")


def _debit_desfire(tag: ctypes.c_void_p, application: int, key: bytes, record: bytes, fen: int) -> None:
    """Select, AuthenticateAES, GetValue, ReadRecords, Debit, WriteRecord, CommitTransaction; all MACed."""
    maced, size = ctypes.c_int(CommMode.MACED), ctypes.c_size_t
    value = ctypes.c_int32()
    ring = ctypes.create_string_buffer(1024)  # libfreefare lets the MAC and its own padding lie there too
    aid = ctypes.c_void_p(_freefare.mifare_desfire_aid_new(application))
    aes = ctypes.c_void_p(_freefare.mifare_desfire_aes_key_new(key))
    offset = ctypes.c_long(0)
    _must(_freefare.mifare_desfire_select_application(tag, aid), "select")
    _must(_freefare.mifare_desfire_authenticate_aes(tag, DEBIT_KEY, aes), "authenticate")
    _must(_freefare.mifare_desfire_get_value_ex(tag, DEBIT_FILE, ctypes.byref(value), maced), "GetValue")
    read = _freefare.mifare_desfire_read_records_ex
    read.restype = ctypes.c_ssize_t
    if _must(read(tag, RING_FILE, offset, size(0), ring, maced), "ReadRecords") != SLOTS * RECORD_SIZE:
        raise SystemExit("libfreefare reads another ring")
    _must(_freefare.mifare_desfire_debit_ex(tag, DEBIT_FILE, ctypes.c_int32(fen), maced), "Debit")
    write = _freefare.mifare_desfire_write_record_ex
    write.restype = ctypes.c_ssize_t
    _must(write(tag, RING_FILE, offset, size(RECORD_SIZE), record, maced), "WriteRecord")
    _must(_freefare.mifare_desfire_commit_transaction(tag), "CommitTransaction")


def _must(result: int, call: str) -> int:
    if result < 0:
        raise SystemExit(f"libfreefare's {call} fails")
    return result


def _say(word: str) -> None:
    print(word, flush=True)


if __name__ == "__main__":
    main()
