"""A reader that outlives its device: closed at a fault, opened again at the next poll, not more often than the pause.

A caller sees the same errors as from a reader; what was selected is gone after each, as the port says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hardware.reader import Reader, ReaderError, ReaderNotFound, Target

RETRY_SECONDS = 2.0
_Result = TypeVar("_Result")


class OpenReader(Reader, Protocol):
    """A reader that can be closed."""

    def close(self) -> None:
        """Leave the device as the next host expects it."""
        ...


class LastingReader:
    """`Reader` made of one device after the other."""

    def __init__(self, name: str, opened: Callable[[], OpenReader], monotonic: Callable[[], float]) -> None:
        """`opened` opens the device, or raises a `ReaderError`."""
        self._name = name
        self._opened = opened
        self._monotonic = monotonic
        self._device: OpenReader | None = None
        self._retry_at = float("-inf")
        self._commands = 0

    @property
    def name(self) -> str:
        """The device's path."""
        return self._name

    @property
    def commands(self) -> int:
        """Host commands since the first opening."""
        return self._commands + (self._device.commands if self._device else 0)

    def poll(self) -> tuple[Target, ...]:
        """As the port; opens the device first when it is not open and the pause is over."""
        if self._device is None:
            if self._monotonic() < self._retry_at:
                raise ReaderNotFound(self._name, "the reader is not open", "it is tried again in a moment")
            self._retry_at = self._monotonic() + RETRY_SECONDS
            self._device = self._opened()
        return self._watched(self._device.poll)

    def exchange(self, data: bytes, timeout: float) -> bytes:
        """As the port."""
        device = self._device
        if device is None:
            raise ReaderNotFound(self._name, "the reader is not open", "present the card again")
        return self._watched(lambda: device.exchange(data, timeout))

    def release(self) -> None:
        """As the port; nothing to do while the device is not open."""
        if self._device is not None:
            self._watched(self._device.release)

    def close(self) -> None:
        """Close the device, if it is open."""
        device, self._device = self._device, None
        if device is not None:
            self._commands += device.commands
            device.close()

    def _watched(self, ask: Callable[[], _Result]) -> _Result:
        try:
            return ask()
        except ReaderError:
            self.close()
            self._retry_at = self._monotonic() + RETRY_SECONDS
            raise
