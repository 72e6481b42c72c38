"""Mounts, loop devices and processes that vanish together: a module run in mount and process namespaces of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onecard.errors import OnecardError
from tools.blockdisk.loop import mounted

_PROGRAMS = {"mkfs.ext4": "e2fsprogs", "fusermount3": "fuse3", "unshare": "util-linux", "setpriv": "util-linux"}
_DEVICES = ("/dev/fuse", "/dev/loop-control")
_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_NAMESPACES = ("--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


class NoBlockDisk(OnecardError):
    """This machine cannot make a recording disk."""

    def __init__(self, missing: str, cure: str) -> None:
        self.missing = missing
        self.cure = cure
        super().__init__(f"the block-level proof of the journal needs {missing}: {cure}")


class SandboxFailed(OnecardError):
    """What ran in the sandbox failed; its own words follow."""

    def __init__(self, module: str, said: str) -> None:
        self.module = module
        super().__init__(f"{module} failed in its sandbox; its last words:\n{said}")


def run_sandboxed(module: str, *arguments: str, timeout: float) -> str:
    """What `python -m module arguments` prints, as root in namespaces of its own.

    Raises `NoBlockDisk`, `SandboxFailed`, `subprocess.TimeoutExpired` (everything inside is killed then).
    """
    command = [*_as_root(), *_DIE_WITH_US, "unshare", *_NAMESPACES, sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise SandboxFailed(module, done.stderr[-4000:])
    return done.stdout


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory, for use inside the sandbox."""
    with tempfile.TemporaryDirectory(prefix="onecard-block-") as place, mounted(Path("tmpfs"), Path(place), "tmpfs"):
        yield Path(place)


def _as_root() -> list[str]:
    """How to become root. Raises `NoBlockDisk` naming whatever else is missing too."""
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise NoBlockDisk(f"the program {program}", f"apt-get install {package}")
    for device in _DEVICES:
        if not Path(device).exists():
            raise NoBlockDisk(device, "run on a kernel with FUSE and loop devices (in a container: --privileged)")
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None or subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode != 0:
        raise NoBlockDisk("root, to mount", "run as root, or let this user run sudo without a password")
    return [sudo, "-n"]
