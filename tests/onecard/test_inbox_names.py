"""Names in the inbox: the order of names is the order of versions, and nothing else is taken for a chunk."""

from __future__ import annotations

import pytest

from onecard.downlink import Table
from onecard.inbox_names import VERSION_MAX, chunk_name, is_chunk, table_name


@pytest.mark.parametrize("name", ["", "1", ".000000000001.new", "0000000000001", "00000000000a", "٠٠٠٠٠٠٠٠٠٠٠١"])
def test_other_files_are_no_chunks(name: str) -> None:
    assert not is_chunk(name)


def test_chunks_sort_as_their_versions_do() -> None:
    versions = [1, 9, 10, 99, 10**11, VERSION_MAX]
    names = [chunk_name(Table.CERTIFICATES, version) for version in versions]
    assert names == sorted(names)
    assert all(is_chunk(name.removeprefix("certificates/")) for name in names)


def test_a_version_beyond_the_digits_has_no_name() -> None:
    with pytest.raises(AssertionError):
        chunk_name(Table.CERTIFICATES, VERSION_MAX + 1)


def test_a_table_lies_under_its_name() -> None:
    assert [table_name(table) for table in (Table.TARIFF, Table.HOTLIST)] == ["tariff", "hotlist"]
