"""A bundle's way in: what is refused, what is quarantined, what is stored once, what is acknowledged."""

from __future__ import annotations

from onecard.downlink import open_acknowledgement, open_reply


def test_a_bundle_is_stored_and_acknowledged_under_the_chain_s_head(client, enrol):
    teller = enrol()
    response = client.post("/sync/v1/bundle", teller.bundle(), content_type="application/cbor")
    assert response.status_code == 200, response.content
    ack, downlinks = open_reply(response.content)
    got = open_acknowledgement(ack, teller.public, teller.number)
    assert (got.received, got.received_tag, got.safe) == (1, teller.tag(1), 1)
    assert len(downlinks) == 1
