"""Today in numbers, from the day roll-ups: never from a scan of the flows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import F, Q, Sum

from onecard.clock import CUT_OFF_HOUR, Instant, business_day
from onecard.kinds import ClockQuality
from server.cards.models import Purse
from server.ingest.models import Alarm, Bundle, Cursor, DeclinedTap, Gap
from server.ledger.accounts import INTO_DOUBT, OUT_OF_DOUBT, Reason
from server.ledger.models import RollDay
from server.sites.models import Site, Terminal

SILENT_AFTER = timedelta(minutes=5)


@dataclass(slots=True)
class Sums:
    """Counts and fen of one day: sales that are owed to the cinema, refunds, loads."""

    sale_count: int = 0
    sale_fen: int = 0
    refund_count: int = 0
    refund_fen: int = 0
    load_count: int = 0
    load_fen: int = 0

    def add(self, reason: str, count: int, fen: int) -> None:
        """Take one roll-up row in."""
        match reason:
            case Reason.SALE | Reason.SETTLE | Reason.LOST:
                self.sale_count += count
                self.sale_fen += fen
            case Reason.FOUND:
                self.sale_count -= count
                self.sale_fen -= fen
            case Reason.REFUND:
                self.refund_count += count
                self.refund_fen += fen
            case Reason.LOAD:
                self.load_count += count
                self.load_fen += fen


@dataclass(slots=True)
class TerminalLine:
    """A terminal today; its records up to `received` are all here."""

    terminal: Terminal
    sums: Sums
    received: int
    silent: bool


@dataclass(slots=True)
class SiteLine:
    """A cinema today; `share` is its sales in 1/1000 of the best cinema's, for the bar."""

    site: Site
    sums: Sums = field(default_factory=Sums)
    terminals: list[TerminalLine] = field(default_factory=list)
    share: int = 0


@dataclass(frozen=True, slots=True)
class Today:
    """All that the first page shows. `refunded_count` is of all days: debits given back by themselves (P-R11)."""

    day: date
    sums: Sums
    sites: list[SiteLine]
    quiet_sites: list[Site]
    declined: int
    in_doubt_fen: int
    refunded_count: int
    unattributed_fen: int
    float_fen: int
    alarms: int
    gaps: int
    waiting: int
    silent: int


def open_day(now: datetime) -> date:
    """The business day that `now` belongs to."""
    return business_day(Instant(int(now.timestamp()), ClockQuality.TRUSTED), CUT_OFF_HOUR)


def today(now: datetime) -> Today:
    """What was posted on the open day, by cinema and terminal."""
    day = open_day(now)
    total, by_terminal = Sums(), defaultdict[tuple[str, int], Sums](Sums)
    lines = {site.code: SiteLine(site) for site in Site.objects.all()}
    for site, terminal, reason, count, fen in RollDay.objects.filter(posting_day=day).values_list(
        "site_id", "terminal", "reason", "count", "amount"
    ):
        for sums in (total, lines[site].sums, by_terminal[site, terminal]):
            sums.add(reason, count, fen)
    received = dict(Cursor.objects.values_list("terminal_id", "received"))
    terminals = Terminal.objects.filter(state=Terminal.State.ACTIVE).select_related("site")
    for terminal_row in terminals:
        line = lines[terminal_row.site_id]
        line.terminals.append(
            TerminalLine(
                terminal_row,
                by_terminal[terminal_row.site_id, terminal_row.number],
                received.get(terminal_row.number, 0),
                silent=is_silent(terminal_row, now),
            )
        )
    best = max((line.sums.sale_fen for line in lines.values()), default=0)
    for line in lines.values():
        line.share = line.sums.sale_fen * 1000 // best if best else 0
    active = [line for line in lines.values() if line.terminals or line.sums != Sums()]
    purses = Purse.objects.aggregate(left=Sum(F("loaded") - F("head_debited")), unattributed=Sum("unattributed"))
    doubt = RollDay.objects.aggregate(
        more=Sum("amount", filter=Q(reason__in=INTO_DOUBT), default=0),
        less=Sum("amount", filter=Q(reason__in=OUT_OF_DOUBT), default=0),
        refunded=Sum("count", filter=Q(reason=Reason.REFUND), default=0),
    )
    return Today(
        day=day,
        sums=total,
        sites=sorted(active, key=lambda line: (-line.sums.sale_fen, line.site.code)),
        quiet_sites=[line.site for line in lines.values() if line not in active],
        declined=DeclinedTap.objects.filter(business_day=day).count(),
        in_doubt_fen=doubt["more"] - doubt["less"],
        refunded_count=doubt["refunded"],
        unattributed_fen=purses["unattributed"] or 0,
        float_fen=purses["left"] or 0,
        alarms=Alarm.objects.filter(settled_at=None).count(),
        gaps=Gap.objects.count(),
        waiting=Bundle.objects.filter(posted=False).count(),
        silent=sum(one.silent for line in active for one in line.terminals),
    )


def is_silent(terminal: Terminal, now: datetime) -> bool:
    """Whether the terminal has not been heard of for a while."""
    return terminal.contact_at is None or now - terminal.contact_at > SILENT_AFTER
