"""A terminal's store and forward: the daemon's own machine, journal reader and words, with the exchange around them.

What `sync_daemon.daemon` does with files and HTTPS is done here with a storage in memory and a bundle in hand. A bundle
may come to the centre by any road, late, twice or never; so may its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from onecard.condition import Condition
from onecard.downlink import Header, open_acknowledgement, open_downlink
from onecard.enrolment import Identity
from onecard.envelope import terminal_key_id
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.inbox_names import ACKNOWLEDGEMENT, SNAPSHOT_TABLES, table_name
from onecard.journal import JournalError
from onecard.keys import KeyRing, Role
from sync_daemon.credentials import Credentials
from sync_daemon.cutter import Cutter
from sync_daemon.own_journal import OwnJournal
from sync_daemon.pace import Pace
from sync_daemon.protocol import Alarm, Keep, Note, Offer, SyncMachine
from sync_daemon.standing import Standing, confirmed
from tools.fleet.keys import TerminalKeys
from tools.fleet.storage import DIRECTORY, Storage, keep, packed_versions

_PACE = Pace(idle_seconds=0.0, heartbeat_seconds=3 * 86_400.0, retry_first_seconds=5.0, retry_cap_seconds=300.0)
_EXCHANGES = 40
"""At most so many bundles each time the line is up."""
_IN_A_BAG = 25
"""Records in a courier's bundle: small ones, so that some of a bag may be lost and others not."""


class LostOnTheWay(OnecardError):
    """No answer came."""


class Line:
    """One terminal's daemon. It is started with the terminal and lost with its power."""

    def __init__(
        self,
        number: int,
        keys: TerminalKeys,
        *,
        server_seal: bytes,
        ring: KeyRing,
        storage: Storage,
        wall: Callable[[], int],
        jitter: Callable[[], float],
    ) -> None:
        self.alarm = ""
        """A head that is not this journal's was acknowledged: the centre is called."""
        self._number = TerminalNumber(number)
        self._ring = ring
        self._storage = storage
        self._journal = OwnJournal(DIRECTORY, self._number, disk=storage.disk)
        server = KeyRing({**ring.held, (Role.SERVER_SEAL, 1): server_seal})
        credentials = Credentials(
            Identity(self._number, "", "", server).public(), terminal_key_id(self._number), keys.signing
        )
        self._cutter = Cutter(self._journal, credentials, Condition, wall)
        self._machine = SyncMachine(self._number, ring, self._standing(), _PACE, jitter)

    @property
    def standing(self) -> Standing:
        """What is held of the centre's word."""
        return self._machine.standing

    @property
    def received(self) -> int:
        """The last record the centre is known to have."""
        return self._machine.standing.received

    def talk(self, now: float, post: Callable[[bytes], bytes]) -> None:
        """Exchange bundles until nothing is due. `post` raises `OnecardError` when no answer comes."""
        for _ in range(_EXCHANGES):
            self._look_at_packed()
            offer = self._machine.tick(now, self._durable())
            if not isinstance(offer, Offer):
                return
            try:
                run = self._cutter.run(offer)
                self._machine.receive(post(self._cutter.packed(run)))
                self._kept()
            except OnecardError:
                self._machine.failed(now)
                return
            self._machine.conclude(now, run.last_sequence, over_hole=run.first_sequence > offer.first)

    def collected(self) -> list[bytes]:
        """What a courier takes along: everything not acknowledged, as bundles."""
        bundles: list[bytes] = []
        self._look_at_packed()
        first, durable = self.received + 1, self._durable()
        have = {int(table): version for table, version in sorted(self._machine.standing.versions.items())}
        while first <= durable and len(bundles) < _EXCHANGES:
            offer = Offer(first=first, last=durable, records_limit=_IN_A_BAG, bytes_limit=256 << 10, have=have)
            try:
                run = self._cutter.run(offer)
            except JournalError:
                break
            bundles.append(self._cutter.packed(run))
            first = run.last_sequence + 1
        return bundles

    def hand_over(self, reply: bytes) -> None:
        """An answer came by another road, or again."""
        self._look_at_packed()
        try:
            self._machine.receive(reply)
            self._kept()
        except OnecardError:
            return

    def _kept(self) -> None:
        while (effect := self._machine.next_effect(self._journal)) is not None:
            match effect:
                case Keep(word, envelope):
                    keep(self._storage, word, envelope)
                    self._machine.kept(effect)
                case Alarm(text):
                    self.alarm = text
                case Note():
                    pass
                case _:
                    assert_never(effect)

    def _durable(self) -> int:
        mark = self._journal.mark()
        return 0 if mark is None else mark.name.sequence

    def _look_at_packed(self) -> None:
        """The firmware keeps packed tables: what is held follows, and chunks go."""
        self._machine.reached(packed_versions(self._storage, self._header))

    def _header(self, raw: bytes) -> Header:
        return open_downlink(raw, self._ring, self._number).header

    def _standing(self) -> Standing:
        standing = Standing()
        inbox = self._storage.inbox
        if ACKNOWLEDGEMENT in inbox:
            ack = open_acknowledgement(inbox[ACKNOWLEDGEMENT], self._ring, self._number)
            standing = standing.acknowledged(ack)
        for table in SNAPSHOT_TABLES:
            if table_name(table) in inbox:
                standing = standing.holding(self._header(inbox[table_name(table)]))
        return confirmed(standing.reaching(packed_versions(self._storage, self._header)), self._journal)
