"""The recording disk with a journaled ext4 on it, mounted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.blockdisk.log import Event, decode_events
from tools.blockdisk.loop import loop_device, mounted, unmounting

MIB = 1 << 20
_PATIENCE = 10  # seconds until the recorder serves


@dataclass(frozen=True, slots=True)
class RecordingDisk:
    """A mounted file system and the log of the device under it."""

    files: Path  # where the file system is mounted
    marks: Path  # what is written here stands in the log
    _command: Path
    _log: Path

    def command(self, words: str) -> None:
        """See `tools.blockdisk.recorder`."""
        self._command.write_text(words, encoding="ascii")

    def events(self) -> list[Event]:
        """The log since recording began."""
        return list(decode_events(self._log.read_bytes()))

    def image(self) -> bytes:
        """The device as recording began."""
        return self._log.with_suffix(".image").read_bytes()


@contextmanager
def recording_disk(folder: Path, size: int) -> Iterator[RecordingDisk]:
    """A fresh ext4 of `size` bytes, with a jbd2 journal, recorded from its mounting on. Raises `OSError`."""
    image, log, place, files = (folder / name for name in ("blank", "log", "fuse", "files"))
    with image.open("wb") as file:
        file.truncate(size)
    make = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-O", "has_journal"]
    subprocess.run([*make, "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", str(image)], check=True)
    place.mkdir()
    recorder = subprocess.Popen([sys.executable, "-m", "tools.blockdisk.recorder", *map(str, (image, log, place))])
    try:
        _wait(recorder, place / "disk")
        with unmounting(place, lazily=True), loop_device(place / "disk", direct=True) as device, mounted(device, files):
            disk = RecordingDisk(files, place / "mark", place / "command", log)
            subprocess.run(["sync", "-f", str(files)], check=True)
            disk.command("begin")
            yield disk
        recorder.wait(_PATIENCE)
    finally:
        recorder.kill()


def _wait(recorder: subprocess.Popen[bytes], disk: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while not disk.exists():
        if recorder.poll() is not None or time.monotonic() > until:
            raise OSError(f"the recorder of {disk} does not serve: is /dev/fuse there, and libfuse3 (apt fuse3)?")
        time.sleep(0.01)
