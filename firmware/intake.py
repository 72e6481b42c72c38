"""Taking the server's words in: prices, hotlist, certificates and acknowledgements come into force here.

Prices and hotlist: kept in the tables, then in force, then APPLIED is journaled (firmware/kept_tables.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware.books import Books
from firmware.inbox import Certificates, Hotlist, Inbox, Tariffs
from firmware.kept_tables import KeptTables
from firmware.kept_words import KeptWord
from firmware.logbook import Logbook
from firmware.tap import Teller
from firmware.wall_clock import WallClock
from onecard.downlink import Acknowledgement, Header, Table
from onecard.journal import Journal, JournalFull
from onecard.money import Fen
from onecard.records import Ack, Applied, Record, decode_record
from onecard.tariff import FULL, Quote, Reason, Tariff, in_force


class Intake:
    """What this terminal holds of the server's tables."""

    def __init__(
        self, inbox: Inbox, tables: KeptTables, journal: Journal, log: Logbook, *, books: Books, clock: WallClock
    ) -> None:
        self.hotlist_at: int | None = None
        self._inbox = inbox
        self._tables = tables
        self._journal = journal
        self._log = log
        self._books = books
        self._clock = clock
        self._tariffs: tuple[Tariff, ...] = ()
        self._started = False

    @property
    def tariff(self) -> Tariff | None:
        """The price table in force now."""
        return in_force(self._tariffs, self._clock.now().at)

    @property
    def refused(self) -> Mapping[str, str]:
        """The inbox files that were not believed, and why."""
        return self._inbox.refused

    def take(self, teller: Teller) -> None:
        """Take in what is new; the first time, what was there before: the tables, then the inbox. Raises the journal's
        errors but `JournalFull`: a table comes into force even where that can no longer be told."""
        if not self._started:
            self._restore(teller)
        for word in self._inbox.news():
            match word:
                case Tariffs() | Hotlist():
                    self._tables.keep(word, self._clock.now().at)
                    self._in_force(word, teller)
                case Certificates(header, images):
                    for fault in self._books.memory.learn(images):
                        self._inbox.refuse(header, str(fault))
                    self._applied(header)
                case Acknowledgement():
                    self._acknowledged(word)
        self._started = True

    def quote(self, tier: int, film_class: int, tickets: int) -> Quote | None:
        """The price now, None when no tariff in force has one."""
        now, tariff = self._clock.now(), self.tariff
        return tariff.quote(tier, film_class, tickets, now) if tariff else None

    def _restore(self, teller: Teller) -> None:
        for word in self._tables.in_force(self._books.applied):
            newest = word.header.version >= self._books.applied.get(word.header.table, 0)
            self._in_force(word, teller)
            if isinstance(word, Hotlist) and newest:  # the server had nothing newer when it was heard last
                self.hotlist_at = max(word.header.issued_at, self._tables.server_at)

    def _in_force(self, word: KeptWord, teller: Teller) -> None:
        match word:
            case Tariffs(header, tariffs):
                self._tariffs = tariffs
            case Hotlist(header, cards):
                teller.hotlist = cards
                self.hotlist_at = max(self.hotlist_at or 0, header.issued_at)
        self._applied(header)

    def _applied(self, header: Header) -> None:
        if self._inbox.is_fresh(header):
            self._write(Applied(at=self._clock.now().at, table=header.table, version=header.version))

    def _acknowledged(self, ack: Acknowledgement) -> None:
        self._tables.heard(ack.generation, ack.server_at)
        if self._started:
            self._clock.heard(ack.server_at)
        else:
            self._clock.at_least(ack.server_at)
        if self.hotlist_at is not None:
            self.hotlist_at = max(self.hotlist_at, ack.server_at)  # nothing newer came with it
        backlog = self._books.backlog
        if ack.generation > backlog.generation and ack.received < backlog.received:
            entries = self._journal.entries(ack.received + 1, missing=lambda _: None)
            records = ((entry.name.sequence, decode_record(entry.kind, entry.payload)) for entry in entries)
            backlog.recount(ack.received, ack.generation, records)
        if backlog.is_news(ack.received):
            now = self._clock.now().at
            named = ack.newest.get(Table.HOTLIST, 0), ack.newest.get(Table.STATE, 0)
            self._write(Ack(now, ack.generation, ack.received, ack.safe, ack.safe_tag, *named))
        backlog.acknowledged(ack.received)

    def _write(self, record: Record) -> None:
        try:
            self._log.write(record, durable=False)
        except JournalFull:
            return


def fixed_quote(amount: Fen, film_class: int, tier: int) -> Quote:
    """The quote of a fixed amount: its own list price, whatever the tier."""
    return Quote(
        price=amount,
        list_price=amount,
        per_mille=FULL,
        reason=Reason.LIST,
        tier=tier,
        film_class=film_class,
        time_slot=0,
        tickets=1,
        tariff_version=0,
    )
