"""Hosts nobody here wrote, as their own processes on the pty.

Their tools return 0 on failure, so what they print is read, and what they leave out is a failure.
"""

from __future__ import annotations

import os
import re
import subprocess

from hardware.virtual.process import VirtualReader

_FAILURE = re.compile(r"omitted|error|fail|timeout|no (tag|device|target)|unable to (?!find USB)", re.IGNORECASE)


def environment(reader: VirtualReader) -> dict[str, str]:
    """Where libnfc finds the reader."""
    return {**os.environ, "LIBNFC_DEVICE": f"pn532_uart:{reader.link}", "LC_ALL": "C"}


def run(reader: VirtualReader, *command: str, seconds: float = 60) -> str:
    """Run in the reader's folder; standard output. A missing program, a failure or an omission fails the test."""
    done = subprocess.run(
        command,
        cwd=reader.link.parent,
        env=environment(reader),
        text=True,
        capture_output=True,
        timeout=seconds,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert not _FAILURE.search(done.stdout), done.stdout
    return done.stdout


def spaced(hex_bytes: str) -> str:
    """A UID as libnfc prints it."""
    return "  ".join(re.findall("..", hex_bytes))
