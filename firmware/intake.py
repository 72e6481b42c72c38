"""Taking the server's words in: prices, packed tables, certificates and acknowledgements come into force here.

Prices: kept in the tables, then in force, then APPLIED is journaled (firmware/kept_tables.py). Hotlist and state table:
in force, then APPLIED; they are kept later, for the inbox has them until then (firmware/packed_tables.py). APPLIED
tells the version reached, not each step. The state table changes with each debit anywhere: it is told once a minute.
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware.books import Books
from firmware.inbox import Certificates, Inbox, PackedChange, Tariffs
from firmware.kept_tables import KeptTables
from firmware.logbook import Logbook
from firmware.packed_tables import PackedTables
from firmware.tap import Teller
from firmware.wall_clock import WallClock
from onecard.downlink import Acknowledgement, Header, Table
from onecard.inbox_names import PACKED_TABLES, table_name
from onecard.journal import Journal, JournalFull
from onecard.money import Fen
from onecard.packed_table import GoesBack, WrongBase
from onecard.records import Ack, Applied, Record, decode_record
from onecard.tariff import FULL, Quote, Reason, Tariff, in_force

STATE_SECONDS = 60.0
"""Between two APPLIED of the state table at least."""


class Intake:
    """What this terminal holds of the server's tables."""

    def __init__(
        self,
        inbox: Inbox,
        tables: KeptTables,
        packed: PackedTables,
        journal: Journal,
        log: Logbook,
        *,
        books: Books,
        clock: WallClock,
    ) -> None:
        self._inbox = inbox
        self._tables = tables
        self._packed = packed
        self._journal = journal
        self._log = log
        self._books = books
        self._clock = clock
        self._tariffs: tuple[Tariff, ...] = ()
        self._started = False
        self._state_told_at = float("-inf")

    @property
    def tariff(self) -> Tariff | None:
        """The price table in force now."""
        return in_force(self._tariffs, self._clock.now().at)

    @property
    def refused(self) -> Mapping[str, str]:
        """The inbox files that were not believed, and why."""
        return self._inbox.refused

    @property
    def hotlist_at(self) -> int | None:
        """The UTC second at which the server had no newer hotlist than the one in force; None without one."""
        return self._packed.as_of(Table.HOTLIST)

    def take(self, teller: Teller) -> None:
        """Take in what is new; the first time, what was there before: the tables, then the inbox. Raises the journal's
        errors but `JournalFull`: a table comes into force even where that can no longer be told."""
        if not self._started:
            self._restore(teller)
        for word in self._inbox.news():
            match word:
                case Tariffs():
                    self._tables.keep(word, self._clock.now().at)
                    self._price_by(word)
                case PackedChange():
                    self._change(word, teller)
                case Certificates(header, images):
                    for fault in self._books.memory.learn(images):
                        self._inbox.refuse(header, str(fault))
                    self._applied(header)
                case Acknowledgement():
                    self._tell_packed()
                    self._acknowledged(word)
        self._tell_packed()
        if not self._started:
            self._tell_fallen()
        self._started = True

    def quote(self, tier: int, film_class: int, tickets: int) -> Quote | None:
        """The price now, None when no tariff in force has one."""
        now, tariff = self._clock.now(), self.tariff
        return tariff.quote(tier, film_class, tickets, now) if tariff else None

    def _restore(self, teller: Teller) -> None:
        prices = self._tables.in_force(self._books.applied)
        if prices is not None:
            self._price_by(prices)
        self._put_in_force(teller)

    def _price_by(self, word: Tariffs) -> None:
        self._tariffs = word.tariffs
        self._applied(word.header)

    def _change(self, word: PackedChange, teller: Teller) -> None:
        try:
            self._packed.take(word.header, word.change)
        except (WrongBase, GoesBack) as error:
            self._inbox.refuse(word.header, str(error))
        else:
            self._put_in_force(teller)

    def _put_in_force(self, teller: Teller) -> None:
        teller.hotlist = self._packed[Table.HOTLIST]
        self._books.memory.state = self._packed[Table.STATE]

    def _tell_packed(self) -> None:
        """APPLIED of each packed table whose version in force is not the one told last: it may have fallen, too."""
        now, told = self._clock.monotonic(), self._books.memory.sync.in_force
        for table, version in self._packed.versions.items():
            if version == told.get(table, 0):
                continue
            if table is Table.STATE:
                if now < self._state_told_at + STATE_SECONDS:
                    continue
                self._state_told_at = now
            self._write(Applied(at=self._clock.now().at, table=table, version=version))

    def _tell_fallen(self) -> None:
        for table in PACKED_TABLES:
            version, known = self._packed[table].version, self._books.applied.get(table, 0)
            if version < known:
                self._packed.tell(f"{table_name(table)} version {version} is in force: version {known} was")

    def _applied(self, header: Header) -> None:
        if self._inbox.is_fresh(header):
            self._write(Applied(at=self._clock.now().at, table=header.table, version=header.version))

    def _acknowledged(self, ack: Acknowledgement) -> None:
        self._tables.heard(ack.generation, ack.server_at)
        if self._started:
            self._clock.heard(ack.server_at)
        else:
            self._clock.at_least(ack.server_at)
        self._packed.confirm(ack.newest, ack.server_at)
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
