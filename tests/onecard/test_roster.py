"""The roster: what a laptop may believe without a secret, and what it must not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onecard import cbor
from onecard.envelope import BadEnvelope, Domain, seal_envelope, server_key_id, terminal_key_id
from onecard.keys import BadSignature, KeyRing, Role, UnknownKey, sign
from onecard.roster import BadRoster, Roster, open_roster, pack_roster

_SEED = bytes(range(32))
_PUBLIC = Ed25519PrivateKey.from_private_bytes(_SEED).public_key().public_bytes_raw()
_ROSTER = Roster(1_800_000_000, KeyRing({(Role.SERVER_SIGN, 1): _PUBLIC}), {7: bytes(32), 17: b"\1" * 32})


def _sign(message: bytes) -> bytes:
    return sign(_SEED, b"", message)


def _signed(payload: cbor.Value, domain: Domain = Domain.ROSTER) -> bytes:
    return seal_envelope(server_key_id(1), domain, cbor.encode(payload), _sign)


def test_a_roster_says_who_signs_by_which_key() -> None:
    assert open_roster(pack_roster(_ROSTER, 1, _sign)) == _ROSTER


def test_only_the_server_s_signing_keys_are_in_it() -> None:
    more = dict(_ROSTER.server_keys.held) | {(Role.ISSUER, 1): bytes(32), (Role.SERVER_SEAL, 1): bytes(32)}
    assert open_roster(pack_roster(Roster(1, KeyRing(more), {}), 1, _sign)).server_keys == _ROSTER.server_keys


def test_a_flipped_bit_is_found() -> None:
    raw = bytearray(pack_roster(_ROSTER, 1, _sign))
    raw[40] ^= 1
    with pytest.raises((BadSignature, BadRoster)):
        open_roster(bytes(raw))


def test_another_message_of_the_server_s_is_no_roster() -> None:
    with pytest.raises(BadSignature):
        open_roster(_signed([1, 0, [[1, _PUBLIC]], []], Domain.DOWNLINK))


def test_a_terminal_makes_no_roster() -> None:
    payload = cbor.encode([1, 0, [[1, _PUBLIC]], []])
    with pytest.raises(BadRoster, match="not signed by a server"):
        open_roster(seal_envelope(terminal_key_id(7), Domain.ROSTER, payload, _sign))


def test_a_roster_that_does_not_name_its_signing_key_is_refused() -> None:
    with pytest.raises(UnknownKey):
        open_roster(_signed([1, 0, [[2, _PUBLIC]], []]))


@pytest.mark.parametrize(
    "payload",
    [
        [2, 0, [[1, _PUBLIC]], []],
        [1, -1, [[1, _PUBLIC]], []],
        [1, 0, [[1, _PUBLIC]]],
        [1, 0, [[1, _PUBLIC]], [[0, bytes(32)]]],
        [1, 0, [[1, _PUBLIC]], [[65536, bytes(32)]]],
        [1, 0, [[1, _PUBLIC]], [[7, bytes(31)]]],
        [1, 0, [[1, _PUBLIC]], [[7, bytes(32)], [7, bytes(32)]]],
        [1, 0, [[256, _PUBLIC]], []],
        b"roster",
    ],
    ids=str,
)
def test_what_does_not_have_the_form_is_refused(payload: cbor.Value) -> None:
    with pytest.raises(BadRoster):
        open_roster(_signed(payload))


def test_what_is_no_envelope_is_refused() -> None:
    with pytest.raises(BadEnvelope):
        open_roster(b"roster")
