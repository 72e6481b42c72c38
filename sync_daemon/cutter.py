"""Bundles out of the terminal's journal, cut in this one place whatever road they take: neither the terminal nor the
server can tell one road from another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from onecard.bundle import Run, pack
from onecard.condition import Condition
from onecard.keys import Role
from sync_daemon.credentials import Credentials
from sync_daemon.own_journal import OwnJournal, recorded_at
from sync_daemon.protocol import Offer


class Cutter:
    """Of one journal."""

    def __init__(
        self,
        journal: OwnJournal,
        credentials: Credentials,
        condition: Callable[[], Condition],
        wall: Callable[[], int],
    ) -> None:
        """`condition` gives what the firmware says of itself, `wall` UTC seconds."""
        self._journal = journal
        self._credentials = credentials
        self._condition = condition
        self._wall = wall

    def trust(self, credentials: Credentials) -> None:
        """Seal to the newest of these from now on."""
        self._credentials = credentials

    def run(self, offer: Offer, contact_at: int = 0) -> Run:
        """The run of an offer with its heartbeat; `contact_at` is when the server answered last, 0 for unknown. Raises
        `JournalError`."""
        run = self._journal.cut(offer)
        told = self._condition()
        status = (  # by `onecard.bundle.Status`
            offer.backlog,
            recorded_at(*run.entries[0]) if run.entries else 0,
            self._journal.room_per_mille(),
            self._wall(),
            told.hotlist_at,
            told.battery_per_mille,
            told.on_mains,
            told.reader_answers,
            told.software,
            told.journal_faults,
            contact_at,
            told.limits_divisor,
        )
        return dataclasses.replace(run, status=status)

    def packed(self, run: Run) -> bytes:
        """Its envelope: sealed to the server, signed by the terminal."""
        credentials = self._credentials
        _, server_public = next(credentials.identity.keys.newest_first(Role.SERVER_SEAL))
        return pack(run, credentials.key_id, credentials.signing_key, server_public)
