"""The envelope: one fixed shape, checked by signature before anything in it is parsed; any COSE library reads it."""

from __future__ import annotations

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from onecard.envelope import (
    MAX_SIZE,
    BadEnvelope,
    Domain,
    KeyId,
    open_envelope,
    seal_envelope,
    server_key_id,
    terminal_key_id,
    verify,
)
from onecard.keys import BadSignature, sign

_PRIVATE = bytes(range(32))
_PUBLIC = Ed25519PrivateKey.from_private_bytes(_PRIVATE).public_key().public_bytes_raw()
_KEY_ID = terminal_key_id(0x0102, 3)


def _sealed(payload: bytes, domain: Domain = Domain.BUNDLE, key_id: KeyId = _KEY_ID) -> bytes:
    return seal_envelope(key_id, domain, payload, lambda message: sign(_PRIVATE, b"", message))


_GOOD = _sealed(b"payload of twenty by")


# Refused.


def test_every_changed_byte_is_refused() -> None:
    """Another shape, another sender, another payload or another signature."""
    verified = 0
    for place, old in enumerate(_GOOD):
        for new in range(256):
            if new == old or (place >= len(_GOOD) - 64 and new != old ^ 1):
                continue  # of the signature's own bytes one change each: they are never parsed
            wrong = _GOOD[:place] + bytes([new]) + _GOOD[place + 1 :]
            try:
                envelope = open_envelope(wrong)
            except BadEnvelope:
                continue
            verified += 1
            with pytest.raises(BadSignature):
                verify(envelope, Domain.BUNDLE, _PUBLIC)
    assert verified == (4 + 20) * 255 + 64, "only kid, payload and signature are free"


@pytest.mark.parametrize("size", range(len(_GOOD)))
def test_every_cut_is_refused(size: int) -> None:
    with pytest.raises(BadEnvelope):
        open_envelope(_GOOD[:size])
    with pytest.raises(BadEnvelope):
        open_envelope(_GOOD[size + 1 :])


@pytest.mark.parametrize(
    ("what", "raw"),
    [
        ("nothing", b""),
        ("a trailing byte", _GOOD + b"\0"),
        ("no tag", _GOOD[1:]),
        ("another tag: COSE_Mac0", b"\xd1" + _GOOD[1:]),
        ("a longer head of the tag", b"\xd8\x12" + _GOOD[1:]),
        ("alg ES256", _GOOD.replace(bytes.fromhex("a20127"), bytes.fromhex("a20126"), 1)),
        ("an unprotected header", _GOOD[:12] + bytes.fromhex("a1040a") + _GOOD[13:]),
        ("an indefinite array", _GOOD[:1] + b"\x9f" + _GOOD[2:] + b"\xff"),
        ("a payload with a longer head", _GOOD[:13] + b"\x58\x14" + _GOOD[14:]),
        ("a payload that lies about its size", _GOOD[:13] + b"\x53" + _GOOD[14:]),
        ("a detached payload", _GOOD[:13] + b"\xf6" + _GOOD[-66:]),
        ("a payload of text", _GOOD[:13] + b"\x74" + _GOOD[14:]),
        ("a payload of an empty array", _GOOD[:13] + b"\x80" + _GOOD[-66:]),
        ("a signature of 63 bytes", _GOOD[:-66] + b"\x58\x3f" + _GOOD[-63:]),
    ],
)
def test_another_shape_is_refused(what: str, raw: bytes) -> None:
    with pytest.raises(BadEnvelope):
        open_envelope(raw)
        pytest.fail(what)


def test_a_larger_envelope_is_refused_unread() -> None:
    with pytest.raises(BadEnvelope, match="at most"):
        open_envelope(bytes(MAX_SIZE + 1))


@pytest.mark.parametrize("domain", [domain for domain in Domain if domain is not Domain.BUNDLE])
def test_a_signature_for_one_domain_is_worthless_in_another(domain: Domain) -> None:
    with pytest.raises(BadSignature, match=domain.name.lower()):
        verify(open_envelope(_GOOD), domain, _PUBLIC)


def test_another_signer_is_refused() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    with pytest.raises(BadSignature):
        verify(open_envelope(_GOOD), Domain.BUNDLE, stranger)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_the_one_error(raw: bytes) -> None:
    with pytest.raises(BadEnvelope):
        open_envelope(raw)


@given(st.binary(max_size=120))
def test_any_bytes_behind_the_right_opening_are_refused_or_unverified(raw: bytes) -> None:
    try:
        envelope = open_envelope(_GOOD[:13] + raw)
    except BadEnvelope:
        return
    with pytest.raises(BadSignature):
        verify(envelope, Domain.BUNDLE, _PUBLIC)


# Accepted, and by others.


@given(
    st.binary(max_size=300),
    st.sampled_from(Domain),
    st.builds(KeyId, st.sampled_from((b"T", b"S")), st.integers(0, 0xFFFF), st.integers(0, 255)),
)
def test_an_envelope_is_opened_as_it_was_sealed(payload: bytes, domain: Domain, key_id: KeyId) -> None:
    envelope = open_envelope(_sealed(payload, domain, key_id))
    assert envelope.key_id == key_id
    assert verify(envelope, domain, _PUBLIC) == payload


def test_any_cose_library_can_read_and_verify_it() -> None:
    """RFC 9052: tag 18, [protected, unprotected, payload, signature]; the Sig_structure of section 4.4 by cbor2."""
    item = cbor2.loads(_GOOD)
    assert isinstance(item, cbor2.CBORTag)
    assert item.tag == 18
    protected, unprotected, payload, signature = item.value
    assert cbor2.loads(protected) == {1: -8, 4: b"T\x01\x02\x03"}, "alg EdDSA (RFC 9053 section 2.2), kid"
    assert unprotected == {}
    assert payload == b"payload of twenty by"
    structure = cbor2.dumps(["Signature1", protected, b"onecard bundle 1", payload])
    Ed25519PrivateKey.from_private_bytes(_PRIVATE).public_key().verify(signature, structure)
    assert cbor2.dumps(item) == _GOOD


def test_kids_name_sender_number_and_key_version() -> None:
    assert terminal_key_id(7).encode() == b"T\x00\x07\x01"
    assert server_key_id(2).encode() == b"S\x00\x00\x02"
