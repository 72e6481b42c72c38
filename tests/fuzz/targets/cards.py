"""What is read from cards and from the reader's line, and the files of virtual cards."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hardware.pn532.frames import ACK, NACK, FrameScanner
from hardware.virtual import card_file
from hardware.virtual.card_file import CardFileError, Image
from hardware.virtual.classic_card import blank_image as blank_classic
from hardware.virtual.desfire.contents import Generation
from hardware.virtual.desfire.contents import blank_image as blank_desfire
from onecard.purse import record
from onecard.purse.certificate import PAYLOAD_SIZE, BadCertificate, payload, verified
from onecard.purse.record import RECORD_SIZE, DebitRecord
from onecard.purse.ring import SLOTS, Ring, read_ring, ring_bytes
from tests.examples import PAGES, examples
from tests.fuzz import signing
from tests.fuzz.bombs import byte_bombs, text_bombs
from tests.fuzz.byte_lies import BYTE_LIES
from tests.fuzz.corpus import vector_bytes
from tests.fuzz.target import Budget, NoValue, Target, or_no_value
from tests.fuzz.text_lies import TEXT_LIES

_RING_SIZE = SLOTS * RECORD_SIZE
_MAX_FRAME = 2 + 7 + 265 + 2


@cache
def _key() -> bytes:
    return examples("record.md")["key"]


def _rings() -> Iterator[bytes]:
    newest = examples("record.md")["record"]
    kept = record.unchecked(newest)
    rows = [DebitRecord(kept.counter - n, kept.load_reference, kept.debited - 500 * n, 7, 9) for n in range(3)]
    images = sorted((record.encode(row, _key(), 0) for row in rows), key=lambda image: _counter(image) % SLOTS)
    yield b"".join(images)
    yield images[0] + images[1][:8] + images[2][8:] + images[2]


def _counter(image: bytes) -> int:
    return record.unchecked(image).counter


def _images(raw: bytes) -> list[bytes]:
    whole = raw[:_RING_SIZE].ljust(_RING_SIZE, b"\0")
    return [whole[at : at + RECORD_SIZE] for at in range(0, _RING_SIZE, RECORD_SIZE)]


def _ring(raw: bytes) -> Ring | None:
    """The ring of 48 bytes, None when no block is valid: such a card is refused (hole H22)."""
    ring = read_ring(_images(raw), lambda image: record.decode(image, [_key()], 0))
    return ring if ring.newest else None


def _ring_agrees(raw: bytes, ring: Ring) -> bool:
    told = b"".join(bytes(RECORD_SIZE) if row is None else record.encode(row, _key(), 0) for row in ring.records)
    return told == ring_bytes(ring, _images(raw)) and all(
        row is None or row.counter % SLOTS == slot for slot, row in enumerate(ring.records)
    )


def _resealed_ring(raw: bytes) -> bytes:
    return b"".join(record.encode(record.unchecked(image), _key(), 0) for image in _images(raw))


def _certificate() -> bytes:
    return _signed(examples("certificate.md")["certificate"])


def _signed(raw: bytes) -> bytes:
    return raw[:PAYLOAD_SIZE] + signing.SIGNATURE


def _frames() -> Iterator[bytes]:
    yield from (ACK, NACK, b"\x55\x55" + bytes(6) + ACK)
    yield from (bytes.fromhex("0000ffff0109f6") + bytes(265) + b"\0\0", bytes.fromhex("0000ff01ff7f8100"))
    yield from vector_bytes("pn532_frames", "exchanges", of="host")
    yield from (ACK + chip for chip in vector_bytes("pn532_frames", "exchanges", of="chip"))


def _scanned(parts: list[bytes]) -> list[bytes]:
    scanner, found = FrameScanner(), []
    for part in parts:
        scanner.feed(part)
        while (frame := scanner.next_frame()) is not None:
            found.append(bytes(frame))
    while scanner.mid_frame:  # the line went quiet
        scanner.abandon()
        while (frame := scanner.next_frame()) is not None:
            found.append(bytes(frame))
    return found


def _frames_agree(raw: bytes, frames: list[bytes]) -> bool:
    """Each is whole and its checksum right; however the line cuts the bytes, they are the same frames."""
    sound = all(f[:3] == b"\0\0\xff" and f[1:-1] in raw and len(f) <= _MAX_FRAME and _sums_to_zero(f) for f in frames)
    half = len(raw) // 2
    return sound and frames == _scanned([raw[:half], raw[half:]]) == _scanned([bytes([byte]) for byte in raw])


def _sums_to_zero(frame: bytes) -> bool:
    data_at = 8 if frame[3:5] == b"\xff\xff" else 5
    return frame in (ACK, NACK) or sum(frame[data_at:]) & 0xFF == 0


def _card_files() -> Iterator[bytes]:
    page = (PAGES / "virtual-card.md").read_text("utf-8")
    yield from (block.partition("```")[0].encode() for block in page.split("```json\n")[1:])
    yield card_file.write(blank_classic(bytes.fromhex("d610b626"), [(b"\xa0" * 6, b"\xb0" * 6)] * 16))
    yield from (card_file.write(blank_desfire(bytes.fromhex("04782e21801d80"), each)) for each in Generation)


def _card(raw: bytes) -> Image:
    return card_file.read(raw, Path("card"))


TARGETS = (
    Target(
        "pn532",
        _frames,
        lambda raw: _scanned([raw]),
        (),
        _frames_agree,
        BYTE_LIES,
        byte_bombs,
        budget=Budget(lines=(2_000, 200)),
    ),
    Target(
        "ring",
        _rings,
        or_no_value(_ring),
        (NoValue,),
        _ring_agrees,
        BYTE_LIES,
        byte_bombs,
        resealed=_resealed_ring,
    ),
    Target(
        "certificate",
        lambda: [_certificate()],
        lambda raw: verified(raw, signing.KEYS),
        (BadCertificate,),
        lambda raw, certificate: payload(certificate) == raw[:PAYLOAD_SIZE],
        BYTE_LIES,
        byte_bombs,
        resealed=_signed,
    ),
    Target(
        "card-file",
        _card_files,
        _card,
        (CardFileError,),
        lambda raw, image: _card(card_file.write(image)) == image,
        (*TEXT_LIES * 2, *BYTE_LIES),
        text_bombs,
    ),
)
