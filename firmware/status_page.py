"""The status page: what a technician asks first. Pure.

The queue, its oldest record, the hotlist's age and the room left stand in the foot of every screen; this page tells
what is behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from firmware.ages import age_text
from firmware.config import Language
from firmware.words import Phrase
from onecard.downlink import Table


@dataclass(frozen=True, slots=True)
class Standing:
    """How this terminal stands with the server. `contact_age` in seconds, None when it never answered; `error` of the
    last exchange, empty when it went well; `sync_asked`: somebody asked to send, and no answer came since; `divisor`:
    how many times lower the limits are because tables are old, 1 for not."""

    terminal: int
    software: str
    versions: Mapping[Table, int]
    contact_age: int | None
    error: str
    refused_files: Sequence[str]
    sync_asked: bool
    divisor: int


TABLE_NAMES: Mapping[Table, Phrase] = {
    Table.TARIFF: Phrase.VERSION_TARIFF,
    Table.HOTLIST: Phrase.VERSION_HOTLIST,
    Table.CERTIFICATES: Phrase.VERSION_CERTIFICATES,
    Table.STATE: Phrase.VERSION_STATE,
    Table.SETTINGS: Phrase.VERSION_SETTINGS,
    Table.KEYS: Phrase.VERSION_KEYS,
}


def status_lines(standing: Standing, language: Language) -> Iterator[str]:
    """The lines of the page, the most telling first: a small screen drops the last ones."""
    if standing.sync_asked:
        yield Phrase.SYNC_ASKED.say(language)
    else:
        yield Phrase.SYNC_KEY.say(language)
    if standing.contact_age is None:
        yield Phrase.NO_CONTACT.say(language)
    else:
        yield Phrase.CONTACT.say(language, age=age_text(standing.contact_age, language))
    if standing.divisor > 1:
        yield Phrase.LOWERED.say(language, divisor=standing.divisor)
    if standing.error:
        yield standing.error
    for name in standing.refused_files:
        yield Phrase.STATUS_REFUSED_FILE.say(language, name=name)
    versions = [TABLE_NAMES[table].say(language, version=number) for table, number in sorted(standing.versions.items())]
    yield " · ".join(versions) if versions else Phrase.NO_TABLES.say(language)
    yield Phrase.STATION.say(language, terminal=standing.terminal, software=standing.software)
