"""The terminal's journal: zero-filled segments of framed records, appended to, never edited.

Read docs/formats/journal.md for the bytes and for what it does not survive. Pure: `frame`, `header`, `boot`, `mark`,
`scan`, `gaps`, `room`, `export`. `disk` is the seam; on it `segment`, `pool`, `succession`, `walk`, `recovery`,
`opening`, `index`, `care`, `check`. `journal` writes, `reader` reads from any process, `table` is TinyDB's view.

`mutable_*` is a second journal for tables that change (docs/formats/tables.md), on the same frames and files. Money
never lies there.
"""

from __future__ import annotations

from onecard.journal.boot import BootInfo
from onecard.journal.errors import (
    AppendOnly,
    BadHeader,
    BrokenChain,
    CorruptMiddle,
    ForeignAcknowledgement,
    JournalDamage,
    JournalError,
    JournalExists,
    JournalFull,
    JournalLocked,
    JournalOutOfService,
    LostSegment,
    NoJournal,
    UnreadableBoot,
    UnreadableJournal,
    UnsupportedVersion,
)
from onecard.journal.gaps import Missing
from onecard.journal.journal import Journal
from onecard.journal.mark import DurableMark
from onecard.journal.reader import JournalReader
from onecard.journal.recovery import Recovery
from onecard.journal.room import Level, Room
from onecard.journal.walk import Entry

__all__ = [
    "AppendOnly",
    "BadHeader",
    "BootInfo",
    "BrokenChain",
    "CorruptMiddle",
    "DurableMark",
    "Entry",
    "ForeignAcknowledgement",
    "Journal",
    "JournalDamage",
    "JournalError",
    "JournalExists",
    "JournalFull",
    "JournalLocked",
    "JournalOutOfService",
    "JournalReader",
    "Level",
    "LostSegment",
    "Missing",
    "NoJournal",
    "Recovery",
    "Room",
    "UnreadableBoot",
    "UnreadableJournal",
    "UnsupportedVersion",
]
