"""The key table: the keys that terminals hold, as the KEYS downlink states them (P-R27). Pure.

Body: rows `[role, version, key]` as in an identity (docs/formats/enrolment.md), rising.

Rules
- A table states all keys of its roles that are to be held: it takes the place of what was held. So a version that
  the centre gave up goes, and a terminal that missed tables needs the newest only.
- It holds what enrolment gives and no more: never a role of the key process alone, never a chain key, which is the
  terminal's own and stays (I-10).
- Of each role there is a key; the newest version never goes back; a key that is held never changes under its version.
- Of a card key the newest `VERSIONS` are stated: cards bear the current or an earlier one, older cards are replaced.
- A new DEBIT_MAC comes down twice: as DEBIT_MAC_NEXT, to check with; when every terminal holds that, as DEBIT_MAC, to
  write with. A terminal that met a record under a version it does not know would take it for torn, and the record
  before it for the newest: a debit would be undone.
"""

from __future__ import annotations

from itertools import islice

from onecard import cbor
from onecard.enrolment import PUBLIC_ROLES, read_key_rows, write_key_rows
from onecard.errors import OnecardError
from onecard.keys import KeyRing, Role

CARD_ROLES = (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT)
"""Secret masters of card keys that terminals hold."""
VERSIONS = 3
_ROLES = frozenset({*CARD_ROLES, *PUBLIC_ROLES})
_WHAT = "key table"


class BadKeyTable(OnecardError):
    """A key table that would lose, change or add what it must not."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"key table: {why}; the keys held stay in force: call the centre")


def key_table(public: KeyRing, masters: KeyRing) -> KeyRing:
    """What terminals are told, from the public halves and the masters that the key process holds."""
    held = {name: key for name, key in public.held.items() if name[0] in PUBLIC_ROLES}
    for role in CARD_ROLES:
        held |= {(role, version): key for version, key in islice(masters.newest_first(role), VERSIONS)}
    coming = islice(masters.newest_first(Role.DEBIT_MAC_NEXT), 1)
    return KeyRing(held | {(Role.DEBIT_MAC_NEXT, version): key for version, key in coming})


def key_table_version(masters: KeyRing) -> int:
    """The table's version, from a ring that holds all roles: 1, and one more for each step of a renewal of any of them;
    a DEBIT_MAC takes two."""
    known = max(masters.versions(Role.DEBIT_MAC) + masters.versions(Role.DEBIT_MAC_NEXT))
    return known + sum(masters.versions(role)[0] - 1 for role in sorted(_ROLES))


def write_key_table(table: KeyRing) -> list[cbor.Value]:
    """The downlink's body."""
    return write_key_rows(table)


def read_key_table(body: list[cbor.Value]) -> KeyRing:
    """The keys in a downlink's body. Raises `BadKeyTable`, `enrolment.BadEnrolment`."""
    table = read_key_rows(body, _WHAT)
    for role, _ in table.held:
        if role not in _ROLES and role is not Role.DEBIT_MAC_NEXT:
            raise BadKeyTable(f"a terminal is not given {role.name}")
    for role in sorted(_ROLES):
        if not table.versions(role):
            raise BadKeyTable(f"no {role.name} key is in it")
    return table


def renewed(held: KeyRing, table: KeyRing) -> KeyRing:
    """What a terminal that holds `held` is to hold after `table`. Raises `BadKeyTable`."""
    for role in sorted(_ROLES):
        newest = max(held.versions(role), default=0)
        if table.versions(role)[0] < newest:
            raise BadKeyTable(f"it ends at {role.name} version {table.versions(role)[0]}, and {newest} is held")
    known = {_name(name): key for name, key in held.held.items()}
    for name, key in table.held.items():
        if known.get(_name(name), key) != key:
            raise BadKeyTable(f"{name[0].name} version {name[1]} is held with other bytes")
    own = {name: key for name, key in held.held.items() if name[0] not in {*_ROLES, Role.DEBIT_MAC_NEXT}}
    return KeyRing(own | dict(table.held))


def _name(name: tuple[Role, int]) -> tuple[Role, int]:
    """A coming DEBIT_MAC is that version of it."""
    return (Role.DEBIT_MAC, name[1]) if name[0] is Role.DEBIT_MAC_NEXT else name
