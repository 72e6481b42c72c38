"""A session as the card sees it: who is authenticated, how large a protected message is, what is under the protection.

The protection itself is `hardware.cards.desfire`'s: its channels have a card's end too, and the published transcripts
that hold them hold this card. What a channel does not know is here: commands that no file's settings protect (mode
None) are plain in D40 and EV1, and carry a MAC in EV2.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.ev1 import Ev1Channel
from hardware.cards.desfire.ev2 import Ev2Channel
from hardware.cards.desfire.legacy import LegacyChannel
from hardware.cards.desfire.messaging import (
    CRC32_SIZE,
    MAC_SIZE,
    BrokenMessage,
    Channel,
    CommMode,
    NewKey,
    key_block_size,
)
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.refusal import Refused, need

Mode = CommMode | None
"""None: no file decides."""
_D40_BLOCK, _D40_MAC_SIZE, _D40_CRC_SIZE = 8, 4, 2
_EV2_BLOCK = 16
_LAST_COUNT = 0xFFFF


def file_mode(communication: int) -> CommMode:
    """The mode a file's communication settings ask for; 2 is plain as 0 is."""
    return CommMode.PLAIN if communication == 2 else CommMode(communication)


@dataclass(slots=True)
class Session:
    """Nobody, or who holds key `key_number` of what is selected. `kind`: of that key."""

    key_number: int | None = None
    channel: Channel | None = None
    kind: KeyType = KeyType.AES

    @property
    def outlives_errors(self) -> bool:
        """Real cards keep a D40 authentication through errors (libfreefare, test_mifare_desfire.c)."""
        return self.channel is None or isinstance(self.channel, LegacyChannel)

    def copy(self) -> Session:
        """The same state, to go back to."""
        return replace(self, channel=copy.copy(self.channel))

    def wire_size(self, size: int, mode: Mode) -> int:
        """Bytes on the wire for `size` bytes of data."""
        mode = self._mode(mode)
        match self.channel:
            case LegacyChannel() if size and mode is CommMode.MACED:
                return size + _D40_MAC_SIZE
            case LegacyChannel() if size and mode is CommMode.FULL:
                return _whole(size + _D40_CRC_SIZE, _D40_BLOCK)
            case Ev1Channel() if size and mode is CommMode.MACED:
                return size + MAC_SIZE
            case Ev1Channel() if size and mode is CommMode.FULL:
                return _whole(size + CRC32_SIZE, self.kind.block_size)
            case Ev2Channel() if size and mode is CommMode.FULL:
                return _whole(size + 1, _EV2_BLOCK) + MAC_SIZE
            case Ev2Channel() if mode is not CommMode.PLAIN:
                return size + MAC_SIZE
        return size

    def key_change_wire_size(self, kind: KeyType, *, same_key: bool) -> int:
        """Bytes on the wire of a new key; that of another key has a checksum of its own behind it."""
        size = key_block_size(kind)
        match self.channel:
            case LegacyChannel():
                return _whole(size + _D40_CRC_SIZE * (1 if same_key else 2), _D40_BLOCK)
            case Ev1Channel():
                return _whole(size + CRC32_SIZE * (1 if same_key else 2), self.kind.block_size)
        return self.wire_size(size + (0 if same_key else CRC32_SIZE), CommMode.FULL)

    def opened(self, command: bytes, clear: int, size: int, mode: Mode) -> bytes:
        """The `size` bytes of data behind `clear` bytes (the code included) of a command. Raises Refused."""
        if self.channel is None:
            return command[clear:]
        self._need_count()
        try:
            return self.channel.open_command(command[0], command[1:], clear - 1, self._mode(mode), size)
        except BrokenMessage:
            raise Refused(Status.INTEGRITY_ERROR) from None

    def new_key(self, command: bytes, kind: KeyType, old: bytes | None) -> NewKey:
        """The key a ChangeKey brings; `old` None: the one that authenticated. Raises Refused."""
        assert self.channel is not None
        self._need_count()
        try:
            return self.channel.open_key_change(command[1:], kind, old)
        except BrokenMessage:
            raise Refused(Status.INTEGRITY_ERROR) from None

    def sealed(self, data: bytes, mode: Mode) -> bytes:
        """The data of a good answer on the wire."""
        return data if self.channel is None else self.channel.seal_answer(data, self._mode(mode))

    def _mode(self, mode: Mode) -> CommMode:
        if mode is not None:
            return mode
        return CommMode.MACED if isinstance(self.channel, Ev2Channel) else CommMode.PLAIN

    def _need_count(self) -> None:
        """An EV2 session ends when its counter does."""
        if isinstance(self.channel, Ev2Channel):
            need(self.channel.counter < _LAST_COUNT, Status.INTEGRITY_ERROR)


def _whole(size: int, block_size: int) -> int:
    return -(-size // block_size) * block_size
