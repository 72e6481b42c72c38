"""Which downlink tables are packed ones, and what their rows are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from onecard.downlink import Table
from onecard.hotlist import HOTLIST
from onecard.packed_table import Form
from onecard.state_table import STATE

FORMS: Mapping[Table, Form] = MappingProxyType({Table.HOTLIST: HOTLIST, Table.STATE: STATE})
