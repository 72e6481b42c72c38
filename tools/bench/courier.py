"""Collecting 10,000 flows by laptop over a serial line of 921600 baud with bit errors and two cable pulls; and what a
flow takes on the wire, JSON and gzip beside it.

Both ends are the product's: the port's goods cut and seal bundles from a real journal, the laptop's visit verifies
them and makes each durable. The line between them is modelled: ten bits a byte, both ways at once, one byte in
`_ERRORS` with a flipped bit; a pulled cable loses what is under way and is back after `_PULLED_SECONDS`. Processor time
of both ends is measured and added while the line stands still, which no real line does. No driver, no USB adapter, no
Pi is in it.

Each flow is one of its own: an INTENT with a card, a ring and a MAC that no other has, and its PAID. (Repeated ones
would flatter gzip.)
"""

from __future__ import annotations

import gzip
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.bundle import RECORDS_MAX
from onecard.condition import Condition
from onecard.courier_link.laptop_end import LaptopEnd
from onecard.courier_link.port_end import PortEnd
from onecard.courier_store import CourierStore
from onecard.enrolment import Identity
from onecard.envelope import terminal_key_id
from onecard.identity import TerminalNumber, card_number
from onecard.journal import Journal
from onecard.keys import KeyRing, Role
from onecard.kinds import Outcome
from onecard.purse.record import DebitRecord, LoadReference, record_key
from onecard.purse.record import encode as encode_debit
from onecard.records import Intent, OutcomeRecord, decode_record, document, encode_record
from onecard.roster import Roster
from sync_daemon.courier.goods import PortGoods
from sync_daemon.credentials import Credentials
from sync_daemon.own_journal import OwnJournal
from sync_daemon.protocol import BYTES_LIMIT, RECORDS_LIMIT, Offer
from sync_daemon.standing import Standing
from tools.bench.journal_records import KEY, UnsyncedDisk, open_journal, sale, sync_files
from tools.courier.visit import Account, Visit

_FLOWS = 10_000
_CARDS = 1000
_BAUD = 921_600
_BITS_A_BYTE = 10
_ERRORS = 100_000
_STEP_SECONDS = 0.002
_PULLED_SECONDS = 2.0
_PULLS = (0.3, 0.7)  # shares of the journal collected when the cable is pulled
_AT = 1_900_000_000
_TERMINAL = TerminalNumber(1)


def measure() -> dict[str, float]:
    """`collect_10000_flows_s`: modelled line time and measured processor time, pulls included; `bundle_bytes_per_flow`,
    `json_gzip_bytes_per_flow`: an INTENT and its OUTCOME in bundles as they travel, and as gzipped JSON of as many
    records."""
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        directory = Path(place) / "journal"
        _make_journal(directory)
        collecting = _Collecting(directory, CourierStore(Path(place) / "laptop"))
        account = collecting.run()
        bundle_bytes = account.size / _FLOWS
        json_bytes = _json_bytes(directory) / _FLOWS
    print(
        f"{_FLOWS} flows, {account.size / 1024:.0f} KiB in {account.bundles} bundles: {collecting.now:.1f} s, of which "
        f"{collecting.cpu:.2f} s processor and {len(_PULLS) * _PULLED_SECONDS:.0f} s of pulled cable; "
        f"{account.bad_frames} frames damaged; {collecting.carried / account.size:.3f} bytes on the line for one"
    )
    return {
        "collect_10000_flows_s": collecting.now,
        "bundle_bytes_per_flow": bundle_bytes,
        "json_gzip_bytes_per_flow": json_bytes,
    }


@dataclass
class _Collecting:
    """A visit in modelled time."""

    directory: Path
    store: CourierStore
    now: float = 0.0
    cpu: float = 0.0
    carried: int = 0  # bytes towards the laptop
    _chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - a line's errors

    def run(self) -> Account:
        goods, roster = _terminal(self.directory)
        visit = Visit(self.store, roster)
        pulls = [share * 2 * _FLOWS for share in _PULLS]
        while not visit.account.finished:
            self._join(visit, PortEnd(goods), visit.joined(), pulls)
        assert visit.account.records == 2 * _FLOWS + 1, "and the BOOT"
        assert visit.account.unproved == 0
        return visit.finish()

    def _join(self, visit: Visit, port: PortEnd, laptop: LaptopEnd, pulls: list[float]) -> None:
        to_port, to_laptop = _Way(self._chance), _Way(self._chance)
        answers: Iterator[bytes] = iter(())
        while not visit.account.finished:
            begun = time.process_time()
            to_port.put(laptop.outgoing(self.now))
            arrived = to_port.arrived()
            if arrived:
                answers = _both(answers, port.answers(arrived))
            while to_laptop.has_room and (answer := next(answers, None)) is not None:
                to_laptop.put(answer)
            for event in laptop.receive(to_laptop.arrived(), self.now):
                visit.happened(event)
            spent = time.process_time() - begun
            self.cpu += spent
            self.now += spent + _STEP_SECONDS
            if pulls and visit.progress.records_done >= pulls[0] and visit.progress.chunks_done > 5:
                pulls.pop(0)
                self.now += _PULLED_SECONDS
                break
        self.carried += to_laptop.carried


class _Way:
    """One direction of the line: what is put on it arrives at its speed, some of it damaged."""

    _RATE = int(_BAUD / _BITS_A_BYTE * _STEP_SECONDS)  # bytes a step
    _BUFFER = 4096  # what a driver takes at once

    def __init__(self, chance: random.Random) -> None:
        self.carried = 0
        self._waiting = bytearray()
        self._chance = chance

    @property
    def has_room(self) -> bool:
        return len(self._waiting) < self._BUFFER

    def put(self, data: bytes) -> None:
        self._waiting += data

    def arrived(self) -> bytes:
        """What one step brings."""
        moved = self._waiting[: self._RATE]
        del self._waiting[: self._RATE]
        self.carried += len(moved)
        if moved and self._chance.random() < len(moved) / _ERRORS:
            moved[self._chance.randrange(len(moved))] ^= 1 << self._chance.randrange(8)
        return bytes(moved)


def _both(first: Iterator[bytes], then: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from then


def _make_journal(directory: Path) -> None:
    """The flows of a thousand cards."""
    disk = UnsyncedDisk()
    Journal.create(directory, terminal=_TERMINAL, chain_key=KEY, salt=os.urandom, segments=8, disk=disk)
    with open_journal(directory, disk) as journal:
        for flow in range(_FLOWS):
            intent = journal.append(*encode_record(_sale(flow)), durable=False).sequence
            journal.append(*encode_record(OutcomeRecord(intent, Outcome.PAID, _AT + 20 * flow + 1)), durable=False)
    sync_files(directory)


def _sale(flow: int) -> Intent:
    card, turn = flow % _CARDS, flow // _CARDS
    uid, amount = (0xD6000000 + card).to_bytes(4, "big"), 3500 + 500 * (flow % 5)
    debited = 20_000 + amount * turn
    written = [
        DebitRecord(100 + turn + place, LoadReference.of(0, 12), debited - (2 - place) * amount, 1, flow + place & 0xFF)
        for place in range(3)
    ]
    ring = b"".join(encode_debit(each, record_key(KEY[:16], uid), 0) for each in written)
    return replace(
        sale(flow),
        at=_AT + 20 * flow,
        shift=900 + flow // 400,
        uid=uid,
        card_number=card_number(86_000 + card),
        amount=amount,
        counter=103 + turn,
        debited=debited + amount,
        ring=ring,
    )


def _terminal(directory: Path) -> tuple[PortGoods, Roster]:
    """What a port of a terminal with that journal gives, and the roster that names it."""
    signing, seal = Ed25519PrivateKey.generate(), X25519PrivateKey.generate().public_key().public_bytes_raw()
    identity = Identity(_TERMINAL, "07", "bench", KeyRing({(Role.SERVER_SEAL, 1): seal}))
    credentials = Credentials(identity, terminal_key_id(_TERMINAL), signing.private_bytes_raw())
    goods = PortGoods(OwnJournal(directory, _TERMINAL), credentials, Standing, Condition, lambda: _AT)
    return goods, Roster(0, KeyRing({}), {_TERMINAL: signing.public_key().public_bytes_raw()})


def _json_bytes(directory: Path) -> int:
    """The same records, in as many at once, as an honest rival would send them: gzipped JSON, bytes as hex."""
    journal, size, first = OwnJournal(directory, _TERMINAL), 0, 1
    mark = journal.mark()
    assert mark is not None
    assert RECORDS_LIMIT <= RECORDS_MAX
    while first <= mark.name.sequence:
        run = journal.cut(Offer(first, mark.name.sequence, RECORDS_LIMIT, BYTES_LIMIT, {}))
        rows = [document(decode_record(kind, payload)) for kind, payload in run.entries]
        text = json.dumps(rows, separators=(",", ":"), default=bytes.hex)
        size += len(gzip.compress(text.encode(), 6))
        first = run.last_sequence + 1
    return size
