"""What a DESFire card in the field works with: its memory, and all that is gone with the field.

The volatile part (`Volatile`) holds the selected application, the session, the transaction, and what is under way
between two frames. `copy` and assigning `volatile` take a command back that the chip could not finish.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardware.cards.desfire.authentication import CardProof
from hardware.cards.desfire.messaging import CommMode, NewKey
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.contents import (
    FREE,
    NEVER,
    PICC_AID,
    Application,
    Contents,
    File,
    Generation,
    Right,
)
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.desfire.refusal import need
from hardware.virtual.desfire.security import Session, file_mode

CAPACITY_BLOCKS = 160
"""32-byte blocks of a 4K card: GetFreeMemory of a formatted one says 5120."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file as CommitTransaction will leave it, and how the transaction came there."""

    file: File
    debits: int = 0
    limited_credit_used: bool = False
    cleared: bool = False
    record_begun: bool = False


@dataclass(frozen=True, slots=True)
class Authenticating:
    """The first half of an authentication: the card's challenge is out."""

    proof: CardProof
    key_number: int


@dataclass(slots=True)
class Volatile:
    """`unsent`: the frames of an answer the host still has to fetch; `heard`: a command that lacks frames."""

    aid: bytes = PICC_AID
    session: Session = field(default_factory=Session)
    staged: dict[int, Staged] = field(default_factory=dict)
    elementary_file: int | None = None
    unsent: tuple[bytes, ...] = ()
    heard: bytes = b""
    authenticating: Authenticating | None = None

    def copy(self) -> Volatile:
        return replace(self, session=self.session.copy(), staged=dict(self.staged))

    @property
    def mid_command(self) -> bool:
        """The next frame should be AF."""
        return bool(self.unsent or self.heard or self.authenticating)

    def forget_command(self) -> None:
        """Whatever was under way between two frames is given up."""
        self.unsent, self.heard, self.authenticating = (), b"", None


class State:
    """Memory and volatile state, and the questions commands ask of them."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.volatile = Volatile()

    @property
    def contents(self) -> Contents:
        return self.memory.contents

    @property
    def generation(self) -> Generation:
        return self.contents.generation

    @property
    def aid(self) -> bytes:
        return self.volatile.aid

    @property
    def session(self) -> Session:
        return self.volatile.session

    @property
    def staged(self) -> dict[int, Staged]:
        return self.volatile.staged

    @property
    def at_picc_level(self) -> bool:
        return self.aid == PICC_AID

    @property
    def application(self) -> Application:
        """The selected application. Refused at card level."""
        need(not self.at_picc_level, Status.PERMISSION_DENIED)
        return self.contents.applications[self.aid]

    @property
    def settings(self) -> int:
        """Key settings of what is selected."""
        return self.contents.settings if self.at_picc_level else self.application.settings

    @property
    def keys(self) -> tuple[NewKey, ...]:
        """Keys of what is selected."""
        return (self.contents.key,) if self.at_picc_level else self.application.keys

    def authenticated(self, key_number: int) -> bool:
        """By this key of what is selected."""
        return self.session.key_number == key_number

    def need_master(self) -> None:
        """Key 0 of what is selected is authenticated. Raises Refused."""
        need(self.authenticated(0), Status.AUTHENTICATION_ERROR)

    def need_master_unless(self, free: int) -> None:
        """Key 0, or this bit of the key settings gives it to everybody. Raises Refused."""
        need(bool(self.settings & free) or self.authenticated(0), Status.AUTHENTICATION_ERROR)

    def file(self, number: int) -> File:
        """A file of the selected application as committed. Raises Refused."""
        files = self.application.files
        need(number in files, Status.FILE_NOT_FOUND)
        return files[number]

    def mode(self, file: File, *rights: Right) -> CommMode:
        """How data of this file travels for who is authenticated, if any of `rights` is his. Raises Refused.

        A right that only everybody has is used in plain, whatever the file's settings say.
        """
        holders = {file.head.right(right) for right in rights}
        if self.session.key_number in holders:
            return file_mode(file.head.communication)
        need(holders != {NEVER}, Status.PERMISSION_DENIED)
        need(FREE in holders, Status.AUTHENTICATION_ERROR)
        return CommMode.PLAIN

    def select(self, aid: bytes) -> None:
        """Select an application or the card level: authentication and transaction are lost. Raises Refused."""
        need(aid == PICC_AID or aid in self.contents.applications, Status.APPLICATION_NOT_FOUND)
        self.volatile = Volatile(aid)

    def end_session(self) -> None:
        """Nobody is authenticated any more."""
        self.volatile.session = Session()

    def need_room(self, blocks: int) -> int:
        """Blocks given away once `blocks` more are. Raises Refused."""
        need(self.contents.used + blocks <= CAPACITY_BLOCKS, Status.OUT_OF_MEMORY)
        return self.contents.used + blocks
