"""What the firmware says of itself (`onecard.condition`), as the daemon reads it: again whenever it changed."""

from __future__ import annotations

import stat
from pathlib import Path

from onecard.condition import Condition, decode_condition

_SIZE_MAX = 4096


class ConditionFile:
    """The file; a missing one, or what is no small regular file, says nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = (0, 0)
        self._condition = Condition()

    def read(self) -> Condition:
        """The condition told last."""
        try:
            found = self._file.stat()
            stamp = found.st_mtime_ns, found.st_ino
            if stamp != self._stamp:
                regular = stat.S_ISREG(found.st_mode) and found.st_size <= _SIZE_MAX
                self._condition = decode_condition(self._file.read_bytes()) if regular else Condition()
                self._stamp = stamp
        except OSError:
            return Condition()
        return self._condition
