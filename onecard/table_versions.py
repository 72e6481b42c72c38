"""Versions of the downlink tables on the wire: a list of `[table, version]`, tables rising. Pure.

A bundle says so what its terminal has, an acknowledgement what the server had. Tables that this software does not know
are carried like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onecard import cbor
from onecard.errors import OnecardError


class BadVersions(OnecardError):
    """A list that tells no versions."""


def version_rows(versions: Mapping[int, int]) -> list[cbor.Value]:
    """The rows of `versions`, table → version."""
    return [[int(table), version] for table, version in sorted(versions.items())]


def read_versions(rows: Sequence[cbor.Value]) -> dict[int, int]:
    """Table → version. Raises `BadVersions`."""
    versions: dict[int, int] = {}
    for row in rows:
        match row:
            case [int(table), int(version)] if not versions or table > max(versions):
                versions[table] = version
            case _:
                raise BadVersions(f"{row!r} is not [table, version] in the order of tables")
    return versions


def follows(held: int, base: int, version: int) -> bool:
    """Whether a change from `base` to `version` may be applied to the version held; base 0 replaces the whole table.
    Versions never go back."""
    return version > held and base in (0, held)
