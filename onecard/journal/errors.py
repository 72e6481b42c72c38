"""What can be wrong with a journal. Damage names file and offset, for the technician who will look there."""

from __future__ import annotations

from pathlib import Path

from onecard.errors import OnecardError


class JournalError(OnecardError):
    """Anything the journal cannot do because the world failed."""


class NoJournal(JournalError):
    """The directory holds no journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory} holds no journal: give the directory where seg-00000001.ocj and LOCK lie")


class JournalExists(JournalError):
    """A journal is made once; making it again would forget records."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory} already holds a journal: it is never made anew over an old one")


class JournalLocked(JournalError):
    """Another process is the one writer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"another process writes the journal in {directory}: stop that terminal first")


class JournalFull(JournalError):
    """The pool is used up; what is left is kept for outcomes of what was begun."""

    def __init__(self, directory: Path, bytes_left: int) -> None:
        self.directory = directory
        self.bytes_left = bytes_left
        super().__init__(
            f"the journal in {directory} is full ({bytes_left} bytes left for outcomes): upload its records"
        )


class JournalOutOfService(JournalError):
    """The disk failed and no fresh segment would take the records. Nothing more is written by this process."""

    def __init__(self, directory: Path, cause: str) -> None:
        self.directory = directory
        self.cause = cause
        super().__init__(
            f"the journal in {directory} cannot be written ({cause}): sell nothing, collect it, replace the disk"
        )


class UnsupportedVersion(JournalError):
    """A file of a format this software does not know."""

    def __init__(self, file: Path, version: int) -> None:
        self.file = file
        self.version = version
        super().__init__(f"{file} has format version {version}: update the software that reads it")


class UnreadableJournal(JournalError):
    """The disk does not give back a file of the journal."""

    def __init__(self, file: Path, cause: str) -> None:
        self.file = file
        self.cause = cause
        super().__init__(f"{file} cannot be read ({cause}): check the disk, and that you may read this directory")


class JournalDamage(JournalError):
    """Bytes that no crash can explain. Nothing is cut, nothing is dropped: `file` at `offset` stays as it is."""

    def __init__(self, file: Path, offset: int, reason: str) -> None:
        self.file = file
        self.offset = offset
        self.reason = reason
        super().__init__(
            f"{file} is damaged at byte {offset}: {reason}; keep the file, copy the directory, call the centre"
        )


class BadHeader(JournalDamage):
    """A segment's 64 header bytes, or its place among the others, cannot be."""


class LostSegment(BadHeader):
    """A segment whose header decayed, or whose file is gone. No frame in it can be proved by its checksum, because the
    salt was in that header. What lies before and behind it is not touched by this."""


class CorruptMiddle(JournalDamage):
    """A record known to have been durable is not readable.

    `sequence` is the first one missing. The next whole frame in the file, if there is one, is `salvage_sequence` at
    byte `salvage_offset`: what lies from there on can still be read, apart from the chain.
    """

    def __init__(self, file: Path, offset: int, reason: str, sequence: int, salvage: tuple[int, int] | None) -> None:
        """`salvage` is (offset, sequence)."""
        self.sequence = sequence
        self.salvage_offset = salvage[0] if salvage else None
        self.salvage_sequence = salvage[1] if salvage else None
        found = f"record {salvage[1]} is whole again at byte {salvage[0]}" if salvage else "nothing whole follows"
        super().__init__(file, offset, f"record {sequence} is lost, {reason}; {found}")


class BrokenChain(JournalDamage):
    """A whole frame whose chain tag is not the tag of these bytes after that predecessor."""

    def __init__(self, file: Path, offset: int, sequence: int) -> None:
        self.sequence = sequence
        super().__init__(
            file, offset, f"the chain tag of record {sequence} is wrong: altered, or another terminal's chain key"
        )


class UnreadableBoot(JournalDamage):
    """A whole frame that should open an epoch and cannot be read: no record from there on has a name."""


class ForeignAcknowledgement(JournalError):
    """An acknowledged record is not ours: nothing is forgotten on its word."""

    def __init__(self, directory: Path, sequence: int) -> None:
        self.directory = directory
        self.sequence = sequence
        super().__init__(
            f"record {sequence} of the journal in {directory} is not the one acknowledged: keep all, call the centre"
        )


class AppendOnly(JournalError):
    """Somebody asked to change the past."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        super().__init__(f"{verb} refused: the journal is append-only; add a record that says what changed")
