"""What an issuing desk is told: one meaning, one form."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onecard import cbor
from onecard.desk import BadDeskMessage, Refused, open_answer
from onecard.envelope import Domain, seal_envelope, server_key_id
from onecard.keys import KeyRing, Role, sign

_SERVER = bytes(range(32))
_PUBLIC = Ed25519PrivateKey.from_private_bytes(_SERVER).public_key().public_bytes_raw()
_KEYS = KeyRing({(Role.SERVER_SIGN, 1): _PUBLIC})


def _refused(final: int) -> bytes:
    payload = cbor.encode([1, 5, 7, 300, final, "no"])
    return seal_envelope(server_key_id(1), Domain.DESK, payload, lambda message: sign(_SERVER, b"", message))


@pytest.mark.parametrize("final", [2, -1, 1 << 63])
def test_a_refusal_is_final_or_not(final: int) -> None:
    with pytest.raises(BadDeskMessage):
        open_answer(_refused(final), _KEYS, 7)


@pytest.mark.parametrize("final", [0, 1])
def test_a_refusal_says_whether_the_job_is_over(final: int) -> None:
    assert open_answer(_refused(final), _KEYS, 7) == Refused(300, final == 1, "no")
