"""Versions of tables as terminals know them: the number in this database, above all those of its earlier lives. Pure.

    version = (generation − 1) × 2^32 + number

A database put back from a backup gives numbers again that terminals have seen under other contents. It begins the next
generation, so its versions are above all of those; a terminal that holds a version of an earlier one is given the table
anew. Names in a terminal's inbox have room for 232 generations.
"""

from __future__ import annotations

_NUMBERS = 1 << 32


def version_of(number: int, generation: int) -> int:
    """The version that terminals know as `number` of this generation."""
    assert 0 <= number < _NUMBERS, "the numbers of a generation are used up: begin the next one"
    return (generation - 1) * _NUMBERS + number


def number_held(version: int, generation: int) -> int:
    """The number that a terminal with `version` holds; 0, nothing, when it is of an earlier generation."""
    return max(version - version_of(0, generation), 0)
