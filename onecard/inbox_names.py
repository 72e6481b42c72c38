"""Names in a terminal's inbox, where the daemon lays the server's words down and the firmware takes them in. Pure.

    acknowledgement                     the newest one believed
    tariff, hotlist                     the newest of each
    certificates/<version, 12 digits>   one feed chunk (base, version] each

Each file is one envelope as it came. The digits make the order of the names the order of the versions.
"""

from __future__ import annotations

from onecard.downlink import Table

ACKNOWLEDGEMENT = "acknowledgement"
SNAPSHOT_TABLES = (Table.TARIFF, Table.HOTLIST)
"""Tables of which only the newest is kept."""
CHUNK_TABLES = (Table.CERTIFICATES,)
"""Tables that are kept in pieces, each in the table's folder."""
_VERSION_DIGITS = 12
VERSION_MAX = 10**_VERSION_DIGITS - 1


def table_name(table: Table) -> str:
    """The file of a snapshot table, the folder of a chunk table."""
    return table.name.lower()


def chunk_name(table: Table, version: int) -> str:
    """The file of one chunk, its folder before it."""
    assert table in CHUNK_TABLES
    assert 0 < version <= VERSION_MAX
    return f"{table_name(table)}/{version:0{_VERSION_DIGITS}d}"


def is_chunk(name: str) -> bool:
    """Whether a name in a chunk table's folder is a chunk's: others are being written, or are not ours."""
    return len(name) == _VERSION_DIGITS and name.isascii() and name.isdecimal()
