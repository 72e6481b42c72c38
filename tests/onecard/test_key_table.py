"""The key table: nothing lost, nothing changed under its version, nothing that a terminal must not hold."""

from __future__ import annotations

import pytest

from onecard.cbor import Value
from onecard.enrolment import BadEnrolment
from onecard.key_table import (
    VERSIONS,
    BadKeyTable,
    key_table,
    key_table_version,
    read_key_table,
    renewed,
    write_key_table,
)
from onecard.keys import KeyRing, Role

_SIZES = {
    Role.DEBIT_MAC: 16,
    Role.CLASSIC_READ_WRITE: 16,
    Role.ISSUER: 32,
    Role.SERVER_SIGN: 32,
    Role.SERVER_SEAL: 32,
    Role.DESFIRE_DEBIT: 16,
}
_NEXT = (Role.DEBIT_MAC_NEXT, 2)


def _key(role: Role, version: int) -> bytes:
    return bytes([role, version]) * (_SIZES[role] // 2)


def _ring(**versions: int) -> KeyRing:
    """Every role up to version 1, or up to the one named."""
    newest = {role: versions.get(role.name.lower(), 1) for role in _SIZES}
    return KeyRing(
        {(role, version): _key(role, version) for role, last in newest.items() for version in range(1, last + 1)}
    )


@pytest.mark.parametrize("role", _SIZES)
def test_a_table_without_a_role_is_refused(role: Role) -> None:
    rows = [row for row in write_key_table(_ring()) if isinstance(row, list) and row[0] != role]
    with pytest.raises(BadKeyTable, match=f"no {role.name} key"):
        read_key_table(rows)


@pytest.mark.parametrize(("role", "size"), [(7, 32), (3, 16), (9, 16), (99, 16)])
def test_a_terminal_is_given_no_chain_key_and_no_key_of_the_key_process(role: int, size: int) -> None:
    """I-10: what personalises, and what another terminal's journal is chained with, never comes down."""
    rows: list[Value] = sorted([*write_key_table(_ring()), [role, 1, bytes(size)]], key=repr)
    rows = sorted(rows, key=lambda row: row[:2] if isinstance(row, list) else [])  # type: ignore[arg-type,return-value]
    with pytest.raises((BadKeyTable, BadEnrolment)):
        read_key_table(rows)


@pytest.mark.parametrize(
    "wrong", [[], [[1, 1]], [[1, 1, b"x"]], [[1, 0, bytes(16)]], [[1, 256, bytes(16)]], [1], [b""]]
)
def test_rows_that_are_no_keys_are_refused(wrong: list[Value]) -> None:
    with pytest.raises((BadKeyTable, BadEnrolment)):
        read_key_table(wrong)


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(BadEnrolment, match="order"):
        read_key_table(write_key_table(_ring())[::-1])


def test_a_newest_version_never_goes_back() -> None:
    with pytest.raises(BadKeyTable, match="DEBIT_MAC version 1, and 2 is held"):
        renewed(_ring(debit_mac=2), _ring())


def test_a_key_never_changes_under_its_version() -> None:
    other = KeyRing({**_ring().held, (Role.DEBIT_MAC, 1): bytes(16)})
    with pytest.raises(BadKeyTable, match="DEBIT_MAC version 1 is held with other bytes"):
        renewed(_ring(), other)


def test_the_chain_key_stays_and_what_the_table_left_out_goes() -> None:
    held = KeyRing({**_ring(debit_mac=2).held, (Role.CHAIN, 1): b"c" * 32})
    table = KeyRing({name: key for name, key in _ring(debit_mac=5).held.items() if name != (Role.DEBIT_MAC, 1)})
    after = renewed(held, table)
    assert after.versions(Role.DEBIT_MAC) == [5, 4, 3, 2]
    assert after.key(Role.CHAIN, 1) == b"c" * 32


def test_a_table_states_the_newest_versions_of_a_card_key_and_all_public_ones() -> None:
    masters = _ring(debit_mac=6)
    public = _ring(issuer=4)
    table = key_table(KeyRing({n: k for n, k in public.held.items() if len(k) == 32}), masters)
    assert table.versions(Role.DEBIT_MAC) == [6, 5, 4]
    assert len(table.versions(Role.DEBIT_MAC)) == VERSIONS
    assert table.versions(Role.ISSUER) == [4, 3, 2, 1]
    assert read_key_table(write_key_table(table)).held == table.held


def test_each_step_of_a_renewal_raises_the_version() -> None:
    coming = KeyRing({**_ring().held, _NEXT: bytes(16)})
    rings = [_ring(), coming, _ring(debit_mac=2), _ring(debit_mac=2, issuer=2)]
    assert [key_table_version(ring) for ring in rings] == [1, 2, 3, 4]


def test_a_coming_record_key_is_stated_apart_and_becomes_the_current_one_with_the_same_bytes() -> None:
    key = _key(Role.DEBIT_MAC, 2)
    public = KeyRing({n: k for n, k in _ring().held.items() if len(k) == 32})
    table = key_table(public, KeyRing({**_ring().held, _NEXT: key}))
    assert table.versions(Role.DEBIT_MAC) == [1]
    after = renewed(_ring(), read_key_table(write_key_table(table)))
    assert after.held[_NEXT] == key
    assert _NEXT not in renewed(after, _ring(debit_mac=2)).held
    other = KeyRing({**_ring(debit_mac=2).held, (Role.DEBIT_MAC, 2): bytes(16)})
    with pytest.raises(BadKeyTable, match="DEBIT_MAC version 2 is held with other bytes"):
        renewed(after, other)
