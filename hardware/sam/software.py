"""A SAM in software: the debit keys in this process's memory, for terminals without a module.

Whoever can read that memory, or both files `card.keys` and `seal.key` on the board they were made for, has the keys;
with them he can debit cards and make records, within the bounds of docs/purse.md, and never load one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from onecard.card_keys import classic_key_a, desfire_debit_key
from onecard.key_table import CARD_ROLES
from onecard.keys import KeyRing, Role
from onecard.purse import record as records
from onecard.purse.record import DebitRecord

ROLES = frozenset(CARD_ROLES)
"""What a SAM of a terminal holds."""


class SoftwareSam:
    """`Sam` over the keys of a ring, whose other roles it does not keep."""

    __slots__ = ("_coming", "_masters")

    def __init__(self, keys: KeyRing) -> None:
        """`keys` holds at least one version of each of `ROLES`, 16 bytes each."""
        self._masters: dict[Role, tuple[bytes, ...]] = {}
        self._coming: tuple[bytes, ...] = ()
        self.learn(keys)

    def learn(self, keys: KeyRing) -> None:
        """These keys take the place of the ones before. A module with keys of its own learns in its own way: this is no
        part of the port."""
        self._masters = {role: tuple(key for _, key in keys.newest_first(role)) for role in ROLES}
        assert all(self._masters.values()), "a debit key is missing"
        self._coming = tuple(key for _, key in keys.newest_first(Role.DEBIT_MAC_NEXT))

    def __repr__(self) -> str:
        held = ", ".join(f"{role.name} ×{len(masters)}" for role, masters in sorted(self._masters.items()))
        return f"SoftwareSam({held})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SAM is not copied")

    def record(self, image: bytes, uid: bytes, purse: int) -> DebitRecord | None:
        masters = self._masters[Role.DEBIT_MAC] + self._coming
        return records.decode(image, (records.record_key(m, uid) for m in masters), purse)

    def record_image(self, record: DebitRecord, uid: bytes, purse: int) -> bytes:
        return records.encode(record, records.record_key(self._masters[Role.DEBIT_MAC][0], uid), purse)

    def classic_keys(self, uid: bytes, sector: int) -> Sequence[bytes]:
        return [classic_key_a(master, uid, sector) for master in self._masters[Role.CLASSIC_READ_WRITE]]

    def desfire_keys(self, uid: bytes, application: bytes) -> Sequence[bytes]:
        return [desfire_debit_key(master, uid, application) for master in self._masters[Role.DESFIRE_DEBIT]]
