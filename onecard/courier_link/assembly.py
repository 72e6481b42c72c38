"""A whole put together from its chunks, in any order, each once or more often. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from onecard.courier_link.messages import CHUNK_SIZE, KEY_SIZE, chunk_count


class Assembly:
    """Of one digest and size; never holds more than `size` bytes of chunks."""

    def __init__(self, digest: bytes, size: int, have: Mapping[int, bytes] | None = None) -> None:
        """`have` are chunks kept from an earlier try; those that cannot be of it are left out."""
        self.digest = digest
        self.size = size
        self._chunks: dict[int, bytes] = {}
        for number, content in (have or {}).items():
            self.add(number, content)

    @property
    def key(self) -> bytes:
        """The short name of the whole."""
        return self.digest[:KEY_SIZE]

    @property
    def count(self) -> int:
        """Chunks of the whole."""
        return chunk_count(self.size)

    @property
    def held(self) -> int:
        """Chunks that are here."""
        return len(self._chunks)

    def has(self, number: int) -> bool:
        """Whether that chunk is here."""
        return number in self._chunks

    def missing(self) -> Iterator[int]:
        """Numbers of the chunks that are not here, rising."""
        return (number for number in range(self.count) if number not in self._chunks)

    def add(self, number: int, content: bytes) -> bool:
        """Take a chunk in; False when it is here already, or cannot be of this whole."""
        if number in self._chunks or not 0 <= number < self.count:
            return False
        if len(content) != min(CHUNK_SIZE, self.size - number * CHUNK_SIZE):
            return False
        self._chunks[number] = content
        return True

    def whole(self) -> bytes | None:
        """The whole, once every chunk is here; None, and all is forgotten, when its digest is another."""
        assert self.held == self.count
        content = b"".join(self._chunks[number] for number in range(self.count))
        if hashlib.sha256(content).digest() == self.digest:
            return content
        self._chunks.clear()
        return None
