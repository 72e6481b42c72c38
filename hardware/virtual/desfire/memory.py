"""The EEPROM of a DESFire card in the field: every write passes here, so does every power cut.

A write of `contents` is atomic: the card keeps a second copy and switches to it last. Cut in mode `after` it is new, in
every other mode old. Only the data of a standard file is written in place and can be cut at any byte (`torn_data`).
Nothing reads differently each time: a DESFire checks what it reads, so no mode leaves weak bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hardware.virtual.desfire.contents import Contents, DataFile, DesfireImage
from hardware.virtual.schedule import CardTornError, Schedule
from hardware.virtual.tear import Cut, Draws, TearMode


class Memory:
    """An image that `store` makes lasting at each write; `seed` decides the card's random numbers."""

    def __init__(self, image: DesfireImage, store: Callable[[DesfireImage], None], schedule: Schedule, seed: int):
        self.image = image
        self.writes = 0
        self._store = store
        self._schedule = schedule
        self._draws = Draws(seed)
        self._drawn = 0

    @property
    def contents(self) -> Contents:
        return self.image.contents

    def presented(self) -> None:
        """The card is laid in a field."""
        self._drawn = 0
        self.image.presentations += 1
        self._store(self.image)

    def random(self, size: int) -> bytes:
        """The next `size` ≤ 32 random bytes: the same history under the same seed draws the same."""
        self._drawn += 1
        image = self.image
        return self._draws.bits(b"nonce", image.uid, image.presentations, self._drawn)[:size]

    def random_uid(self) -> bytes:
        """4 bytes for this presentation, the first 08 (ISO/IEC 14443-3 §6.5.4)."""
        return b"\x08" + self._draws.bits(b"uid", self.image.uid, self.image.presentations)[:3]

    def write(self, new: Contents) -> None:
        """Bring `new` into force, wholly or not at all. Raises CardTornError, ChipStalledError."""
        cut = self._begin()
        if cut is None or cut.mode is TearMode.AFTER:
            self.image.contents = new
        self._end(cut)

    def write_data(self, aid: bytes, number: int, offset: int, data: bytes) -> None:
        """Write into a standard file in place. Raises CardTornError, ChipStalledError."""
        cut = self._begin()
        files = dict(self.contents.applications[aid].files)
        file = files[number]
        assert isinstance(file, DataFile)
        old = file.data
        written = data if cut is None else torn_data(old[offset : offset + len(data)], data, cut)
        files[number] = replace(file, data=old[:offset] + written + old[offset + len(data) :])
        self.image.contents = self.contents.with_files(aid, files)
        self._end(cut)

    def _begin(self) -> Cut | None:
        cut = self._schedule.write_begins()
        self.writes += 1
        self.image.writes += 1
        return cut

    def _end(self, cut: Cut | None) -> None:
        self._store(self.image)
        if cut is not None:
            raise CardTornError
        self._schedule.write_ends()


def torn_data(old: bytes, new: bytes, cut: Cut) -> bytes:
    """What is left of `new` written over `old` (of the same size): its first bytes, then old data or zeros.

    How many are certainly new: `cut.kept`, otherwise half of them in mode half and none in the others.
    """
    kept = cut.kept if cut.kept is not None else (len(new) // 2 if cut.mode is TearMode.HALF else 0)
    if cut.mode is TearMode.AFTER:
        return new
    rest = old[kept:] if cut.mode is TearMode.BEFORE else bytes(len(new[kept:]))
    return new[:kept] + rest
