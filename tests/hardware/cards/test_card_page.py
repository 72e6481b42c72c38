"""docs/formats/card.md is true: blocks, files, rights and bits are read out of it, and the code lays a card out so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hardware.cards import classic_layout
from hardware.cards.desfire import layout as desfire_layout
from hardware.cards.port import CardFamily
from onecard.identity import CardNumber, DayNumber
from onecard.kinds import CardKind, PurseUnit
from onecard.purse import certificate as certificates
from onecard.purse import record as records
from onecard.purse.certificate import CERTIFICATE_SIZE, PAYLOAD_SIZE, Certificate, Flags
from onecard.purse.record import MAC_SIZE, RECORD_SIZE, DebitRecord, LoadReference
from onecard.purse.ring import SLOTS

_PAGES = Path(__file__).parents[3] / "docs" / "formats"
_PAGE = (_PAGES / "card.md").read_text("utf-8")
_CELL = re.compile(r"([A-Za-z]+?)(\d*)")
_KEY = bytes(range(16))
_KINDS = {0xCB: "backup", 0xCC: "value", 0xC0: "cyclic"}


def _table(section: str, head: str) -> list[list[str]]:
    """The rows below the head that begins with `head` in a section."""
    text = _PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = text.partition(f"\n| {head} |")[2].splitlines()[2:]
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows, f"card.md: no table {head!r} in {section!r}"
    return rows


def _drawn(section: str, fields: Mapping[str, int]) -> bytes:
    """The bytes that a section's bit table makes of the fields. Every bit of the table must name a field."""
    image = bytearray()
    for place, (byte, *bits) in enumerate(_table(section, "byte")):
        assert (int(byte), len(bits)) == (place, 8)
        value = 0
        for bit in bits:
            cell = _CELL.fullmatch(bit)
            assert cell is not None
            value = value << 1 | fields[cell[1]] >> int(cell[2] or 0) & 1
        image.append(value)
    return bytes(image)


def _number(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


@given(
    st.builds(
        DebitRecord,
        counter=_number(20),
        load_reference=st.builds(LoadReference, copy=_number(1), load_mod8=_number(3)),
        debited=_number(32),
        terminal=_number(16),
        sequence_byte=_number(8),
    ),
    _number(4),
)
def test_a_record_is_the_pages_to_the_bit(record: DebitRecord, purse: int) -> None:
    image = records.encode(record, _KEY, purse)
    reference = record.load_reference
    fields = {
        "c": record.counter,
        "copy": reference.copy,
        "l": reference.load_mod8,
        "N": record.debited,
        "t": record.terminal,
        "s": record.sequence_byte,
        "m": int.from_bytes(image[-MAC_SIZE:], "big"),
    }
    assert _drawn("Debit record, 16 bytes", fields) == image
    assert len(image) == RECORD_SIZE


@given(
    st.builds(
        Certificate,
        purse=_number(4),
        key_id=_number(8),
        unit=st.sampled_from(PurseUnit),
        kind=st.sampled_from(CardKind),
        flags=_number(3).map(Flags),
        tier=_number(8),
        load_sequence=_number(24),
        loaded=_number(32),
        floor_counter=_number(24),
        floor_debited=_number(32),
        expiry=_number(16).map(DayNumber),
        uid=st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=7, max_size=7)),
        card_number=_number(40).map(CardNumber),
    )
)
def test_a_certificate_is_the_pages_to_the_bit(certificate: Certificate) -> None:
    c = certificate
    fields = {
        "f": certificates.FORMAT,
        "p": c.purse,
        "k": c.key_id,
        "unit": c.unit,
        "kind": c.kind,
        "flag": c.flags,
        "tier": c.tier,
        "L": c.load_sequence,
        "P": c.loaded,
        "nf": c.floor_counter,
        "Nf": c.floor_debited,
        "d": c.expiry,
        "u": int.from_bytes(c.uid.ljust(7, b"\0"), "big"),
        "card": c.card_number,
    }
    drawn = _drawn("Load certificate, 96 bytes", fields)
    assert drawn == certificates.payload(c)
    assert len(drawn) == PAYLOAD_SIZE


def test_every_block_of_a_classic_card_is_the_pages() -> None:
    blocks = {
        classic_layout.MANUFACTURER_BLOCK: "manufacturer",
        classic_layout.IDENTIFICATION_BLOCK: "identification",
        2: "zeros",
    }
    blocks |= {classic_layout.trailer_block(sector): "trailer" for sector in range(classic_layout.SECTORS)}
    for purse in range(classic_layout.PURSES):
        for slot in range(SLOTS):
            blocks[classic_layout.ring_block(purse, slot)] = f"purse {purse} ring [{slot}]"
        for copy in range(classic_layout.CERTIFICATE_COPIES):
            for part, block in enumerate(classic_layout.certificate_blocks(purse, copy)):
                blocks[block] = f"purse {purse} copy {copy} [{part}]"
    rows = _table("MIFARE Classic 1K: every block", "sector")
    told = [(int(sector), span, *names) for sector, span, *names in rows]
    size = classic_layout.SECTOR_BLOCKS
    assert told == [
        (sector, f"{size * sector}–{size * sector + size - 1}", *(blocks[size * sector + i] for i in range(size)))
        for sector in range(classic_layout.SECTORS)
    ]


def test_every_file_of_a_desfire_is_the_pages() -> None:
    rows = _table("DESFire: every file", "file")
    assert len(rows) == len(desfire_layout.FILES)
    for (number, kind, size, count, communication, rights), making in zip(rows, desfire_layout.FILES, strict=True):
        assert making.parameters[:2] == bytes([int(number), int(communication)])
        assert (_KINDS[making.code], making.parameters[2:4].hex().upper()) == (kind, rights.strip("`"))
        rest = making.parameters[4:]
        match kind:
            case "backup":
                assert (int.from_bytes(rest, "little"), count) == (int(size), "1")
            case "value":
                assert (size, count) == ("4", "1")
            case _:
                assert [int.from_bytes(rest[i : i + 3], "little") for i in (0, 3)] == [int(size), int(count)]


def test_the_rights_of_a_file_are_the_pages_nibbles() -> None:
    rows = _table("DESFire: every file", "bits")
    rights = 0
    for bits, _, _, nibble in rows:
        rights |= int(nibble, 16) << int(bits.partition("–")[2])
    assert rights.to_bytes(2, "little") == desfire_layout.DEBIT_KEY_ONLY


def test_both_families_have_what_the_page_says() -> None:
    told = {what: (classic, desfire) for what, classic, desfire, _ in _table("Both families", "what")}
    families = CardFamily.CLASSIC.limits, CardFamily.DESFIRE.limits
    assert told["purses of a card"] == tuple(str(limits.purses) for limits in families)
    assert told["copies of it"] == tuple(str(limits.certificate_copies) for limits in families)
    assert told["records that are kept"] == (str(SLOTS), str(desfire_layout.RING_RECORDS - 1))
    assert f"debit record, {RECORD_SIZE} bytes" in told
    assert f"load certificate, {CERTIFICATE_SIZE} bytes" in told
