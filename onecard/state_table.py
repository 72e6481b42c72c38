"""The state table: what the server durably knows of every purse, for every terminal (P-R13).

A row, 27 bytes, numbers big-endian (docs/formats/state-table.md):

    byte  0..6   UID, a 4-byte one padded with zeros at the end, as in a certificate
          7      purse
          8..10  counter, n, u24
         11..14  debited, N, u32
         15..17  load sequence, L, u24
         18..21  loaded, P, u32
         22      unit (1 bit) << 7 | kind (4 bits) << 3 | flags (3 bits), as in a certificate
         23      tier
         24      bit 0: unsettled (P-R12); the others are 0
         25..26  expiry, days since 2000-01-01, u16

(n, N) is a lower bound (P-R8): what is durable at the server and no more. The key is bytes 0..7.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from onecard.identity import UID_SIZES, DayNumber
from onecard.kinds import CardKind, PurseUnit
from onecard.packed_table import BadTable, Form, PackedTable
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Flags, pad_uid, trait_byte, traits, unpad_uid

KEY_SIZE = 8
ROW_SIZE = 27
PURSES = 16
PURSE_PLACE = 7
_TRAITS, _STATE = 22, 24
_UNSETTLED = 1
_ROW = Struct(">8s 3sI 3sI BBB H")

STATE = Form(
    "state table",
    row_size=ROW_SIZE,
    least=bytes(KEY_SIZE),
    greatest=b"\xff" * KEY_SIZE,
    allowed={
        PURSE_PLACE: frozenset(range(PURSES)),
        _TRAITS: frozenset(
            trait_byte(unit, kind, Flags(flags)) for unit in PurseUnit for kind in CardKind for flags in range(8)
        ),
        _STATE: frozenset({0, _UNSETTLED}),
    },
)


@dataclass(frozen=True, slots=True)
class StateRow:
    """A purse as the server has it: durable head (n, N), newest load (L, P), and what the card is."""

    uid: bytes
    purse: int
    counter: int
    debited: int
    load_sequence: int
    loaded: int
    unit: PurseUnit
    kind: CardKind
    flags: Flags
    tier: int
    unsettled: bool
    expiry: DayNumber

    @property
    def bound(self) -> Bound:
        """What a card cannot honestly be below (P-R8)."""
        return Bound(self.counter, self.debited)


def state_key(uid: bytes, purse: int) -> bytes:
    """The first 8 bytes of a purse's row. `uid` has 4 or 7 bytes."""
    assert 0 <= purse < PURSES
    assert len(uid) in UID_SIZES
    return pad_uid(uid) + bytes([purse])


def encode_row(row: StateRow) -> bytes:
    """The 27 bytes."""
    return _ROW.pack(
        state_key(row.uid, row.purse),
        row.counter.to_bytes(3, "big"),
        row.debited,
        row.load_sequence.to_bytes(3, "big"),
        row.loaded,
        trait_byte(row.unit, row.kind, row.flags),
        row.tier,
        _UNSETTLED if row.unsettled else 0,
        row.expiry,
    )


def decode_row(raw: bytes) -> StateRow:
    """The row of 27 bytes. Raises `BadTable`."""
    if len(raw) != ROW_SIZE:
        raise BadTable(STATE.name, f"{len(raw)} bytes are no row of {ROW_SIZE}")
    key, counter, debited, load_sequence, loaded, trait, tier, state, expiry = _ROW.unpack(STATE.checked(raw))
    unit, kind, flags = traits(trait)
    return StateRow(
        uid=unpad_uid(key[:PURSE_PLACE]),
        purse=key[PURSE_PLACE],
        counter=int.from_bytes(counter, "big"),
        debited=debited,
        load_sequence=int.from_bytes(load_sequence, "big"),
        loaded=loaded,
        unit=unit,
        kind=kind,
        flags=flags,
        tier=tier,
        unsettled=state == _UNSETTLED,
        expiry=DayNumber(expiry),
    )


def state_of(table: PackedTable, uid: bytes, purse: int) -> StateRow | None:
    """The row of a purse, None when the server knows none."""
    raw = table.find(state_key(uid, purse))
    return None if raw is None else decode_row(raw)
