"""Names in the inbox: the order of names is the order of versions, and nothing else is taken for a chunk."""

from __future__ import annotations

import pytest

from onecard.downlink import Table
from onecard.inbox_names import VERSION_MAX, chunk_name, named_version, table_name


@pytest.mark.parametrize(
    "name",
    ["", "1", ".0000000000000000001.new", "0" * 20, "000000000001", "0" * 18 + "a", "٠" * 18 + "١", "0" * 19, "9" * 19],
)
def test_other_files_tell_no_version(name: str) -> None:
    assert named_version(name) is None


def test_chunks_sort_as_their_versions_do() -> None:
    versions = [1, 9, 10, 99, 10**11, 1 << 40, VERSION_MAX]
    names = [chunk_name(Table.STATE, version) for version in versions]
    assert names == sorted(names)
    assert [named_version(name.removeprefix("state/")) for name in names] == versions


@pytest.mark.parametrize("version", [0, VERSION_MAX + 1])
def test_a_version_that_cannot_be_has_no_name(version: int) -> None:
    with pytest.raises(AssertionError):
        chunk_name(Table.CERTIFICATES, version)


def test_a_table_lies_under_its_name() -> None:
    assert [table_name(table) for table in (Table.TARIFF, Table.HOTLIST)] == ["tariff", "hotlist"]
