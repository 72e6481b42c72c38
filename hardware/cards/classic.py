"""A purse on a MIFARE Classic 1K, behind the card port.

A debit of a known purse costs seven host commands: list, authenticate the ring, three reads, write, read back. The
commit point is the one-block write of the record; Classic has no transaction, so a certificate and a record are two
steps and their order is the caller's (P-R16).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from hardware.cards.classic_layout import BLOCK_SIZE, certificate_blocks, ring_block, sector_of, split_certificate
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.port import CardFamily, PurseKeys, Written
from hardware.reader import AccessDenied, CardError, ReaderError, WrongKey
from onecard.purse.ring import SLOTS


class ClassicPurse:
    """`PurseCard` of one purse of a MIFARE Classic card, opened with the terminals' key A."""

    family = CardFamily.CLASSIC
    atomic = False

    def __init__(self, session: ClassicSession, keys: PurseKeys, purse: int) -> None:
        self._session = session
        self._keys = keys
        self._purse = purse
        self._version = 0  # which of a sector's keys opened the last one read: the likeliest for the next

    @property
    def uid(self) -> bytes:
        return self._session.uid

    @property
    def debited(self) -> None:
        return None

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        first, second, third = (self._read(ring_block(self._purse, slot)) for slot in range(SLOTS))
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

    def _read(self, block: int) -> bytes:
        self._open_with_any(sector_of(block))
        try:
            return self._session.read(block)
        except AccessDenied:
            return bytes(BLOCK_SIZE)

    def _open_with_any(self, sector: int) -> None:
        """Open a sector whose keys may be those of an earlier version (P-R27). Raises `WrongKey` when none fits."""
        versions = range(len(self._keys.classic_keys(self.uid, sector)))
        for version in sorted(versions, key=lambda each: each != self._version):
            self._session.select()
            try:
                self._authenticate(sector, version)
            except WrongKey as error:
                refusal = error
            else:
                self._version = version
                return
        raise refusal

    def _write(self, images: Sequence[tuple[int, bytes]]) -> Written:
        """Write blocks and read them back, sector by sector."""
        if not self._session.selected:
            return Written.UNSENT
        sent = False
        try:
            for sector, group in groupby(images, lambda item: sector_of(item[0])):
                blocks = list(group)
                self._authenticate(sector, self._version)
                for block, image in blocks:
                    sent = True
                    self._session.write(block, image)
                if any(self._session.read(block) != image for block, image in blocks):
                    return Written.UNKNOWN
        except (CardError, ReaderError):
            return Written.UNKNOWN if sent else Written.UNSENT
        assert sent
        return Written.ACKED

    def _authenticate(self, sector: int, version: int) -> None:
        self._session.authenticate(sector, Key.A, self._keys.classic_keys(self.uid, sector)[version])
