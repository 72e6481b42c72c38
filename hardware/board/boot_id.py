"""Which start of the machine this is: the kernel's random name of it (proc(5), /proc/sys/kernel/random/boot_id)."""

from __future__ import annotations

from pathlib import Path

_FILE = Path("/proc/sys/kernel/random/boot_id")


def boot_id(file: Path = _FILE) -> str:
    """36 characters; empty where the kernel does not tell it, and then nothing that needs it is believed."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
