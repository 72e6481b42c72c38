"""What the web process gets, and what it never gets."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard import bundle, desk, enrolment, keys
from onecard.bundle import Run
from onecard.card_keys import classic_key_a, classic_key_b
from onecard.envelope import Domain, open_envelope, terminal_key_id, verify
from onecard.identity import TerminalNumber
from onecard.keys import Role, chain_key
from onecard.purse import certificate as certificates
from onecard.purse.certificate import Certificate
from onecard.purse.record import decode, record_key
from onecard.purse.ring import read_ring
from server.keyd import store
from server.keyd.client import KeyProcess, KeyProcessRefused
from server.keyd.issued import Reason

Serving = Callable[[int], AbstractContextManager[Path]]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVER_SIGN])
def test_no_other_role_than_server_sign_signs_messages(keyd: KeyProcess, role: Role) -> None:
    with pytest.raises(KeyProcessRefused, match="only SERVER_SIGN"):
        keyd.sign(role, b"OCCERT1\0" + bytes(32))


def test_an_unknown_key_version_is_refused(keyd: KeyProcess) -> None:
    with pytest.raises(KeyProcessRefused, match="version 9"):
        keyd.sign(Role.SERVER_SIGN, b"", 9)


@pytest.mark.parametrize("purse", [-1, 16, 1 << 63, (1 << 64) - 1])
def test_a_purse_no_card_can_have_is_refused_by_name(keyd: KeyProcess, purse: int) -> None:
    with pytest.raises(KeyProcessRefused, match="no card has a purse"):
        keyd.latest_certificate(b"\1\2\3\4", purse)


def test_the_public_ring_holds_public_keys_only(keyd: KeyProcess, directory: Path) -> None:
    public = keyd.server_public().held
    secret = set(store.load(directory).ring.held.values())
    assert {role for role, _ in public} == enrolment.PUBLIC_ROLES
    assert not secret & set(public.values())


def test_a_signature_verifies_under_the_public_key_of_its_version(keyd: KeyProcess) -> None:
    version, signature = keyd.sign(Role.SERVER_SIGN, b"message")
    keys.verify(keyd.server_public().key(Role.SERVER_SIGN, version), b"", b"message", signature, "it")
    named, signer = keyd.server_signer()
    assert (named, signer(b"message")) == (version, signature)


def _bundle(keyd: KeyProcess, run: Run, signing: bytes) -> bytes:
    seal_key = keyd.server_public().key(Role.SERVER_SEAL, 1)
    return bundle.pack(run, terminal_key_id(run.terminal), signing, seal_key)


RUN = Run(TerminalNumber(7), 1, 1, bytes(8), ((10, b"\x82\x01\x00"),), bytes(8), {}, (0,))


def test_a_bundle_is_unsealed_with_its_own_terminals_chain_key(keyd: KeyProcess, directory: Path) -> None:
    envelope = _bundle(keyd, RUN, Ed25519PrivateKey.generate().private_bytes_raw())
    plaintext, chain = keyd.unseal_run(envelope)
    assert bundle.read_run(plaintext, open_envelope(envelope).key_id) == RUN
    assert chain == chain_key(store.load(directory).newest(Role.CHAIN)[1], 7)


def test_a_bundle_sealed_to_an_older_key_is_still_opened(directory: Path, serving: Serving) -> None:
    with serving(os.geteuid()) as path:
        envelope = _bundle(KeyProcess(path), RUN, Ed25519PrivateKey.generate().private_bytes_raw())
    newer = directory / "server_seal.2"
    newer.touch(mode=0o600)
    newer.write_bytes(os.urandom(32))
    with serving(os.geteuid()) as path:
        assert KeyProcess(path).unseal_run(envelope)


def test_a_bundle_sealed_to_a_stranger_is_refused(keyd: KeyProcess) -> None:
    stranger = X25519PrivateKey.generate().public_key().public_bytes_raw()
    signing = Ed25519PrivateKey.generate().private_bytes_raw()
    with pytest.raises(KeyProcessRefused, match="cannot be opened"):
        keyd.unseal_run(bundle.pack(RUN, terminal_key_id(7), signing, stranger))


def test_an_enrolment_answer_opens_on_its_terminal_only_and_raises_no_money(keyd: KeyProcess, directory: Path) -> None:
    private = X25519PrivateKey.generate()
    envelope = open_envelope(keyd.enrol(7, "PEK01", "新东安", private.public_key().public_bytes_raw()))
    identity = enrolment.open_answer(envelope, private.private_bytes_raw())
    verify(envelope, Domain.ENROLMENT, identity.keys.key(Role.SERVER_SIGN, envelope.key_id.version))
    assert (identity.number, identity.site_code, identity.site_name) == (7, "PEK01", "新东安")
    secrets = store.load(directory)
    given = set(identity.keys.held.values())
    for role in (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT):
        assert identity.keys.key(role, 1) == secrets.newest(role)[1]
    assert identity.keys.key(Role.CHAIN, 1) == chain_key(secrets.newest(Role.CHAIN)[1], 7)
    personalise = (Role.CLASSIC_PERSONALISE, Role.DESFIRE_PERSONALISE)
    for role in (Role.ISSUER, Role.SERVER_SIGN, Role.SERVER_SEAL, Role.CHAIN, *personalise):
        assert secrets.newest(role)[1] not in given, "I-10"
    assert not any(identity.keys.versions(role) for role in personalise)


def test_a_card_script_holds_this_cards_keys_its_first_ring_and_certificate(
    keyd: KeyProcess, directory: Path, statement: Certificate
) -> None:
    station = X25519PrivateKey.generate()
    image = keyd.issue_certificate(statement, Reason.ISSUE, 0)
    sealed = keyd.personalisation(image, station.public_key().public_bytes_raw())
    script = desk.open_script(sealed, station.private_bytes_raw(), statement.uid)
    secrets = store.load(directory)
    assert (script.uid, script.card_number, script.purse) == (statement.uid, statement.card_number, 0)
    assert script.certificate == image
    masters = [secrets.newest(role)[1] for role in (Role.CLASSIC_READ_WRITE, Role.CLASSIC_PERSONALISE)]
    assert script.keys == tuple(
        (classic_key_a(masters[0], statement.uid, s), classic_key_b(masters[1], statement.uid, s)) for s in range(16)
    )
    images = [script.ring[at : at + 16] for at in (0, 16, 32)]
    key = record_key(secrets.newest(Role.DEBIT_MAC)[1], statement.uid)
    ring = read_ring(images, lambda image: decode(image, [key], 0))
    newest = ring.newest
    assert newest is not None
    assert len(ring.readable) == 3
    assert newest.identity == (2, 0, 0, 0)
    assert (newest.load_reference.copy, newest.load_reference.load_mod8) == (0, 1)
    assert not any(key.hex() in repr(script) or repr(key) in repr(script) for pair in script.keys for key in pair)


def test_no_script_is_made_for_a_certificate_of_anybody_else(keyd: KeyProcess, statement: Certificate) -> None:
    forged = certificates.issue(replace(statement, key_id=1), lambda domain, payload: bytes(64))
    with pytest.raises(KeyProcessRefused, match="signature"):
        keyd.personalisation(forged, X25519PrivateKey.generate().public_key().public_bytes_raw())


def test_no_script_is_made_for_a_later_certificate(keyd: KeyProcess, statement: Certificate) -> None:
    keyd.issue_certificate(statement, Reason.ISSUE, 0)
    later = keyd.issue_certificate(replace(statement, load_sequence=2), Reason.LOAD, 0)
    with pytest.raises(KeyProcessRefused, match="first certificate"):
        keyd.personalisation(later, X25519PrivateKey.generate().public_key().public_bytes_raw())
