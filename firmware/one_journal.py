"""The one journal that a terminal's number may have: made at the first start and never again, never an older copy of it
(P-R7, F12).

All of this is asked before anything is written: a journal that is refused is as it was found.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from firmware.checkpoint import Place
from firmware.config import TerminalConfig
from firmware.inbox import read_word
from firmware.shelf import Shelf
from firmware.unfit import BooksLost, ForeignJournal, JournalLost, JournalRolledBack
from firmware.wall_clock import WallClock
from onecard.downlink import open_acknowledgement
from onecard.durable_file import replace_file
from onecard.enrolment import Identity
from onecard.errors import OnecardError
from onecard.inbox_names import ACKNOWLEDGEMENT
from onecard.journal import BootInfo, Journal, JournalReader, NoJournal
from onecard.journal.disk import Disk

_MADE = "journal.made"


class Proof(NamedTuple):
    """A record that the journal once held durable, and who tells so, as a message begins."""

    place: Place
    witness: str


def open_journal(
    config: TerminalConfig,
    identity: Identity,
    chain_key: bytes,
    clock: WallClock,
    *,
    random: Callable[[int], bytes],
    disk: Disk | None,
    shelf: Shelf,
    known: Place | None,
) -> Journal:
    """The journal of `identity`, a new epoch begun in it; `known` is the place of the newest checkpoint on the shelf.

    `journal.made` remembers that it was made. Raises `Unfit`, `NotKept`, the journal's errors.
    """
    directory, made = config.data / "journal", config.data / _MADE
    try:
        reader = JournalReader(directory)
        if reader.terminal != identity.number:
            raise ForeignJournal(directory, reader.terminal, identity.number)
        if known is None and reader.first_sequence > 1:
            raise BooksLost(shelf.directory, reader.first_sequence, shelf.refused)
        refuse_older_copy(reader, directory, list(_proofs(config.data, identity, known)))
    except NoJournal:
        if made.exists() and made.read_text().strip() == str(identity.number):
            raise JournalLost(directory, identity.number) from None
        Journal.create(
            directory,
            terminal=identity.number,
            chain_key=chain_key,
            salt=random,
            segment_size=config.segment_size,
            segments=config.segments,
            disk=disk,
        )
    _remember(made, identity.number)
    now = clock.now()
    boot = BootInfo(random(8), now.at, now.quality, importlib.metadata.version("onecard"))
    return Journal.open(directory, chain_key=chain_key, boot=boot, random=random, disk=disk, salvage=True)


def refuse_older_copy(reader: JournalReader, directory: Path, proofs: Sequence[Proof]) -> None:
    """Raises `JournalRolledBack` unless each proof's record is there, with its tag, or was reached and is gone.

    Only the segments of those records are read.
    """
    held = reader.tags(place.sequence for place, _ in proofs)
    for place, witness in proofs:
        tag = held.get(place.sequence)
        once_held = tag == place.tag if tag is not None else _was_reached(reader, place.sequence)
        if place.sequence and not once_held:
            raise JournalRolledBack(directory, place.sequence, witness)


def _proofs(data: Path, identity: Identity, known: Place | None) -> Iterator[Proof]:
    if known is not None:
        yield Proof(known, "a checkpoint tells of")
    try:
        ack = open_acknowledgement(read_word(data / "inbox" / ACKNOWLEDGEMENT), identity.keys, identity.number)
    except (OnecardError, OSError):
        return  # no proof; the inbox itself refuses such a file by name
    yield Proof(Place(ack.received, ack.received_tag), "the server acknowledged")


def _was_reached(reader: JournalReader, sequence: int) -> bool:
    """Whether a record that is not found was there: it was recycled, or is lost in a damaged place."""
    mark = reader.durable
    if mark is not None and mark.name.sequence >= sequence:
        return True
    return next(reader.all_entries(sequence, missing=lambda _: None), None) is not None


def _remember(made: Path, number: int) -> None:
    if not made.exists() or made.read_text().strip() != str(number):
        replace_file(made, f"{number}\n".encode())
