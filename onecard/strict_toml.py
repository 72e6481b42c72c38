"""Strict TOML: a setting that is not known is an error, never a silent default. Pure.

Reading a setting records it; `finish` then refuses whatever nobody read, so the code that reads is the only list of
settings. Every error is `BadConfig` and names the file, the table, the key and what is allowed.

    root = parse(text, "/etc/onecard/daemon.toml")
    sync = root.table("sync")
    idle_seconds = sync.integer("idle_seconds", 1, 3600, default=30)
    root.finish()

A setting without a default must be in the file. A table that is missing is an empty one: its settings with defaults
have them, the others are missed by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from onecard.errors import OnecardError

T = TypeVar("T")
MAX_SIZE, MAX_LINE = 1 << 16, 1000


class BadConfig(OnecardError):
    """A configuration file that cannot be used as it is.

    `table` is the dotted name, "" at the top of the file; `key` is "" when the file as a whole is wrong.
    """

    def __init__(self, file: str, table: str, key: str, why: str) -> None:
        self.file = file
        self.table = table
        self.key = key
        self.why = why
        place = " ".join(part for part in (f"[{table}]" if table else "", key) if part)
        super().__init__(f"{file}: {place}: {why}" if place else f"{file}: {why}")


def parse(text: str, file: str) -> Section:
    """The whole of a TOML file. `file` names it in errors and anchors relative paths. Raises `BadConfig`.

    The parser's memory grows with the square of a dotted key, so no line is long.
    """
    if len(text) > MAX_SIZE or max(map(len, text.splitlines()), default=0) > MAX_LINE:
        raise BadConfig(file, "", "", f"at most {MAX_SIZE} characters are allowed, {MAX_LINE} in a line")
    try:
        return Section(file, "", tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # also a number too long, and brackets too deep
        raise BadConfig(file, "", "", f"it is not TOML: {error}") from error


class Section:
    """One table of the file, being read. Made by `parse` and `table`."""

    def __init__(self, file: str, name: str, values: dict[str, Any]) -> None:
        self._file = file
        self._name = name
        self._values = values
        self._read: dict[str, None] = {}  # in the order of reading
        self._tables: dict[str, Section] = {}

    def text(self, key: str, *, default: str | None = None, longest: int = 200) -> str:
        """A text of 1 … `longest` characters."""
        allowed = f"a text of 1 to {longest} characters"
        return self._setting(
            key, default, allowed, lambda v: v if isinstance(v, str) and 0 < len(v) <= longest else None
        )

    def integer(self, key: str, smallest: int, largest: int, *, default: int | None = None) -> int:
        """A whole number within `smallest` … `largest`; true and false are none."""
        allowed = f"a whole number from {smallest} to {largest}"
        return self._setting(
            key, default, allowed, lambda v: v if type(v) is int and smallest <= v <= largest else None
        )

    def choice(self, key: str, allowed: Sequence[str], *, default: str | None = None) -> str:
        """One of the texts in `allowed`."""
        names = " or ".join(f'"{name}"' for name in allowed)
        return self._setting(key, default, names, lambda v: v if isinstance(v, str) and v in allowed else None)

    def path(self, key: str, *, default: Path | None = None) -> Path:
        """A path; a relative one is seen from the file's own directory."""
        folder = Path(self._file).parent
        return self._setting(
            key, default, "a path", lambda v: folder / v if isinstance(v, str) and v and "\0" not in v else None
        )

    def table(self, key: str) -> Section:
        """The table of that name, to be read in its turn; its unknown keys are found by this section's `finish`."""
        name = f"{self._name}.{key}" if self._name else key
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            raise BadConfig(self._file, self._name, key, f"{values!r} is given; a table [{name}] is allowed here")
        self._read[key] = None
        if key not in self._tables:
            self._tables[key] = Section(self._file, name, values)
        return self._tables[key]

    def has(self, key: str) -> bool:
        """Whether the file gives that key or table, for settings that exclude each other. It does not count as read."""
        return key in self._values

    def refuse(self, key: str, why: str) -> BadConfig:
        """The error for a setting that is wrong in a way only its reader knows."""
        return BadConfig(self._file, self._name, key, why)

    def finish(self) -> None:
        """Raises `BadConfig` for the first key, here or in a table below, that was never read."""
        for key in self._values:
            if key not in self._read:
                known = ", ".join(self._read) or "nothing"
                raise BadConfig(self._file, self._name, key, f"this key is not known; allowed here: {known}")
        for section in self._tables.values():
            section.finish()

    def _setting(self, key: str, default: T | None, allowed: str, check: Callable[[Any], T | None]) -> T:
        self._read[key] = None
        if key not in self._values:
            if default is None:
                raise BadConfig(self._file, self._name, key, f"it is missing; give {allowed}")
            return default
        value = check(self._values[key])
        if value is None:
            raise BadConfig(self._file, self._name, key, f"{self._values[key]!r} is given; {allowed} is allowed")
        return value
