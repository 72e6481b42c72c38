"""The load certificates this terminal knows: the table's, and those that cards showed.

The table is bytes (onecard/certificate_table.py): a row costs a signature check when its purse is first asked for, and
the answer is remembered. So is what a card showed that the table has not, or not yet. Both are forgotten when many
other purses came since: then a row is checked again, and a card is read again.

Rules
- The highest L wins, whether the table or a card brought it (P-R17).
- A row that is no good is told (`faults`) and never used; what a card shows counts as if there were no row.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TypeAlias

from firmware.purse_rows import Name
from onecard.certificate_table import CERTIFICATES, row_of
from onecard.keys import KeyRing
from onecard.packed_table import PackedTable
from onecard.purse import delivery
from onecard.purse.certificate import BadCertificate, Certificate, open_certificate
from onecard.state_table import KEY_SIZE

PURSES = 1024
"""Remembered at most."""
_FAULTS = 16

Held: TypeAlias = "tuple[Certificate, bytes]"
"""A verified certificate, and its 96 bytes."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out of a purse: the best certificate, and the row that was looked at for it."""

    row: bytes | None = None
    best: Held | None = None


class CertificateCache:
    """Of one terminal; `table` is the one in force and is put here by who holds it."""

    def __init__(self, issuer_keys: KeyRing, purses: int = PURSES) -> None:
        assert purses > 0
        self.table = PackedTable(CERTIFICATES)
        self.faults: deque[str] = deque(maxlen=_FAULTS)
        """Which rows were no good, and why."""
        self._keys = issuer_keys
        self._purses = purses
        self._known: OrderedDict[Name, _Known] = OrderedDict()

    def best(self, name: Name) -> Held | None:
        """The certificate of a purse with the highest L that is known and good."""
        known, row = self._known.get(name, _Known()), row_of(self.table, *name)
        best = known.best if row == known.row else _newest(known.best, self._opened(row, name))
        self._remember(name, _Known(row, best))
        return best

    def keep(self, name: Name, certificate: Certificate, image: bytes) -> None:
        """Know a verified certificate of that purse."""
        best = _newest(self.best(name), (certificate, image))
        self._remember(name, _Known(row_of(self.table, *name), best))

    def _remember(self, name: Name, known: _Known) -> None:
        if known.row is None and known.best is None:
            return
        self._known[name] = known
        self._known.move_to_end(name)
        while len(self._known) > self._purses:
            self._known.popitem(last=False)

    def _opened(self, row: bytes | None, name: Name) -> Held | None:
        if row is None:
            return None
        image = row[KEY_SIZE:]
        try:
            return open_certificate(image, self._keys, *name), image
        except BadCertificate as error:
            fault = f"{CERTIFICATES.name}: the row of card {name[0].hex()} purse {name[1]} is not used: {error}"
            if fault not in self.faults:
                self.faults.append(fault)
            return None


def _newest(held: Held | None, other: Held | None) -> Held | None:
    if held is None or other is None:
        return held or other
    return other if delivery.supersedes(other[0].load_sequence, held[0].load_sequence) else held
