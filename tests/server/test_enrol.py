"""Letting a terminal in: a token is good once, for a quarter of an hour, for one pair of keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.enrolment import Request, open_answer, pack_request
from onecard.envelope import Domain, open_envelope, verify
from onecard.keys import Role
from server.sites.enrol import TOKEN_LIFE, UnknownSite, new_token
from server.sites.models import EnrolmentToken, Site, Terminal


class Newcomer:
    def __init__(self):
        self.signing, self.sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()

    def request(self, token, signed_by=None):
        request = Request(
            token, self.signing.public_key().public_bytes_raw(), self.sealing.public_key().public_bytes_raw(), "t 1"
        )
        return pack_request(request, (signed_by or self.signing).private_bytes_raw())


def send(client, raw):
    return client.post("/enrol/v1", raw, content_type="application/cbor")


def token(now=None, site="WDK"):
    return new_token(site, Terminal.Work.TILL, now or datetime.now(UTC))


def test_an_unknown_token_lets_nobody_in(client):
    assert send(client, Newcomer().request("0" * 16)).status_code == 403
    assert not Terminal.objects.exists()


def test_an_expired_token_lets_nobody_in(client):
    old = token(datetime.now(UTC) - TOKEN_LIFE - timedelta(seconds=1))
    response = send(client, Newcomer().request(old))
    assert response.status_code == 403
    assert b"expired" in response.content
    assert not Terminal.objects.exists()


def test_a_used_token_lets_no_second_terminal_in(client):
    once = token()
    assert send(client, Newcomer().request(once)).status_code == 200
    assert send(client, Newcomer().request(once)).status_code == 403
    assert Terminal.objects.count() == 1


def test_who_does_not_hold_the_key_is_refused_and_the_token_stays_good(client):
    once, newcomer = token(), Newcomer()
    forged = newcomer.request(once, signed_by=Ed25519PrivateKey.generate())
    assert send(client, forged).status_code == 403
    assert send(client, newcomer.request(once)).status_code == 200


def test_a_terminals_key_is_not_enrolled_twice(client):
    newcomer = Newcomer()
    assert send(client, newcomer.request(token())).status_code == 200
    assert send(client, newcomer.request(token())).status_code == 403


@pytest.mark.parametrize("raw", [b"", b"\xd2\x84", bytes(400)])
def test_bytes_that_are_no_request_are_refused(client, raw):
    assert send(client, raw).status_code == 400


def test_an_oversized_request_is_refused(client):
    assert send(client, bytes(20_000)).status_code == 413


def test_a_lost_answer_is_given_again_to_the_same_keys(client):
    once, newcomer = token(), Newcomer()
    first = send(client, newcomer.request(once))
    again = send(client, newcomer.request(once))
    identities = [
        open_answer(open_envelope(response.content), newcomer.sealing.private_bytes_raw())
        for response in (first, again)
    ]
    assert identities[0] == identities[1]
    assert Terminal.objects.count() == 1


def test_the_answer_is_the_servers_and_names_the_cinema(client):
    newcomer = Newcomer()
    envelope = open_envelope(send(client, newcomer.request(token(site="JSG"))).content)
    identity = open_answer(envelope, newcomer.sealing.private_bytes_raw())
    verify(envelope, Domain.ENROLMENT, identity.keys.key(Role.SERVER_SIGN, 1))
    assert (identity.site_code, identity.site_name) == ("JSG", "劲松")
    never = {Role.CLASSIC_PERSONALISE, Role.DESFIRE_PERSONALISE}
    coming = {Role.DEBIT_MAC_NEXT}
    assert {role for role, _ in identity.keys.held} == set(Role) - never - coming


def test_a_tokens_text_is_not_kept(client):
    text = token()
    assert text.encode() not in bytes(EnrolmentToken.objects.get().digest)


def test_a_token_for_a_cinema_that_is_not_there_names_the_codes(client):
    with pytest.raises(UnknownSite, match="WDK"):
        token(site="NOPE")


def test_the_first_data_holds_the_22_cinemas(client):
    assert Site.objects.count() == 22
    assert Site.objects.get(code="BJJ").name_zh == "北京剧院"
