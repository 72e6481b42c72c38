"""Reading the JSON of a card file strictly: each field is what it must be, or the file is no card."""

from __future__ import annotations

from typing import cast


class FieldError(Exception):
    """Inside the reading of a card file only: what is wrong with a field."""


def table(value: object, name: str, fields: set[str]) -> dict[str, object]:
    """An object with exactly `fields`. Raises FieldError."""
    content = any_table(value, name)
    if content.keys() != fields:
        raise FieldError(f"fields of {name} missing or unknown: {', '.join(sorted(content.keys() ^ fields))}")
    return content


def any_table(value: object, name: str) -> dict[str, object]:
    """An object. Raises FieldError."""
    if not isinstance(value, dict):
        raise FieldError(f"{name} is not a table")
    return cast(dict[str, object], value)


def numbered_table(value: object, name: str, below: int) -> dict[int, object]:
    """An object whose keys are the decimal numbers below `below`, each in one way. Raises FieldError."""
    content = any_table(value, name)
    known = {str(number): number for number in range(below)}
    if not content.keys() <= known.keys():
        raise FieldError(f"{name} is not a table of numbers below {below}")
    return {known[key]: field for key, field in content.items()}


def row(value: object, name: str, most: int) -> list[object]:
    """A list of at most `most`. Raises FieldError."""
    if not isinstance(value, list) or len(value) > most:
        raise FieldError(f"{name} is not a list of at most {most}")
    return value


def octets(value: object, name: str, size: int | None = None) -> bytes:
    """Lower-case hexadecimal, `size` bytes if given. Raises FieldError."""
    if not isinstance(value, str) or not set(value) <= set("0123456789abcdef") or len(value) % 2:
        raise FieldError(f"{name} is not lower-case hexadecimal")
    if size is not None and len(value) != 2 * size:
        raise FieldError(f"{name} has {len(value) // 2} bytes, not {size}")
    return bytes.fromhex(value)


def whole(value: object, name: str, least: int, most: int = 2**63 - 1) -> int:
    """A whole number in these limits. Raises FieldError."""
    if type(value) is not int or not least <= value <= most:
        raise FieldError(f"{name} is not a whole number from {least}" + (f" to {most}" if most < 2**63 - 1 else ""))
    return value


def truth(value: object, name: str) -> bool:
    """true or false. Raises FieldError."""
    if not isinstance(value, bool):
        raise FieldError(f"{name} is neither true nor false")
    return value


def one_of(value: object, name: str, words: list[str]) -> str:
    """One of `words`. Raises FieldError."""
    if not isinstance(value, str) or value not in words:
        raise FieldError(f"{name} is none of {', '.join(words)}")
    return value
