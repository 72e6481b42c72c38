"""The checkpoints on the disk: the newest and the one before it, each a file named by its record's sequence.

A new one is durable under its name and read back before the oldest goes, so there are always two to fall back on, or
what is left is the whole journal. A file that is no checkpoint of this terminal is told by name and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from firmware import checkpoint
from firmware.books import Books
from firmware.checkpoint import BadCheckpoint, Place
from onecard.durable_file import SECRET, NotKept, make_directory, replace_file
from onecard.keys import KeyRing

GENERATIONS = 2
_DIGITS = 19  # of 63 bits


class Shelf:
    """Of one terminal; `key` is the `checkpoint_key` of its chain key."""

    def __init__(self, directory: Path, terminal: int, key: bytes) -> None:
        """Reads nothing; a directory that is not there holds nothing."""
        self.refused: dict[str, str] = {}
        self.directory = directory
        self._terminal = terminal
        self._key = key
        self._proved: set[Place] = set()

    def newest(self) -> Iterator[tuple[Place, bytes]]:
        """The good checkpoints, newest first; `refused` tells of the others, by file."""
        for file in reversed(self._files()):
            try:
                raw = file.read_bytes()
                place = checkpoint.place_of(raw, self._terminal, self._key)
                if file.name != _name(place):
                    raise BadCheckpoint(f"it tells of record {place.sequence}")
            except (BadCheckpoint, OSError) as error:
                self.refused[file.name] = str(error)
                continue
            self._proved.add(place)
            yield place, raw

    def refuse(self, place: Place, why: str) -> None:
        """Tell that a checkpoint that `newest` gave is not believed after all."""
        self.refused[_name(place)] = why
        self._proved.discard(place)

    def books(self, place: Place, raw: bytes, keys: KeyRing) -> Books | None:
        """The books of a checkpoint that `newest` gave; None, and refused, when they cannot be read."""
        try:
            return checkpoint.decode(raw, self._terminal, keys)
        except BadCheckpoint as error:
            self.refuse(place, str(error))
            return None

    def put(self, books: Books, tag: bytes) -> None:
        """A checkpoint of the books through their last record, which is durable and whose chain tag is `tag`.

        Raises `NotKept`; then those that were there still are.
        """
        place = Place(books.sequence, tag)
        file = self.directory / _name(place)
        raw = checkpoint.encode(books, tag, self._key)
        make_directory(self.directory)
        replace_file(file, raw, SECRET)
        try:
            kept = file.read_bytes()
        except OSError as error:
            raise NotKept(file, str(error)) from error
        if kept != raw:
            raise NotKept(file, "it reads otherwise than it was written")
        self._proved.add(place)
        self.refused.pop(file.name, None)
        self._tidy()

    @property
    def newest_sequence(self) -> int:
        """The record of the newest checkpoint known to be good; 0 for none."""
        return max((place.sequence for place in self._proved), default=0)

    @property
    def held_from(self) -> int:
        """The record of the older of two good checkpoints: a start may need the journal from there. 0 while there are
        not two."""
        if len(self._proved) < GENERATIONS:
            for _ in self.newest():
                pass
        return min(place.sequence for place in self._kept()) if len(self._proved) >= GENERATIONS else 0

    def _kept(self) -> list[Place]:
        return sorted(self._proved, key=lambda place: place.sequence)[-GENERATIONS:]

    def _tidy(self) -> None:
        """Two good ones stay, the newest; nothing goes before there are two."""
        kept = self._kept()
        if len(kept) < GENERATIONS:
            return
        self._proved = set(kept)
        names = {_name(place) for place in kept}
        try:
            for file in self._files():
                if file.name not in names:
                    file.unlink()
        except OSError as error:
            raise NotKept(self.directory, str(error)) from error

    def _files(self) -> list[Path]:
        return sorted(file for file in self.directory.glob("[0-9]*") if len(file.name) == _DIGITS)


def _name(place: Place) -> str:
    return f"{place.sequence:0{_DIGITS}d}"
