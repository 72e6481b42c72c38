"""Names in a terminal's inbox, where the daemon lays the server's words down and the firmware takes them in. Pure.

    acknowledgement                     the newest one believed
    keys, settings, tariff              the newest of each
    hotlist/<version, 19 digits>        one change each
    state/<version, 19 digits>          one change each
    certificates/<version, 19 digits>   one change each

Each file is one envelope as it came. The digits make the order of the names the order of the versions.

Beside the inbox the firmware keeps its packed tables, `packed/<table>/<version, 19 digits>`. The daemon reads only
those names: chunks up to the version kept are needed no more.
"""

from __future__ import annotations

from onecard.downlink import Table
from onecard.packed_forms import FORMS

ACKNOWLEDGEMENT = "acknowledgement"
PACKED_FOLDER = "packed"
SNAPSHOT_TABLES = (Table.KEYS, Table.SETTINGS, Table.TARIFF)
"""Tables of which only the newest is kept; keys first, since what follows may be signed under them."""
PACKED_TABLES = tuple(FORMS)
"""Tables of `onecard.packed_table`: changes in pieces, each in the table's folder until the firmware keeps what they
lead to."""
_VERSION_DIGITS = 19
VERSION_MAX = (1 << 63) - 1


def table_name(table: Table) -> str:
    """The file of a snapshot table, the folder of a packed one."""
    return table.name.lower()


def version_name(version: int) -> str:
    """The file of one version, in its table's folder."""
    assert 0 < version <= VERSION_MAX
    return f"{version:0{_VERSION_DIGITS}d}"


def chunk_name(table: Table, version: int) -> str:
    """The file of one chunk, its folder before it."""
    assert table in PACKED_TABLES
    return f"{table_name(table)}/{version_name(version)}"


def named_version(name: str) -> int | None:
    """The version that a name in a table's folder tells; None for what is being written, or is not ours."""
    if len(name) != _VERSION_DIGITS or not (name.isascii() and name.isdecimal()):
        return None
    version = int(name)
    return version if 0 < version <= VERSION_MAX else None
