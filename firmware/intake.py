"""Taking the server's words in: prices, packed tables and acknowledgements come into force here.

Keys: kept in their files, then in force, then APPLIED (firmware/kept_keys.py).
Prices: kept in the tables, then in force, then APPLIED is journaled (firmware/kept_tables.py). Hotlist, state table and
certificates: in force, then APPLIED; they are kept later, for the inbox has them until then
(firmware/packed_tables.py). APPLIED tells the version reached, not each step. The state table changes with each debit
anywhere: it is told once a minute.
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware.books import Books
from firmware.inbox import Inbox, Keys, PackedChange, Tariffs, Told
from firmware.kept_keys import KeptKeys
from firmware.kept_tables import KeptTables
from firmware.limits import Freshness, limits_in_force, stage_of
from firmware.logbook import Logbook
from firmware.packed_tables import PackedTables
from firmware.tap import TapLimits, Teller
from firmware.wall_clock import WallClock
from onecard.downlink import Acknowledgement, Header, Table
from onecard.durable_file import NotKept
from onecard.inbox_names import PACKED_TABLES, table_name
from onecard.journal import Journal, JournalFull
from onecard.key_table import BadKeyTable
from onecard.money import Fen
from onecard.packed_table import GoesBack, WrongBase
from onecard.records import Ack, Applied, Record, decode_record
from onecard.settings import Settings
from onecard.tariff import FULL, Quote, Reason, Tariff, in_force

STATE_SECONDS = 60.0
"""Between two APPLIED of the state table at least."""
_DAY_SECONDS = 86_400


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
        keys: KeptKeys,
        own_limits: Mapping[str, int],
        clock: WallClock,
    ) -> None:
        self._inbox = inbox
        self._tables = tables
        self._packed = packed
        self._journal = journal
        self._log = log
        self._books = books
        self._keys = keys
        self._own_limits = own_limits
        self._settings: Settings | None = None
        self._good_seconds: dict[Table, int] = {}  # as the last header of each table said
        self._priced_as_of = 0
        self.stage = 0  # how old the tables are (firmware/limits.py), as of the last `take`
        self.limits = limits_in_force(None, own_limits, 0)
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
                case Keys():
                    self._renew(word)
                case Told():
                    self._tables.keep_settings(word, self._clock.now().at)
                    self._follow(word)
                case PackedChange():
                    self._change(word, teller)
                case Acknowledgement():
                    self._tell_packed()
                    self._acknowledged(word)
        self._tell_packed()
        if not self._started:
            self._tell_fallen()
        self._started = True
        self._lower(teller)

    def quote(self, tier: int, film_class: int, tickets: int) -> Quote | None:
        """The price now, None when no tariff in force has one."""
        now, tariff = self._clock.now(), self.tariff
        return tariff.quote(tier, film_class, tickets, now) if tariff else None

    def _restore(self, teller: Teller) -> None:
        if self._tables.settings is not None:
            self._follow(self._tables.settings)
        prices = self._tables.in_force(self._books.applied)
        if prices is not None:
            self._price_by(prices)
        self._put_in_force(teller)

    def _follow(self, word: Told) -> None:
        self._settings = word.settings
        self._applied(word.header)

    def _lower(self, teller: Teller) -> None:
        """The limits as they are now: tables grow old by themselves."""
        ages = [Freshness(self._packed.as_of(table) or 0, self._good_for(table)) for table in PACKED_TABLES]
        known = [age for age in (*ages, Freshness(self._priced_as_of, self._good_for(Table.TARIFF))) if age.as_of]
        self.stage = stage_of(known, self._clock.now().at)
        self.limits = limits_in_force(self._settings, self._own_limits, self.stage)
        teller.limits = TapLimits(self.limits.card_cap)

    def _good_for(self, table: Table) -> int:
        """Seconds; what a start does not find in a header the settings tell."""
        told = self._settings.good_days * _DAY_SECONDS if self._settings is not None else 0
        return self._good_seconds.get(table, told)

    def _note_good(self, header: Header) -> None:
        self._good_seconds[header.table] = max(0, header.good_until - header.issued_at)

    def _price_by(self, word: Tariffs) -> None:
        self._tariffs = word.tariffs
        self._note_good(word.header)
        self._priced_as_of = max(self._priced_as_of, word.header.issued_at, self._tables.server_at)
        self._applied(word.header)

    def _renew(self, word: Keys) -> None:
        try:
            public = self._keys.take(word.table)
        except BadKeyTable as error:
            self._inbox.refuse(word.header, str(error))
        except NotKept as error:
            self._inbox.put_back(word.header, str(error))
        else:
            self._inbox.trust(public)
            self._books.memory.keys = public
            self._applied(word.header)

    def _change(self, word: PackedChange, teller: Teller) -> None:
        try:
            refused = self._packed.take(word.header, word.change)
        except (WrongBase, GoesBack) as error:
            self._inbox.refuse(word.header, str(error))
        else:
            for fault in refused:
                self._inbox.refuse(word.header, str(fault))
            self._note_good(word.header)
            self._put_in_force(teller)

    def _put_in_force(self, teller: Teller) -> None:
        teller.hotlist = self._packed[Table.HOTLIST]
        self._books.memory.state = self._packed[Table.STATE]
        self._books.memory.certificates.table = self._packed[Table.CERTIFICATES]

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
        if ack.newest.get(Table.TARIFF, 0) <= self._books.applied.get(Table.TARIFF, 0) and self._priced_as_of:
            self._priced_as_of = max(self._priced_as_of, ack.server_at)
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
