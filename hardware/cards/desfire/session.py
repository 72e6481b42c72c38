"""One presentation of one DESFire card through a reader: select, authenticate, command.

Frames are the card's native ones, command byte first: a native frame is five bytes shorter than the same wrapped for
ISO 7816 and a PN532 passes both to real cards alike (the transcripts of tests/vectors/desfire_ev1.json are native). The
first frame of a session decides for good which way a card listens, so ours are all native. A frame has at most 60
bytes, which is what every generation takes; longer messages go in several, the next begun with AF, both ways.

Any error loses the session, channel and whatever was not committed with it: the card must be selected again. Only a
refused authentication leaves it selected, for nothing can have been begun; the application stays selected too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hardware.cards.desfire.authentication import Method, ReaderProof
from hardware.cards.desfire.cipher import Key
from hardware.cards.desfire.messaging import CHANGE_KEY, BrokenMessage, Channel, CommMode, NewKey
from hardware.cards.desfire.status import DesfireRefused, Status
from hardware.cards.port import TamperedCard
from hardware.cards.reselection import reselected
from hardware.reader import CardError, CardGone, Reader, ReaderError, Target, WrongKey

EXCHANGE_SECONDS = 1.0
"""Far above what card and chip take: the chip reports a missing card itself, this is for a missing chip."""
FRAME_SIZE = 60
"""Bytes of a native frame, its first byte included (DESFire EV1: 64 less the block's own)."""
ANSWER_FRAMES = 32
"""More than the longest answer that anything here asks for."""

_SELECT_APPLICATION = 0x5A
_MORE = bytes([Status.ADDITIONAL_FRAME])


class DesfireSession:
    """One presentation of one DESFire card."""

    def __init__(self, reader: Reader, target: Target, random: Callable[[int], bytes]) -> None:
        """`target` is the one card `reader.poll` just selected; `random(n)` gives n unpredictable bytes."""
        self._reader = reader
        self._target = target
        self._random = random
        self._selected = True
        self._channel: Channel | None = None

    @property
    def uid(self) -> bytes:
        """The card's UID."""
        return self._target.uid

    @property
    def where(self) -> str:
        """The reader's name, for messages."""
        return self._reader.name

    @property
    def selected(self) -> bool:
        """Nothing failed since the card was selected."""
        return self._selected

    @property
    def authenticated(self) -> bool:
        """A secure channel is open."""
        return self._channel is not None

    def select(self) -> None:
        """Select the card again if a failure lost it. Raises `CardGone` unless it alone is there (P-R25)."""
        if self._selected:
            return
        self._target = reselected(self._reader, self.uid)
        self._selected = True

    def select_application(self, application: bytes) -> None:
        """Select an application by its 3 bytes in wire order; the channel ends, and what was not committed.

        Raises `DesfireRefused` and what `Reader.exchange` raises.
        """
        self._channel = None
        with self._losing():
            self._refuse(_SELECT_APPLICATION, *self._frames(_SELECT_APPLICATION, application))

    def authenticate(self, method: Method, number: int, key: Key) -> None:
        """Open a channel with a key of the selected application, or of the card.

        Raises `DesfireRefused` when the card refuses, still selected then, `WrongKey` when the card cannot prove that
        it holds the key, and what `Reader.exchange` raises.
        """
        self._channel = None
        with self._losing():
            proof = ReaderProof(method, key, self._random(method.random_size(key.type)))
            status, challenge = self._exchange(proof.command(number))
            if status == Status.ADDITIONAL_FRAME:
                try:
                    status, answer = self._exchange(_MORE + proof.token(challenge))
                    channel = proof.finish(challenge, answer) if status == Status.OK else None
                except BrokenMessage as error:
                    raise WrongKey(self.where) from error
                self._channel = channel
            elif status == Status.OK:
                raise CardGone(self.where, "an authentication ended before its proof")
        if self._channel is None:
            raise DesfireRefused(self.where, method, status)

    def command(
        self,
        code: int,
        header: bytes = b"",
        data: bytes = b"",
        *,
        mode: CommMode | None = None,
        answer_size: int | None = 0,
    ) -> bytes:
        """One command, sealed when a channel is open; the data of its answer, `answer_size` bytes (None: any). `mode`
        is that of the file, none for a command that belongs to no file and has nothing secret.

        Raises `DesfireRefused`, `TamperedCard` when the answer is not the card's, and what `Reader.exchange` raises.
        """
        with self._losing():
            if self._channel is None:
                answer = self._refuse(code, *self._frames(code, header + data))
                if answer_size is not None and len(answer) != answer_size:
                    raise CardGone(self.where, f"{len(answer)} bytes answer {code:02X}, {answer_size} were due")
                return answer
            mode = self._channel.unfiled if mode is None else mode
            sealed = self._channel.seal_command(code, header, data, mode)
            answer = self._refuse(code, *self._frames(code, sealed))
            try:
                return self._channel.open_answer(answer, mode, answer_size)
            except BrokenMessage as error:
                raise TamperedCard(self.where, f"its answer to {code:02X} has a {error}") from error

    def change_key(self, number: int, new: NewKey, old: bytes | None) -> None:
        """Change a key of what is selected; `number` with its type bits at card level. `old` is the value it has, None
        for the key that authenticated: its change ends the channel. Raises as `command`.
        """
        assert self._channel is not None
        with self._losing():
            sealed = self._channel.seal_key_change(number, new, old)
            answer = self._refuse(CHANGE_KEY, *self._frames(CHANGE_KEY, sealed))
            try:
                if old is not None:
                    self._channel.open_answer(answer, self._channel.unfiled, 0)
            except BrokenMessage as error:
                raise TamperedCard(self.where, f"its answer to a key change has a {error}") from error
        if old is None:
            self._channel = None

    def _frames(self, code: int, payload: bytes) -> tuple[int, bytes]:
        """Status and data of a whole message, in as many frames as it takes both ways."""
        pieces = [payload[at : at + FRAME_SIZE - 1] for at in range(0, len(payload), FRAME_SIZE - 1)] or [b""]
        lead = bytes([code])
        for piece in pieces[:-1]:
            status, rest = self._exchange(lead + piece)
            if status == Status.OK or rest:
                raise CardGone(self.where, f"it did not wait for the whole of {code:02X}")
            if status != Status.ADDITIONAL_FRAME:
                return status, b""
            lead = _MORE
        status, answer = self._exchange(lead + pieces[-1])
        for _ in range(ANSWER_FRAMES):
            if status != Status.ADDITIONAL_FRAME:
                return status, answer
            status, more = self._exchange(_MORE)
            answer += more
        raise CardGone(self.where, f"the answer to {code:02X} does not end")

    def _refuse(self, code: int, status: int, answer: bytes) -> bytes:
        if status != Status.OK:
            raise DesfireRefused(self.where, code, status)
        return answer

    def _exchange(self, frame: bytes) -> tuple[int, bytes]:
        answer = self._reader.exchange(frame, EXCHANGE_SECONDS)
        if not answer:
            raise CardGone(self.where, "an answer without a status")
        return answer[0], answer[1:]

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """Whatever goes wrong inside loses the session."""
        assert self._selected, "the card must be selected again"
        try:
            yield
        except (CardError, ReaderError):
            self._selected, self._channel = False, None
            raise
