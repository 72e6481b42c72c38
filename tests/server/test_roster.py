"""POST /sync/v1/roster: the server says who signs, to anybody."""

from __future__ import annotations

from onecard.envelope import Domain, open_envelope, verify
from onecard.keys import Role
from onecard.roster import open_roster
from server.sites.enrol import revoke_terminal


def asked(client):
    response = client.post("/sync/v1/roster", b"", content_type="application/cbor")
    assert response.status_code == 200, response.content
    return open_roster(response.content)


def test_the_roster_names_the_key_by_which_a_terminal_signs(client, enrol):
    teller = enrol()
    roster = asked(client)
    verify(open_envelope(teller.bundle()), Domain.BUNDLE, roster.terminals[teller.number])
    assert roster.server_keys.versions(Role.SERVER_SIGN) == teller.public.versions(Role.SERVER_SIGN)
    assert {role for role, _ in roster.server_keys.held} == {Role.SERVER_SIGN}


def test_a_revoked_terminal_is_not_in_it(client, enrol):
    kept, revoked = enrol(), enrol()
    revoke_terminal(revoked.number)
    assert revoked.number not in asked(client).terminals
    assert kept.number in asked(client).terminals


def test_a_question_with_a_body_is_refused(client, database):
    assert client.post("/sync/v1/roster", b"x", content_type="application/cbor").status_code == 413
    assert client.get("/sync/v1/roster").status_code == 405
