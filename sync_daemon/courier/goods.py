"""What the port gives and takes, for all its lines: bundles cut when they are asked for, replies handed to the daemon.

The last `_HELD` bundles are remembered, so that a cable that is pulled costs no more than what was under way, and two
couriers at once get the same bytes. Lines run in threads of their own: one lock is around the journal, one around the
replies.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from onecard.condition import Condition
from onecard.courier_link.messages import VERSION, Hi, Parcel
from onecard.errors import OnecardError
from sync_daemon.credentials import Credentials
from sync_daemon.cutter import Cutter
from sync_daemon.own_journal import OwnJournal
from sync_daemon.protocol import BYTES_LIMIT, RECORDS_LIMIT, Offer
from sync_daemon.standing import Standing

_HELD = 4
_WAITING = 2
_VERDICTS = 16


class Busy(OnecardError):
    """More replies than are looked at at once."""

    def __init__(self) -> None:
        super().__init__("replies of other couriers are being looked at: try again in a minute")


class Refusal(OnecardError):
    """A reply that changed nothing here."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    why: str
    failed: bool


class PortGoods:
    """`courier_link.port_end.Goods` of one terminal."""

    def __init__(
        self,
        journal: OwnJournal,
        credentials: Credentials,
        standing: Callable[[], Standing],
        condition: Callable[[], Condition],
        wall: Callable[[], int],
    ) -> None:
        """`journal` is this port's own reader, `standing` gives what the daemon knows now, `condition` what the
        firmware says of itself, `wall` UTC seconds."""
        self._journal = journal
        self._identity = credentials.identity
        self._cutter = Cutter(journal, credentials, condition, wall)
        self._standing = standing
        self._journal_lock = threading.Lock()
        self._replies_lock = threading.Lock()
        self._parcels: OrderedDict[int, tuple[Parcel, bytes]] = OrderedDict()  # by the record before the first
        self._waiting: OrderedDict[bytes, bytes] = OrderedDict()  # replies by digest
        self._verdicts: OrderedDict[bytes, _Verdict] = OrderedDict()

    @property
    def name(self) -> tuple[int, str]:
        """The terminal's number and its site's code."""
        return self._identity.number, self._identity.site_code

    def greeting(self) -> Hi:
        """Raises `JournalError`, `JournalOfAnother`."""
        with self._journal_lock:
            durable = self._durable()
        return Hi(VERSION, self._identity.number, self._identity.site_code, durable, self._standing().received)

    def parcel(self, after: int, tag: bytes) -> Parcel | None:
        """Raises `JournalError`, `JournalOfAnother`."""
        with self._journal_lock:
            durable, standing = self._durable(), self._standing()
            follows = standing.received < after <= durable and self._journal.tag(after) == tag
            before = after if follows else standing.received
            if before >= durable:
                return None
            told, _ = self._parcels.get(before) or self._cut(before, durable, standing)
            return replace(told, after=after)

    def whole(self, key: bytes) -> bytes | None:
        """One of the last bundles told of."""
        with self._journal_lock:
            return next((bundle for parcel, bundle in self._parcels.values() if parcel.key == key), None)

    def take(self, reply: bytes) -> str | None:
        """Raises `Busy`, and `Refusal` for a reply that as a whole was not believed or kept."""
        digest = hashlib.sha256(reply).digest()
        with self._replies_lock:
            verdict = self._verdicts.get(digest)
            if verdict is None:
                if digest not in self._waiting and len(self._waiting) >= _WAITING:
                    raise Busy
                self._waiting[digest] = reply
                return None
            if verdict.failed:
                del self._verdicts[digest]  # it may be given again
                raise Refusal(verdict.why)
            return verdict.why

    def forget(self) -> None:
        """The port is opened anew: what was cut and said before is old."""
        with self._journal_lock:
            self._parcels.clear()
        with self._replies_lock:
            self._verdicts.clear()

    def deal_with_replies(self, take: Callable[[bytes], str]) -> None:
        """In the daemon's own thread: each waiting reply to `Daemon.take`."""
        while True:
            with self._replies_lock:
                if not self._waiting:
                    return
                digest, reply = next(iter(self._waiting.items()))
            try:
                verdict = _Verdict(take(reply), failed=False)
            except OnecardError as error:
                verdict = _Verdict(str(error), failed=True)
            with self._replies_lock:
                del self._waiting[digest]
                self._verdicts[digest] = verdict
                if len(self._verdicts) > _VERDICTS:
                    self._verdicts.popitem(last=False)

    def _cut(self, before: int, durable: int, standing: Standing) -> tuple[Parcel, bytes]:
        """The bundle that follows record `before`, remembered in the place of the one cut longest ago."""
        have = {int(table): version for table, version in sorted(standing.versions.items())}
        run = self._cutter.run(Offer(before + 1, durable, RECORDS_LIMIT, BYTES_LIMIT, have))
        bundle = self._cutter.packed(run)
        digest = hashlib.sha256(bundle).digest()
        parcel = Parcel(before, digest, len(bundle), run.first_sequence, run.last_sequence, run.last_tag)
        self._parcels[before] = parcel, bundle
        if len(self._parcels) > _HELD:
            self._parcels.popitem(last=False)
        return parcel, bundle

    def _durable(self) -> int:
        mark = self._journal.mark()
        return 0 if mark is None else mark.name.sequence
