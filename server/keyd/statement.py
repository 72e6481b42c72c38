"""A certificate's statement as it travels to the key process: what shall be signed, without the signing key's number.

`[purse, unit, kind, flags, tier, L, P, floor counter, floor debited, expiry, uid, card number]`
"""

from __future__ import annotations

from onecard import cbor
from onecard.errors import OnecardError
from onecard.identity import UID_SIZES, CardNumber, DayNumber, is_card_number
from onecard.kinds import CardKind, PurseUnit
from onecard.purse.certificate import Certificate, Flags

BALANCE_MOST_FEN = 10_000_00
"""What a certificate may leave to spend, P less the debited of its floor: twice a named card's limit, for a refund may
come on top of a full card. The web process cannot have more signed, and a floor that it invents above the card's own N
makes the card "behind" (P-R8)."""
_BITS = (4, 1, 4, 3, 8, 24, 32, 24, 32, 16)
"""Of the ten numbers in order (docs/purse.md, Bytes)."""


class BadStatement(OnecardError):
    """A statement that cannot become a certificate."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"certificate statement: {why}")


def write_statement(c: Certificate) -> list[cbor.Value]:
    """The array of `c`; its key id is left out, the key process chooses it."""
    numbers = [c.purse, c.unit, c.kind, c.flags, c.tier, c.load_sequence, c.loaded, c.floor_counter, c.floor_debited]
    return [*map(int, numbers), int(c.expiry), c.uid, int(c.card_number)]


def read_statement(parts: list[cbor.Value], key_id: int) -> Certificate:
    """The certificate to be signed with issuer key `key_id`, every field within its bits. Raises `BadStatement`."""
    *numbers, uid, card_number = parts if len(parts) == len(_BITS) + 2 else (b"", 0)
    values = [n for n, bits in zip(numbers, _BITS, strict=False) if isinstance(n, int) and 0 <= n < 1 << bits]
    if len(values) != len(_BITS):
        raise BadStatement("it does not have its ten numbers, each within its bits")
    if not (isinstance(uid, bytes) and len(uid) in UID_SIZES):
        raise BadStatement("the UID does not have 4 or 7 bytes")
    if not (isinstance(card_number, int) and is_card_number(card_number)):
        raise BadStatement("the card number's check digit is wrong")
    purse, unit, kind, flags, tier, load_sequence, loaded, counter, debited, expiry = values
    if kind not in {int(known) for known in CardKind}:
        raise BadStatement(f"card kind {kind} is not known")
    if loaded - debited > BALANCE_MOST_FEN:
        raise BadStatement(f"it would leave {loaded - debited} to spend, {BALANCE_MOST_FEN} at most is signed")
    return Certificate(
        purse=purse,
        key_id=key_id,
        unit=PurseUnit(unit),
        kind=CardKind(kind),
        flags=Flags(flags),
        tier=tier,
        load_sequence=load_sequence,
        loaded=loaded,
        floor_counter=counter,
        floor_debited=debited,
        expiry=DayNumber(expiry),
        uid=uid,
        card_number=CardNumber(card_number),
    )
