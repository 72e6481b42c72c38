"""Loop devices and mounts by their system calls: a device is let go when the process that asked for it ends.

Source: linux/include/uapi/linux/loop.h (struct loop_config: fd u32, block size u32, loop_info64 of 232 bytes, 64
reserved), mount(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR, _DIRECT_IO = 4, 16
_MAJOR = 7
_FLAGS_AT = 8 + 52  # lo_flags within loop_config
_CONFIG_SIZE = 304
_TRIES = 20
_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def loop_device(file: Path, *, direct: bool) -> Iterator[Path]:
    """A block device on `file`, which the kernel lets go with the last descriptor. Raises `OSError`."""
    with file.open("r+b", buffering=0) as backing:
        descriptor, device = _attach(backing.fileno(), direct)
        try:
            yield device
        finally:
            os.close(descriptor)


@contextmanager
def mounted(device: Path, place: Path, kind: str = "ext4") -> Iterator[Path]:
    """`device` mounted at `place`. Raises `OSError`."""
    place.mkdir(exist_ok=True)
    _check(_libc.mount(str(device).encode(), str(place).encode(), kind.encode(), 0, None), place)
    with unmounting(place, lazily=False):
        yield place


@contextmanager
def unmounting(place: Path, *, lazily: bool) -> Iterator[None]:
    """What is mounted at `place` goes at the end; `lazily`, once nothing uses it any more. Raises `OSError`."""
    try:
        yield
    finally:
        _check(_libc.umount2(str(place).encode(), _DETACH if lazily else 0), place)


def _attach(backing: int, direct: bool) -> tuple[int, Path]:
    config = bytearray(_CONFIG_SIZE)
    struct.pack_into("=II", config, 0, backing, 0)
    struct.pack_into("=I", config, _FLAGS_AT, _AUTOCLEAR | (_DIRECT_IO if direct else 0))
    with Path("/dev/loop-control").open("rb", buffering=0) as control:
        for attempt in range(_TRIES):
            number = fcntl.ioctl(control, _GET_FREE)
            device = Path(f"/dev/loop{number}")
            if not device.exists():
                os.mknod(device, 0o600 | 0o060000, os.makedev(_MAJOR, number))
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, _CONFIGURE, bytes(config))
            except OSError:  # another process took it first
                os.close(descriptor)
                if attempt == _TRIES - 1:
                    raise
            else:
                return descriptor, device
    raise AssertionError("unreachable")


def _check(result: int, place: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(place))
