"""The software SAM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardware.sam.software import ROLES, SoftwareSam
from onecard.keys import KeyRing, Role
from tests.hardware.sam.conformance import CHECKS, NEW, OLD, MakeSam


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_software_conforms(check: Callable[[MakeSam], None]) -> None:
    check(SoftwareSam)


def test_it_keeps_only_what_it_computes_with() -> None:
    """A terminal's ring also has its chain key and the server's public keys: those are not the SAM's."""
    others = {(Role.CHAIN, 1): bytes(range(64, 96)), (Role.ISSUER, 1): bytes(range(96, 128))}
    text = repr(SoftwareSam(KeyRing(OLD | NEW | others)))
    assert {role.name for role in ROLES} == {word.split(" ")[0] for word in text[12:-1].split(", ")}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_it_is_not_made_without_a_debit_key(role: Role) -> None:
    with pytest.raises(AssertionError, match="missing"):
        SoftwareSam(KeyRing({name: key for name, key in OLD.items() if name[0] is not role}))
