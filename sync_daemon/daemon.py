"""The daemon: the sync machine with its journal, its inbox, its line and its clock around it.

One thread, one exchange at a time. Each step reads the durable mark, asks the machine, and does what it says. Killed
at any point it loses nothing: what the server has is told by the acknowledgement in the inbox, what it lacks by the
journal.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never

from onecard.bundle import Status
from onecard.downlink import Header
from onecard.durable_file import PUBLIC, NotKept, make_directory
from onecard.errors import OnecardError
from sync_daemon.condition_file import ConditionFile
from sync_daemon.credentials import read_credentials
from sync_daemon.cutter import Cutter
from sync_daemon.inbox import Inbox
from sync_daemon.own_journal import OwnJournal
from sync_daemon.pace import Pace
from sync_daemon.protocol import Alarm, Keep, Note, Offer, SyncMachine, Wait
from sync_daemon.standing import Standing, confirmed
from sync_daemon.status import LineStatus
from sync_daemon.uplink import Rejected

BUNDLE_PATH = "/sync/v1/bundle"
POLL_SECONDS = 0.1
"""How often the durable mark is looked at: 36 bytes."""
_SHOW_SECONDS = 5.0
_TOLD_FAILURES = 8


class AnotherDaemon(OnecardError):
    """Two daemons on one inbox could take the server's word back."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(f"a daemon runs already (it holds {file}): it sends by itself, or stop it first")


class Daemon:
    """One terminal's store and forward."""

    def __init__(
        self,
        data: Path,
        post: Callable[[str, bytes], bytes],
        pace: Pace,
        *,
        wall: Callable[[], int],
        monotonic: Callable[[], float],
        random: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        """`data` is the terminal's data directory; `post(path, body)` is `Uplink.post`; `wall` gives UTC seconds,
        `random` numbers in [0, 1).

        Raises `AnotherDaemon`, `NotReadable`, `BadEnrolment`, `NotKept`, `JournalError`, `JournalOfAnother`.
        """
        self._data = data
        self._identity_stamp = _stamp(data / "identity")
        credentials = read_credentials(data)
        identity = credentials.identity
        self._post = post
        self._wall = wall
        self._monotonic = monotonic
        self._log = log
        self._journal = OwnJournal(data / "journal", identity.number)
        self._condition = ConditionFile(data / "condition")
        self._cutter = Cutter(self._journal, credentials, self._condition.read, wall)
        self._inbox = Inbox(data, identity.keys, identity.number)
        outbox = data / "outbox"
        make_directory(outbox)
        self._lock = _lock(outbox / "LOCK")
        self._status_file = outbox / "status"
        self._syncs_wanted = self._condition.read().syncs_wanted
        held, faults = self._inbox.standing()
        standing = confirmed(held, self._journal)
        if standing != held:
            faults.append("the acknowledgement in the inbox is not of this journal: everything is offered again")
        for fault in faults:
            log(fault)
        self._machine = SyncMachine(identity.number, identity.keys, standing, pace, random)
        self._shown_at = monotonic()
        self._oldest_at = 0  # when the oldest unacknowledged record was made, as of the last bundle
        self.status = LineStatus(backlog=self._machine.backlog(self._durable()))
        self.status.write(self._status_file)

    @property
    def due_at(self) -> float:
        """When the next try or heartbeat is due if the journal does not move, monotonic seconds."""
        return self._machine.due_at

    def close(self) -> None:
        """Lets another daemon take over."""
        os.close(self._lock)

    def step(self) -> float:
        """Does what is due, one exchange at most; gives how long to pause before the next step, in seconds."""
        wanted = self._condition.read().syncs_wanted
        if wanted > self._syncs_wanted:
            self._log("somebody at the terminal asks to send now")
            self._machine.urge()
        self._syncs_wanted = wanted
        durable, now = self._durable(), self._monotonic()
        match self._machine.tick(now, durable):
            case Wait(until):
                backlog = self._machine.backlog(durable)
                if backlog != self.status.backlog and now - self._shown_at >= _SHOW_SECONDS:
                    self._show(backlog=backlog)
                return max(0.0, min(until - now, POLL_SECONDS))
            case Offer() as offer:
                self._exchange(offer)
        return 0.0

    def send_all(self) -> bool:
        """Offers all that is durable now; False when the server did not take it, and `status` says why."""
        durable = self._durable()
        while isinstance(offer := self._machine.tick(self._monotonic(), durable), Offer):
            self._exchange(offer)
        return self._machine.failures == 0

    @property
    def standing(self) -> Standing:
        """What the server's word is, as kept."""
        return self._machine.standing

    def take(self, reply: bytes) -> str:
        """Deals with a reply of the server's that came by another road, between two exchanges; gives what of it was
        refused or is alarming, "" for nothing. All the rest is durable when this returns.

        Raises an `OnecardError` when it as a whole cannot be believed, or the disk did not take a part: it may be
        given again.
        """
        self._machine.receive(reply)
        alarm, notes = self._apply_effects(strict=True)
        self._look_at_packed()
        backlog = self._machine.backlog(self._durable())
        self._log(f"a courier's reply is dealt with; acknowledged {self.standing.received}")
        self._show(backlog=backlog, oldest_at=self._oldest_at if backlog else 0, alarm=alarm or self.status.alarm)
        return "; ".join([alarm, *notes] if alarm else notes)

    def _durable(self) -> int:
        mark = self._journal.mark()
        return 0 if mark is None else mark.name.sequence

    def _exchange(self, offer: Offer) -> None:
        """One bundle out, what came back dealt with. A failure of the world ends here: logged, shown, tried again."""
        try:
            run = self._cutter.run(offer, self.status.last_contact_at)
            self._follow_identity()
            self._oldest_at = run.status[Status.OLDEST_AT]
            self._machine.receive(self._post(BUNDLE_PATH, self._cutter.packed(run)))
            alarm, _ = self._apply_effects()
            self._look_at_packed()
        except OnecardError as error:
            self._machine.failed(self._monotonic(), too_large=isinstance(error, Rejected) and error.too_large)
            self._trouble(offer, str(error), self.status.alarm)
            return
        over_hole = run.first_sequence > offer.first
        note = self._machine.conclude(self._monotonic(), run.last_sequence, over_hole=over_hole)
        if alarm or note:
            self._trouble(offer, alarm or (note.text if note else ""), alarm)
            return
        received, backlog = self._machine.standing.received, self._machine.backlog(offer.last)
        if not backlog:
            self._oldest_at = 0
        if run.entries:
            self._log(f"sent records {run.first_sequence} to {run.last_sequence}; acknowledged {received}")
        elif not self.status.line_up:
            self._log(f"the server answers; acknowledged {received}")
        self._show(
            line_up=True,
            backlog=backlog,
            oldest_at=self._oldest_at,
            last_contact_at=self._wall(),
            last_error="",
            alarm="",
        )

    def _follow_identity(self) -> None:
        """The firmware writes it anew when keys came: bundles are sealed, and words believed, by the newest."""
        stamp = _stamp(self._data / "identity")
        if stamp == self._identity_stamp:
            return
        credentials, self._identity_stamp = read_credentials(self._data), stamp
        self._cutter.trust(credentials)
        self._machine.trust(credentials.identity.keys)
        self._inbox.trust(credentials.identity.keys)
        self._log("the terminal's keys were renewed")

    def _apply_effects(self, *, strict: bool = False) -> tuple[str, list[str]]:
        """Keeps what is to be kept; gives the alarm raised, "" for none, and what was refused. What the disk did not
        take does not count; when `strict`, that raises `NotKept` after the rest was dealt with."""
        alarm, notes = "", []
        lost: NotKept | None = None
        while (effect := self._machine.next_effect(self._journal)) is not None:
            match effect:
                case Keep(word, envelope):
                    try:
                        self._inbox.keep(word, envelope)
                    except NotKept as error:
                        self._log(str(error))
                        lost = error
                        continue
                    self._machine.kept(effect)
                    if isinstance(word, Header):
                        self._log(f"kept {word.table.name.lower()} version {word.version}")
                case Note(text):
                    self._log(text)
                    notes.append(text)
                case Alarm(text):
                    alarm = text
                case _:
                    assert_never(effect)
        if strict and lost is not None:
            raise lost
        return alarm, notes

    def _look_at_packed(self) -> None:
        """The firmware keeps packed tables, and finds some damaged: what is held follows."""
        versions, faults = self._inbox.packed_versions()
        self._machine.reached(versions)
        for fault in faults:
            self._log(fault)

    def _trouble(self, offer: Offer, text: str, alarm: str) -> None:
        pause, failures = max(0.0, self._machine.due_at - self._monotonic()), self._machine.failures
        if failures <= _TOLD_FAILURES or failures.bit_count() == 1:  # weeks without a server are no weeks of lines
            self._log(f"{text}; next try in {pause:.1f} s, {failures} failed in a row")
        backlog = self._machine.backlog(offer.last)
        self._show(line_up=False, backlog=backlog, oldest_at=self._oldest_at, last_error=text, alarm=alarm)

    def _show(self, **changes: Any) -> None:
        self.status = dataclasses.replace(self.status, **changes)
        self._shown_at = self._monotonic()
        try:
            self.status.write(self._status_file)
        except NotKept as error:
            self._log(str(error))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino


def _lock(file: Path) -> int:
    """A descriptor that holds the advisory lock on `file`. Raises `AnotherDaemon`, `NotKept`."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PUBLIC)
    except OSError as error:
        raise NotKept(file, str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AnotherDaemon(file) from None
    return descriptor
