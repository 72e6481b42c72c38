"""Who holds a stolen terminal: the keys in its data directory, its journal, and the line that it may still use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hardware.virtual.desfire.contents import Generation
from onecard.clock import LOCAL_ZONE
from onecard.enrolment import open_keys
from onecard.identity import day_number
from onecard.keys import Role
from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.purse import record
from onecard.purse.certificate import Certificate
from onecard.purse.intent import intent_record
from onecard.purse.record import DebitRecord
from onecard.purse.ring import slot_of
from onecard.records import Intent, OutcomeRecord
from tests.system.attack.plastic import Card
from tests.system.attack.till import Till
from tools.bench.till import Issuer


@dataclass(frozen=True)
class Debit:
    """A debit that never was: what the thief wants a record to say."""

    counter: int
    debited: int
    amount: int


class Thief:
    """With the masters of the whole chain: debit MAC, Classic key A, DESFire debit."""

    def __init__(self, stolen: Till) -> None:
        data = stolen.data
        identity = open_keys((data / "card.keys").read_bytes(), (data / "seal.key").read_bytes(), b"", "card.keys")
        self._stolen = stolen
        self._keys = identity.keys
        self._number = identity.number

    def forge(self, card: Card, counter: int, debited: int) -> None:
        """A record of his own on a Classic, under the certificate in force there."""
        forged = DebitRecord(counter, card.newest.load_reference, debited, self._number, 0)
        card.write_record(counter, self._image(card.uid, forged))

    def emulate_desfire(self, file: Path, uid: bytes, certificate: bytes) -> Card:
        """A device that answers as a DESFire with that certificate on which nothing was ever debited."""
        masters = {role: self._master(role) for role in (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT)}
        masters[Role.DESFIRE_PERSONALISE] = masters[Role.CLASSIC_PERSONALISE] = bytes(16)  # these he does not have
        Issuer(masters=masters).write_desfire_card(file, uid, certificate, Generation.EV2)
        return Card(file)

    def claim(self, card: Card, statement: Certificate, wanted: Debit, outcome: Outcome) -> None:
        """Journal an intent on the card's newest record and an outcome for it, and put its record on the card."""
        base, sequence, now = card.newest, self._stolen.station.journal.next_sequence, int(time.time())
        intent = Intent(
            at=now,
            clock=ClockQuality.TRUSTED,
            shift=1,
            business_day=day_number(datetime.fromtimestamp(now, LOCAL_ZONE).date()),
            operator=0,
            uid=card.uid,
            card_number=statement.card_number,
            purse=0,
            purpose=Purpose.SALE if wanted.amount else Purpose.SETTLE,
            amount=wanted.amount,
            counter=wanted.counter,
            debited=wanted.debited,
            base_slot=slot_of(base.counter),
            ring=b"".join(card.ring),
            copy=base.load_reference.copy,
            load_sequence=statement.load_sequence,
            loaded=statement.loaded,
            pays=0,
            list_price=wanted.amount,
            tier=1,
            film_class=0,
            time_slot=0,
            tickets=1,
            tariff_version=0,
        )
        assert self._stolen.invent(intent) == sequence
        self._stolen.invent(OutcomeRecord(sequence, outcome, now))
        written = intent_record(intent, sequence, self._number)
        card.write_record(wanted.counter, self._image(card.uid, written))

    def _image(self, uid: bytes, written: DebitRecord) -> bytes:
        return record.encode(written, record.record_key(self._master(Role.DEBIT_MAC), uid), 0)

    def _master(self, role: Role) -> bytes:
        _, key = next(self._keys.newest_first(role))
        return key
