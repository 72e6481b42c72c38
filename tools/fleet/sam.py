"""The terminals' SAM of the simulation: the product's own, which remembers what it has computed.

All terminals of a fleet hold the same debit keys, so they share one memory: a key is diversified once a card, a
record's MAC is proved once. Nothing else differs from `SoftwareSam`.
"""

from __future__ import annotations

from functools import lru_cache

from hardware.sam.software import SoftwareSam
from onecard.keys import KeyRing, Role
from onecard.purse import record as records
from onecard.purse.record import DebitRecord

_KEYS_KEPT = 1 << 18
_RECORDS_KEPT = 1 << 17


class RememberingSam(SoftwareSam):
    """`SoftwareSam` with a memory of pure results."""

    __slots__ = ("_decoded", "_encoded", "_keys_of")

    def __init__(self, keys: KeyRing) -> None:
        super().__init__(keys)
        masters = self._masters[Role.DEBIT_MAC]

        @lru_cache(maxsize=_KEYS_KEPT)
        def keys_of(uid: bytes) -> tuple[bytes, ...]:
            return tuple(records.record_key(master, uid) for master in masters)

        self._keys_of = keys_of
        self._decoded = lru_cache(maxsize=_RECORDS_KEPT)(
            lambda image, uid, purse: records.decode(image, keys_of(uid), purse)
        )
        self._encoded = lru_cache(maxsize=_RECORDS_KEPT)(
            lambda record, uid, purse: records.encode(record, keys_of(uid)[0], purse)
        )

    def record(self, image: bytes, uid: bytes, purse: int) -> DebitRecord | None:
        return self._decoded(image, uid, purse)

    def record_image(self, record: DebitRecord, uid: bytes, purse: int) -> bytes:
        return self._encoded(record, uid, purse)
