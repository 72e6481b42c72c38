"""Two machines and a network cable: network namespaces joined by a veth pair (ip-netns(8), veth(4)). Needs root."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType
from typing import Self

TERMINAL_ADDRESS, LAPTOP_ADDRESS = "10.77.0.1", "10.77.0.2"


class NetworkCable:
    """A `with` block long; the ends come up with their addresses when the cable is plugged in."""

    def __init__(self) -> None:
        name = f"oc{os.getpid()}"
        self.terminal, self.laptop = f"{name}-terminal", f"{name}-laptop"
        self._ends = {self.terminal: (f"{name}t", TERMINAL_ADDRESS), self.laptop: (f"{name}l", LAPTOP_ADDRESS)}

    def __enter__(self) -> Self:
        for space in self._ends:
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
        (near, _), (far, _) = self._ends.values()
        _ip("link", "add", near, "netns", self.terminal, "type", "veth", "peer", "name", far, "netns", self.laptop)
        for space, (device, address) in self._ends.items():
            _ip("-n", space, "address", "add", f"{address}/24", "dev", device)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for space in self._ends:
            _ip("netns", "delete", space)

    def plug(self) -> None:
        for space, (device, _) in self._ends.items():
            _ip("-n", space, "link", "set", device, "up")

    def pull(self) -> None:
        device, _ = self._ends[self.laptop]
        _ip("-n", self.laptop, "link", "set", device, "down")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
