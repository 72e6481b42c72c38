"""What a courier carries: bundles one way, replies the other, as files. The same on a laptop's disk and on a stick.

    bundles/00017/000000000501-000000001000-b1b2b3b4b5b6b7b8-9c1185a5c5e9fc54.bundle
    replies/00017/000000000003-000000001000.reply
    partial/00017-9c1185a5….chunks
    roster

Rules (docs/formats/courier-store.md)
- A bundle is removed only when the server's reply to it is durable here; a reply only when the terminal has taken it.
- Of a terminal's replies the newest is kept, which acknowledges most, and the one to the highest record, which brings
  the tables that the terminal lacks; as a rule they are one.
- A name that is not of this shape, a link, or a file that is too large, is left alone: a stick comes from anywhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onecard.courier_link.messages import BUNDLE_MAX, CHUNK_SIZE, REPLY_MAX, Parcel
from onecard.durable_file import NotKept, make_directory, read_file, replace_file
from onecard.identity import TERMINAL_NUMBER_MAX

_BUNDLE = re.compile(r"(\d{12,19})-(\d{12,19})-([0-9a-f]{16})-([0-9a-f]{16})\.bundle")
_REPLY = re.compile(r"(\d{12,19})-(\d{12,19})\.reply")
_FOLDER = re.compile(r"\d{5}")
_NAMED_SIZE = 8  # bytes of a bundle's digest in its name
_CHUNK_HEAD = 6  # number u32, size u16, big-endian
_CURE = "check the disk or stick"


@dataclass(frozen=True, slots=True, order=True)
class HeldBundle:
    """A bundle in the store. `tag` is the chain tag at `last`, as the terminal told it."""

    terminal: int
    first: int
    last: int
    tag: bytes
    digest: bytes  # the first eight bytes of its SHA-256
    file: Path

    def read(self) -> bytes | None:
        """Its bytes; None when they are not those of its name. Raises `durable_file.NotReadable`."""
        content = read_file(self.file, _CURE)
        return content if hashlib.sha256(content).digest()[:_NAMED_SIZE] == self.digest else None


@dataclass(frozen=True, slots=True, order=True)
class HeldReply:
    """A reply in the store, the `number`-th kept here, to the bundle that ended with record `last`."""

    terminal: int
    number: int
    last: int
    file: Path

    def read(self) -> bytes:
        """Its bytes. Raises `durable_file.NotReadable`."""
        return read_file(self.file, _CURE)


class CourierStore:
    """One directory of it, made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def bundles(self, terminal: int | None = None) -> list[HeldBundle]:
        """What is carried to the server, by terminal and record."""
        return sorted(self._bundles(terminal))

    def replies(self, terminal: int) -> list[HeldReply]:
        """What is carried to a terminal, oldest first."""
        return sorted(
            HeldReply(terminal, int(found[1]), int(found[2]), file)
            for file in _files(self.root / "replies" / _folder(terminal), REPLY_MAX)
            if (found := _REPLY.fullmatch(file.name))
        )

    def terminals(self) -> list[int]:
        """Whose bundles or replies are here."""
        folders = [folder for kind in ("bundles", "replies") for folder in _listed(self.root / kind)]
        return sorted({int(folder.name) for folder in folders if _is_terminal(folder.name) and any(_listed(folder))})

    def keep_bundle(self, terminal: int, parcel: Parcel, content: bytes) -> HeldBundle:
        """Makes a bundle durable; what was kept of its chunks goes. Raises `NotKept`."""
        assert hashlib.sha256(content).digest() == parcel.digest
        folder = self.root / "bundles" / _folder(terminal)
        make_directory(folder)
        named = parcel.digest[:_NAMED_SIZE]
        file = folder / f"{parcel.first:012d}-{parcel.last:012d}-{parcel.tag.hex()}-{named.hex()}.bundle"
        replace_file(file, content)
        self.partial(terminal, parcel).drop()
        return HeldBundle(terminal, parcel.first, parcel.last, parcel.tag, named, file)

    def keep_reply(self, terminal: int, last: int, reply: bytes) -> None:
        """Makes a reply durable; then those that are not needed beside it go. Raises `NotKept`."""
        older = self.replies(terminal)
        number = older[-1].number + 1 if older else 1
        folder = self.root / "replies" / _folder(terminal)
        make_directory(folder)
        replace_file(folder / f"{number:012d}-{last:012d}.reply", reply)
        highest = max(older, key=lambda held: held.last, default=None)
        for held in older:
            if held is not highest or held.last <= last:
                remove(held.file)

    def continued_after(self, terminal: int, acknowledged: int) -> tuple[int, bytes]:
        """The last record, and its tag, up to which bundles here follow what the server has; 0 and no tag when none
        does."""
        after, tag = acknowledged, b""
        for bundle in self.bundles(terminal):
            if bundle.first <= after + 1 and bundle.last > after:
                after, tag = bundle.last, bundle.tag
        return (after, tag) if tag else (0, b"")

    def partial(self, terminal: int, parcel: Parcel) -> Partial:
        """The chunks kept of a bundle that is being pulled."""
        return Partial(self.root / "partial", terminal, parcel.digest)

    @property
    def roster(self) -> Path:
        """Where the server's roster is kept."""
        return self.root / "roster"

    def _bundles(self, terminal: int | None) -> Iterator[HeldBundle]:
        for folder in _listed(self.root / "bundles"):
            if not _is_terminal(folder.name) or terminal not in (None, int(folder.name)):
                continue
            for file in _files(folder, BUNDLE_MAX):
                found = _BUNDLE.fullmatch(file.name)
                if found and 0 < int(found[1]) <= int(found[2]) < 1 << 63:
                    tag, digest = bytes.fromhex(found[3]), bytes.fromhex(found[4])
                    yield HeldBundle(int(folder.name), int(found[1]), int(found[2]), tag, digest, file)


class Partial:
    """The chunks of one bundle, appended as they come and not flushed: a torn end costs a chunk or two. Each is number
    u32, size u16, big-endian, and its bytes. What is in it is believed only once the whole has its digest."""

    def __init__(self, folder: Path, terminal: int, digest: bytes) -> None:
        self._folder = folder
        self._terminal = _folder(terminal)
        self._file = folder / f"{self._terminal}-{digest.hex()}.chunks"

    def chunks(self) -> dict[int, bytes]:
        """What is kept, by number; nothing when it does not read."""
        found: dict[int, bytes] = {}
        if not self._file.is_file() or self._file.stat().st_size > 2 * BUNDLE_MAX:
            return found
        raw, place = read_file(self._file, _CURE), 0
        while place + _CHUNK_HEAD <= len(raw):
            number, size = (
                int.from_bytes(raw[place : place + 4], "big"),
                int.from_bytes(raw[place + 4 : place + 6], "big"),
            )
            content = raw[place + _CHUNK_HEAD : place + _CHUNK_HEAD + size]
            if size > CHUNK_SIZE or len(content) != size:
                break
            found[number] = content
            place += _CHUNK_HEAD + size
        return found

    def begin(self) -> None:
        """Chunks of this bundle come now; those of the terminal's other bundles are not wanted any more. Raises
        `NotKept`."""
        make_directory(self._folder)
        for file in self._folder.glob(f"{self._terminal}-*.chunks"):
            if file != self._file:
                remove(file)

    def add(self, number: int, content: bytes) -> None:
        """Keep a chunk. Raises `NotKept`."""
        try:
            with self._file.open("ab") as end:
                end.write(number.to_bytes(4, "big") + len(content).to_bytes(2, "big") + content)
        except OSError as error:
            raise NotKept(self._file, str(error)) from error

    def drop(self) -> None:
        """Forget them."""
        remove(self._file)


def remove(file: Path) -> None:
    """Take a file away; again is nothing. Raises `NotKept`."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise NotKept(file, str(error)) from error


def _folder(terminal: int) -> str:
    return f"{terminal:05d}"


def _is_terminal(name: str) -> bool:
    return bool(_FOLDER.fullmatch(name)) and 1 <= int(name) <= TERMINAL_NUMBER_MAX


def _listed(folder: Path) -> list[Path]:
    """What is in a folder that is no link; nothing when it cannot be read."""
    if folder.is_symlink():
        return []
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _files(folder: Path, largest: int) -> Iterator[Path]:
    """Plain files of at most that many bytes."""
    for file in _listed(folder):
        if not file.is_symlink() and file.is_file() and file.stat().st_size <= largest:
            yield file
