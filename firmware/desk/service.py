"""The desk's run loop: a step, the inbox, a pause; a fault of line or reader is told and tried again."""

from __future__ import annotations

from collections.abc import Callable

from firmware.boot import Station
from firmware.desk.book import IssueBook
from firmware.desk.issuing import Desk, DeskLink, Pace
from onecard.errors import OnecardError
from onecard.journal import JournalError, JournalFull
from onecard.records import decode_record

CARD_SECONDS = 0.2
IDLE_SECONDS = 1.0
FAULT_SECONDS = 2.0


def make_desk(station: Station, link: DeskLink, sealing_private: bytes, say: Callable[[str], None]) -> Desk:
    """The desk of a started station, knowing what its journal says it had begun."""
    issues = IssueBook()
    for entry in station.journal.entries(missing=lambda _: None):
        issues.note(entry.name.sequence, decode_record(entry.kind, entry.payload))
    return Desk(
        station.reader,
        station.teller,
        station.sam,
        station.log,
        issues,
        link=link,
        sealing_private=sealing_private,
        say=say,
    )


def run(
    station: Station,
    desk: Desk,
    *,
    stopping: Callable[[], bool],
    wait: Callable[[float], object],
    say: Callable[[str], None],
) -> None:
    """Work until `stopping`; `wait(seconds)` may return earlier when a stop was asked for.

    A card operation is never cut by a stop, only by the power. Raises the journal's errors: without a journal nothing
    may be written on a card.
    """
    try:
        while not stopping():
            wait(_turn(station, desk, say))
    finally:
        station.close()


def _turn(station: Station, desk: Desk, say: Callable[[str], None]) -> float:
    try:
        station.intake.take(station.teller)
        pace = desk.step()
        station.journal.flush()
    except JournalFull as error:  # nothing was begun; a restart would only spend room on its BOOT
        say(str(error))
        return FAULT_SECONDS
    except JournalError:
        raise
    except OnecardError as error:
        say(str(error))
        return FAULT_SECONDS
    match pace:
        case Pace.NOW:
            return 0.0
        case Pace.CARD:
            return CARD_SECONDS
        case Pace.IDLE:
            return IDLE_SECONDS
