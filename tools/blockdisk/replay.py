"""Crash states put on a disk one after another, mounted as after the power came back: jbd2 replays first."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tools.blockdisk.log import SECTOR
from tools.blockdisk.loop import loop_device, mounted
from tools.blockdisk.states import Epoch, State, pass_over


def replay(folder: Path, image: bytes, epochs: list[Epoch], states: list[State]) -> Iterator[tuple[State, Path | None]]:
    """Each of `states` (in order of their epochs) with the place where it is mounted until the next is asked for.

    None for a place that ext4 will not mount before e2fsck: its superblock, of two sectors, was torn while it noted an
    error of the device.
    """
    base, passed = bytearray(image), 0
    file, place = folder / "state", folder / "state.files"
    for number, group in itertools.groupby(states, key=lambda state: state.epoch):
        for epoch in itertools.islice(epochs, passed, number):
            pass_over(base, epoch)
        passed = number
        for state in group:
            _lay_down(file, base, state)
            with loop_device(file, direct=False) as device, ExitStack() as held:
                try:
                    held.enter_context(mounted(device, place))
                except OSError as error:
                    if error.errno != errno.EBADMSG:
                        raise
                    yield state, None
                else:
                    yield state, place


def _lay_down(file: Path, base: bytearray, state: State) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, base, 0)
        for sector, content in state.changes.items():
            os.pwrite(descriptor, content, sector * SECTOR)
    finally:
        os.close(descriptor)
