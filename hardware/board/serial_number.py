"""The board's serial number, as its firmware hands it to Linux in the device tree.

Source: Raspberry Pi documentation, device tree property `serial-number` of the root node, a text ending in a zero byte.
"""

from __future__ import annotations

from pathlib import Path

DEVICE_TREE = Path("/proc/device-tree/serial-number")


def serial_number(file: Path = DEVICE_TREE) -> bytes:
    """The serial number's text without its end; nothing on a machine that has no device tree."""
    try:
        return file.read_bytes().rstrip(b"\0")
    except OSError:
        return b""
