"""Which downlink tables are packed ones, what their rows are, and how their changes are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from onecard import cbor
from onecard.certificate_table import CERTIFICATES, open_certificates
from onecard.downlink import Table
from onecard.hotlist import HOTLIST
from onecard.packed_table import Form, TableChange, open_change
from onecard.state_table import STATE

FORMS: Mapping[Table, Form] = MappingProxyType(
    {Table.HOTLIST: HOTLIST, Table.STATE: STATE, Table.CERTIFICATES: CERTIFICATES}
)


def open_packed(table: Table, base: int, version: int, body: Sequence[cbor.Value]) -> TableChange:
    """The checked change of a packed table's downlink that leads from `base` to `version`. Raises `BadTable`."""
    if table is Table.CERTIFICATES:
        return open_certificates(base, version, body)
    return open_change(FORMS[table], base, version, body)
