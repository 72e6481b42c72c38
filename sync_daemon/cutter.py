"""Bundles out of the terminal's journal, cut in this one place whatever road they take: neither the terminal nor the
server can tell one road from another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from onecard.bundle import Run, pack
from onecard.keys import Role
from sync_daemon.credentials import Credentials
from sync_daemon.own_journal import OwnJournal, recorded_at
from sync_daemon.protocol import Offer


class Cutter:
    """Of one journal."""

    def __init__(self, journal: OwnJournal, credentials: Credentials, wall: Callable[[], int]) -> None:
        """`wall` gives UTC seconds."""
        self._journal = journal
        self._credentials = credentials
        self._wall = wall

    def run(self, offer: Offer) -> Run:
        """The run of an offer with its heartbeat (`bundle.Status`). Raises `JournalError`."""
        run = self._journal.cut(offer)
        oldest_at = recorded_at(*run.entries[0]) if run.entries else 0
        room = self._journal.room_per_mille()
        return dataclasses.replace(run, status=(offer.backlog, oldest_at, room, self._wall()))

    def packed(self, run: Run) -> bytes:
        """Its envelope: sealed to the server, signed by the terminal."""
        credentials = self._credentials
        _, server_public = next(credentials.identity.keys.newest_first(Role.SERVER_SEAL))
        return pack(run, credentials.key_id, credentials.signing_key, server_public)
