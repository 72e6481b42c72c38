"""A purse on a DESFire card, behind the card port.

A debit of a known purse costs nine host commands: list, select the application, authenticate (two), GetValue,
ReadRecords, Debit, WriteRecord, CommitTransaction. Reading the certificate costs two more, and writing it two; a re-tap
that finds its own record costs six in all.

- One CommitTransaction brings everything into force: certificate, value and record, or none of them. What was sent
  before it is forgotten with the session, so an answer lost before the commit is sent leaves the write UNSENT.
- The card's reply to the commit, MACed under the session key, is the acknowledgement of P-R3: there is nothing to read
  back (docs/adr/0009-desfire-evidence.md).
- A record that the authenticated ring of this presentation already has as its newest stands: a DESFire card has no weak
  cells, so P-R5's rewrite would only repeat it.
"""

from __future__ import annotations

from hardware.cards.desfire.layout import CERTIFICATE_FILE, DEBIT_FILE, RING_FILE, START_VALUE, application
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.opening import Openings
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.desfire.status import DesfireRefused
from hardware.cards.port import CardFamily, PurseKeys, TamperedCard, Written
from hardware.reader import CardError, ReaderError
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.record import RECORD_SIZE, unchecked
from onecard.purse.ring import SLOTS, slot_of

READ_DATA = 0xBD
WRITE_DATA = 0x3D
GET_VALUE = 0x6C
DEBIT = 0xDC
READ_RECORDS = 0xBB
WRITE_RECORD = 0x3B
COMMIT_TRANSACTION = 0xC7

_BLANK = bytes(RECORD_SIZE)
_WHOLE_CERTIFICATE = bytes(3) + CERTIFICATE_SIZE.to_bytes(3, "little")
_WHOLE_RECORD = bytes(3) + RECORD_SIZE.to_bytes(3, "little")
_ALL_RECORDS = bytes(6)
"""From the newest, as many as there are."""


class DesfirePurse:
    """`PurseCard` of one purse of a DESFire card, opened with the terminals' debit key."""

    family = CardFamily.DESFIRE
    atomic = True

    def __init__(self, session: DesfireSession, keys: PurseKeys, purse: int, openings: Openings) -> None:
        self._session = session
        self._keys = keys
        self._purse = purse
        self._openings = openings
        self._newest: bytes | None = None
        self._debited: int | None = None

    @property
    def uid(self) -> bytes:
        return self._session.uid

    @property
    def debited(self) -> int | None:
        return self._debited

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        self._open()
        self._newest = self._debited = None
        slots = [_BLANK] * SLOTS
        try:
            value = self._session.command(GET_VALUE, bytes([DEBIT_FILE]), mode=CommMode.MACED, answer_size=4)
            images = self._read_records()
        except DesfireRefused:  # a file that is not there, a ring that nothing was ever written to
            return slots[0], slots[1], slots[2]
        self._debited = START_VALUE - int.from_bytes(value, "little", signed=True)
        self._newest = images[-1] if images else None
        for image in images:  # the oldest first
            slots[slot_of(unchecked(image).counter)] = image
        return slots[0], slots[1], slots[2]

    def read_certificate(self, copy: int) -> bytes:
        if copy >= self.family.limits.certificate_copies:
            return bytes(CERTIFICATE_SIZE)
        self._open()
        try:
            return self._session.command(
                READ_DATA,
                bytes([CERTIFICATE_FILE]) + _WHOLE_CERTIFICATE,
                mode=CommMode.PLAIN,
                answer_size=CERTIFICATE_SIZE,
            )
        except DesfireRefused:
            return bytes(CERTIFICATE_SIZE)

    def blank_slot(self, slot: int) -> Written:
        """Nothing is written: what cannot be read on this family never comes back by itself, which is what P-R4 is
        against."""
        assert 0 <= slot < SLOTS
        return Written.ACKED if self._session.selected else Written.UNSENT

    def write_certificate(self, copy: int, image: bytes) -> Written:
        assert 0 <= copy < self.family.limits.certificate_copies
        assert len(image) == CERTIFICATE_SIZE
        if not self._session.selected:
            return Written.UNSENT
        try:
            self._open()
            header = bytes([CERTIFICATE_FILE]) + _WHOLE_CERTIFICATE
            self._session.command(WRITE_DATA, header, image, mode=CommMode.PLAIN)
        except (CardError, ReaderError):
            return Written.UNSENT
        return Written.ACKED

    def commit_record(self, slot: int, image: bytes, debit_fen: int) -> Written:
        assert debit_fen >= 0
        assert slot == slot_of(unchecked(image).counter)
        if not self._session.selected:
            return Written.UNSENT
        try:
            if self._newest is None:
                self.read_ring()
            if not self._session.selected:  # it refused to tell its ring
                return Written.UNSENT
            if self._newest == image:
                return Written.ACKED
            if debit_fen:
                amount = debit_fen.to_bytes(4, "little")
                self._session.command(DEBIT, bytes([DEBIT_FILE]), amount, mode=CommMode.MACED)
            self._session.command(WRITE_RECORD, bytes([RING_FILE]) + _WHOLE_RECORD, image, mode=CommMode.MACED)
        except (CardError, ReaderError):
            return Written.UNSENT
        try:
            self._session.command(COMMIT_TRANSACTION)
        except (CardError, ReaderError):
            return Written.UNKNOWN
        self._newest = image
        if self._debited is not None:
            self._debited += debit_fen
        return Written.ACKED

    def _open(self) -> None:
        self._session.select()
        if not self._session.authenticated:
            self._newest = self._debited = None
            self._openings.open(self._session, self._purse, self._keys.desfire_keys(self.uid, application(self._purse)))

    def _read_records(self) -> list[bytes]:
        header = bytes([RING_FILE]) + _ALL_RECORDS
        records = self._session.command(READ_RECORDS, header, mode=CommMode.MACED, answer_size=None)
        if len(records) % RECORD_SIZE or len(records) > SLOTS * RECORD_SIZE:
            raise TamperedCard(self._session.where, f"its ring has {len(records)} bytes")
        return [records[at : at + RECORD_SIZE] for at in range(0, len(records), RECORD_SIZE)]
