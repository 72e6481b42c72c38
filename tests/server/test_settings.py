"""Settings and keys at the centre: versions that follow each other, and what of them goes down to whom."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from onecard.downlink import Table, open_acknowledgement, open_downlink, open_reply
from onecard.key_table import read_key_table
from onecard.keys import Role
from onecard.settings import DEFAULTS, BadSettings, decode_settings
from server.limits.models import SettingsVersion
from server.limits.versions import change_settings, newest_settings
from server.sites.enrol import revoke_terminal

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_DAY = 86_400


@pytest.fixture
def teller(enrol):
    return enrol()


@pytest.fixture
def downlinks(client, teller):
    """What a heartbeat that has `have` brings, by table."""

    def one(**have):
        teller.have = {Table[name]: version for name, version in have.items()}
        response = client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
        assert response.status_code == 200, response.content
        ack, envelopes = open_reply(response.content)
        found = [open_downlink(raw, teller.public, teller.number) for raw in envelopes]
        one.newest = open_acknowledgement(ack, teller.public, teller.number).newest
        return {down.header.table: (down.header, down.body(teller.sealing)) for down in found}

    return one


def test_settings_out_of_bounds_make_no_version(database):
    with pytest.raises(BadSettings, match="card cap"):
        change_settings({"card_cap": 0}, "somebody", NOW)
    assert SettingsVersion.objects.count() == 1


def test_a_version_never_changes(database):
    for change in (lambda row: row.delete(), lambda row: row.save()):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            change(newest_settings())


def test_the_same_settings_again_make_no_version(database):
    assert change_settings({"card_cap": DEFAULTS.card_cap}, "somebody", NOW).version == 1


def test_a_change_is_the_next_version_and_leaves_the_rest(database):
    told = change_settings({"card_cap": 20_000, "good_days": 3}, "somebody", NOW)
    assert (told.version, told.made_by) == (2, "somebody")
    assert newest_settings().settings() == told.settings()
    assert (told.settings().card_cap, told.settings().good_days) == (20_000, 3)
    assert told.settings().unsent_cap == DEFAULTS.unsent_cap


def test_terminals_are_told_the_newest_settings_once(downlinks):
    _, (raw,) = downlinks()[Table.SETTINGS]
    assert decode_settings(raw) == DEFAULTS
    assert Table.SETTINGS not in downlinks(SETTINGS=1)
    change_settings({"card_cap": 20_000}, "somebody", NOW)
    header, (raw,) = downlinks(SETTINGS=1)[Table.SETTINGS]
    assert (header.base, header.version, header.good_until) == (0, 2, 0)
    assert decode_settings(raw).card_cap == 20_000


def test_tables_that_somebody_gains_by_freezing_are_good_until_the_settings_say(downlinks):
    change_settings({"good_days": 2}, "somebody", NOW)
    told = downlinks()
    ends = {table: header.good_until and header.good_until - header.issued_at for table, (header, _) in told.items()}
    assert ends == {Table.TARIFF: 2 * _DAY, Table.HOTLIST: 2 * _DAY, Table.SETTINGS: 0, Table.KEYS: 0}


def test_a_terminal_that_holds_the_key_table_is_sent_none(downlinks):
    assert Table.KEYS not in downlinks(KEYS=1)
    assert downlinks.newest[Table.KEYS] == 1


def test_the_key_table_is_what_enrolment_gave_but_its_own_key(downlinks, teller):
    header, body = downlinks()[Table.KEYS]
    table = read_key_table(body)
    assert (header.base, header.version) == (0, 1)
    assert table.versions(Role.CHAIN) == []
    assert all(table.held[name] == key for name, key in teller.public.held.items() if name in table.held)
    assert table.versions(Role.DEBIT_MAC) == [1]


def test_a_revoked_terminal_is_given_no_keys(client, teller):
    revoke_terminal(teller.number)
    response = client.post("/sync/v1/bundle", teller.bundle(1, 0), content_type="application/cbor")
    assert response.status_code in (401, 403)
