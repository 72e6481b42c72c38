"""A purse on a MIFARE Classic 1K, behind the card port.

A debit of a known purse costs seven host commands: list, authenticate the ring, three reads, write, read back. The
commit point is the one-block write of the record; Classic has no transaction, so a certificate and a record are two
steps and their order is the caller's (P-R16).

A card whose keys are being renewed bears two versions of them, sector by sector. The wrong one loses the selection; a
write goes on under a new one only if the ring reads there as it did, for that is what the caller decided on (P-R25).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from hardware.cards.classic_layout import BLOCK_SIZE, certificate_blocks, ring_block, sector_of, split_certificate
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.port import CardFamily, PurseKeys, Written
from hardware.reader import AccessDenied, CardError, CardGone, ReaderError, WrongKey
from onecard.purse.ring import SLOTS


class ClassicPurse:
    """`PurseCard` of one purse of a MIFARE Classic card, opened with the terminals' key A."""

    family = CardFamily.CLASSIC
    atomic = False

    def __init__(self, session: ClassicSession, keys: PurseKeys, purse: int) -> None:
        self._session = session
        self._keys = keys
        self._purse = purse
        self._version = 0  # which of a sector's keys opened the last one: the likeliest for the next
        self._versions: dict[int, int] = {}
        self._ring: dict[int, bytes] = {}  # ring blocks as last read or written here

    @property
    def uid(self) -> bytes:
        return self._session.uid

    @property
    def debited(self) -> None:
        return None

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        self._ring = {block: self._read(block) for block in self._ring_blocks}
        first, second, third = self._ring.values()
        return first, second, third

    def read_certificate(self, copy: int) -> bytes:
        return b"".join(self._read(block) for block in certificate_blocks(self._purse, copy))

    def blank_slot(self, slot: int) -> Written:
        return self._write([(ring_block(self._purse, slot), bytes(BLOCK_SIZE))])

    def write_certificate(self, copy: int, image: bytes) -> Written:
        blocks = certificate_blocks(self._purse, copy)
        return self._write(list(zip(blocks, split_certificate(image), strict=True)))

    def commit_record(self, slot: int, image: bytes, debit_fen: int) -> Written:
        assert debit_fen >= 0
        return self._write([(ring_block(self._purse, slot), image)])

    @property
    def _ring_blocks(self) -> list[int]:
        return [ring_block(self._purse, slot) for slot in range(SLOTS)]

    def _read(self, block: int) -> bytes:
        self._open(sector_of(block), self._session.select)
        try:
            return self._session.read(block)
        except AccessDenied:
            return bytes(BLOCK_SIZE)

    def _open(self, sector: int, select: Callable[[], None]) -> None:
        """Open a sector whose keys may be those of an earlier version (P-R27), the card selected again by `select`
        where it must be. Raises `WrongKey` when none fits."""
        keys = self._keys.classic_keys(self.uid, sector)
        likeliest = self._versions.get(sector, self._version)
        for version in sorted(range(len(keys)), key=lambda each: each != likeliest):
            select()
            try:
                self._session.authenticate(sector, Key.A, keys[version])
            except WrongKey as error:
                refusal = error
            else:
                self._version = self._versions[sector] = version
                return
        raise refusal

    def _select_as_read(self) -> None:
        """Select the card again if a wrong key lost it. Raises `CardGone` if its ring is not what was read."""
        if self._session.selected:
            return
        if not self._ring or any(self._read(block) != image for block, image in self._ring.items()):
            raise CardGone(self._session.where, "its ring is not the one that was read")

    def _write(self, images: Sequence[tuple[int, bytes]]) -> Written:
        """Write blocks and read them back, sector by sector."""
        if not self._session.selected:
            return Written.UNSENT
        sent = False
        try:
            for sector, group in groupby(images, lambda item: sector_of(item[0])):
                blocks = list(group)
                self._open(sector, self._select_as_read)
                for block, image in blocks:
                    sent = True
                    self._session.write(block, image)
                if any(self._session.read(block) != image for block, image in blocks):
                    return Written.UNKNOWN
        except (CardError, ReaderError):
            return Written.UNKNOWN if sent else Written.UNSENT
        assert sent
        self._ring |= {block: image for block, image in images if block in self._ring}
        return Written.ACKED
