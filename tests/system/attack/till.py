"""A till in this process: the terminal as it is started at a cinema, its sync daemon, a virtual reader.

It keeps the stated bound in view: each sale is held against min(c_T, P_newest − N_T) since the last sync.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from firmware.boot import start
from firmware.config import read_config
from firmware.purse_memory import PurseName
from firmware.results import Declined, Paid, TapResult
from hardware.virtual.process import VirtualReader
from onecard.kinds import DeclineReason
from onecard.money import yuan
from onecard.records import Record, encode_record
from server.sites.enrol import new_token, revoke_terminal
from server.sites.models import Terminal
from sync_daemon.daemon import Daemon
from sync_daemon.enrolment import enrol
from sync_daemon.pace import Pace
from tests.firmware.bed import CONFIG, SHOW
from tests.system.attack.centre import SITE, Centre
from tests.system.attack.plastic import Card
from tools.bench.till import fixed

_ONE_TRY = Pace(idle_seconds=0, heartbeat_seconds=1, retry_first_seconds=60, retry_cap_seconds=60)
DEFAULT_CAP = 30_000
"""Fen: what a terminal's configuration says when it says nothing."""


class Till:
    """One terminal; its data directory is `folder/data`. Use it in a `with`."""

    def __init__(self, centre: Centre, folder: Path, reader: VirtualReader, cap: int) -> None:
        self.centre = centre
        self.folder = folder
        self.cap = cap
        self.taken: Counter[bytes] = Counter()
        """Fen paid here, by UID: goods that left."""
        self._since_sync: Counter[bytes] = Counter()
        self._told: dict[bytes, int] = {}
        self._reader = reader
        self.said: list[str] = []
        """The daemon's log."""
        token = new_token(SITE, Terminal.Work.TILL, datetime.now(UTC))
        identity = enrol(self.data, token, "test 1", lambda body: centre.post("/enrol/v1", body), os.urandom, board=b"")
        self.number = identity.number
        self._start()

    @property
    def data(self) -> Path:
        """What a thief of the terminal holds."""
        return self.folder / "data"

    def close(self) -> None:
        """Switch it off in order."""
        self.station.close()

    def restart(self) -> None:
        """Off and on again."""
        self.close()
        self._start()

    def pay(self, card: Card, amount: int) -> TapResult:
        """One presentation of the card for a sale of `amount` fen."""
        name = PurseName(card.uid, 0)
        if name.uid not in self._told:
            self._told[name.uid] = self._known(name)
        result = self._presented(card, lambda: self.station.teller.tap(lambda tier: fixed(amount)))
        if isinstance(result, Paid):
            self.taken[name.uid] += result.amount
            self._since_sync[name.uid] += result.amount
            most = min(self.cap, self.centre.loaded(card) - self._told[name.uid])
            assert self._since_sync[name.uid] <= most, "min(c_T, P_newest - N_T)"
        return result

    def spend(self, card: Card, amount: int) -> int:
        """Pay `amount` as often as the till takes it; how much that was."""
        before = self.taken[card.uid]
        while isinstance(result := self.pay(card, amount), Paid):
            pass
        assert isinstance(result, Declined), result
        return self.taken[card.uid] - before

    def refusal(self, card: Card, amount: int) -> DeclineReason:
        """Why a sale is declined, which it must be."""
        result = self.pay(card, amount)
        assert isinstance(result, Declined), result
        return result.reason

    def settle(self, card: Card) -> object:
        """A balance inquiry that writes a null record."""
        return self._presented(card, lambda: self.station.teller.inquire(settle=True))

    def tear(self, mode: str) -> None:
        """The next block write is torn so, the card pulled away."""
        self._reader.command(f"tear {mode} 0")

    def invent(self, record: Record) -> int:
        """Who holds the terminal writes what he likes into its journal; the sequence."""
        kind, payload = encode_record(record)
        return self.station.journal.append(kind, payload, durable=True).sequence

    def upload(self) -> bool:
        """The daemon sends everything there is, and lays down what comes back; whether the server took it."""
        self.station.journal.flush()
        daemon = Daemon(
            self.data,
            self.centre.post,
            _ONE_TRY,
            wall=lambda: int(time.time()),
            monotonic=time.monotonic,
            random=lambda: 0.5,
            log=self.said.append,
        )
        with closing(daemon):
            return daemon.send_all()

    def sync(self) -> None:
        """Everything up and posted, everything down and in force."""
        assert self.upload(), self.said[-1]
        self.centre.settle()
        assert self.upload(), self.said[-1]
        self.station.intake.take(self.station.teller)
        self._since_sync.clear()
        self._told = {uid: self._known(PurseName(uid, 0)) for uid in self._told}

    def revoke(self) -> None:
        """The centre believes it no longer."""
        revoke_terminal(self.number)

    def _start(self) -> None:
        text = CONFIG.format(sale=SHOW, limits=f'card_cap = "{yuan(self.cap)}"')
        text = text.replace('"reader"', f'"{self._reader.link}"')
        self.station = start(read_config(text, str(self.folder / "terminal.toml")))

    def _known(self, name: PurseName) -> int:
        """N_T: the most debited that this terminal knows of."""
        return max((bound.debited for bound in self.station.log.memory.bounds(name)), default=0)

    def _presented(self, card: Card, ask: Callable[[], TapResult]) -> TapResult:
        self._reader.command("remove")
        self._reader.command(f"place {card.file}")
        try:
            return ask()
        finally:
            self._reader.command("remove")
