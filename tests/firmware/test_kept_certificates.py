"""The table of certificates at a terminal: kept like the others, and no signature checked before a purse is used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.packed_shelf import Kept, PackedShelf, packed_key
from firmware.purse_memory import PurseName
from onecard.certificate_table import CERTIFICATES, certificate_row
from onecard.downlink import Table
from onecard.inbox_names import chunk_name, version_name
from onecard.keys import KeyRing, Role
from onecard.packed_table import PackedTable
from onecard.purse.bounds import Bound
from onecard.records import Applied, decode_record
from sync_daemon.inbox import Inbox
from tests.firmware.bed import CHAIN_KEY, NUMBER, Server, make_data, make_inbox, server_public, start_here
from tools.bench.till import Issuer, uids

_ISSUER = Issuer()
_UIDS = uids(3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A terminal not started yet; three chunks of certificates in its inbox."""
    make_data(tmp_path / "data", _ISSUER)
    server = Server(tmp_path / "data")
    server.certificates(1, _image(0, 1), _image(1, 1))
    server.certificates(2, _image(0, 2))
    server.certificates(3, _image(2, 5, floor_counter=9, floor_debited=800))
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Server:
    return Server(data)


def _image(place: int, load: int, **changes: object) -> bytes:
    return _ISSUER.certificate(_UIDS[place], load, 1000 * load, **changes)


def _forged(image: bytes) -> bytes:
    return image[:-1] + bytes([image[-1] ^ 1])


def _loads(station: Station) -> list[int | None]:
    """L of the best certificate of each purse."""
    held = [station.books.memory.certificate(PurseName(uid, 0)) for uid in _UIDS]
    return [None if one is None else one[0].load_sequence for one in held]


def _told(station: Station) -> list[int]:
    records = (decode_record(e.kind, e.payload) for e in station.journal.entries(missing=lambda _: None))
    return [record.version for record in records if isinstance(record, Applied) and record.table == Table.CERTIFICATES]


def _keep(station: Station) -> None:
    while station.packed.keep(station.clock.monotonic()):
        pass


def _daemon(data: Path) -> Inbox:
    return Inbox(data, KeyRing({(Role.SERVER_SIGN, 1): server_public()}), NUMBER)


def _chunks(data: Path) -> list[str]:
    return sorted(file.name for file in (data / "inbox/certificates").iterdir())


def test_a_table_full_of_bad_signatures_starts_fine_and_not_one_is_checked(data: Path) -> None:
    """100,000 rows: a start that looked at each would take ten seconds, and tell of each."""
    shutil.rmtree(data / "inbox")
    make_inbox(data)
    image = _forged(_image(0, 1))
    rows = (certificate_row(image[:20] + place.to_bytes(7, "big") + image[27:]) for place in range(1, 100_001))
    kept = Kept(PackedTable(CERTIFICATES, 9, b"".join(rows)), 0)
    PackedShelf(data / "packed", NUMBER, packed_key(CHAIN_KEY)).put(Table.CERTIFICATES, kept)
    station = start_here(data)
    assert len(station.books.memory.certificates.table) == 100_000
    assert list(station.books.memory.certificates.faults) == []
    for place in (1, 100_000):
        assert station.books.memory.certificate(PurseName(place.to_bytes(7, "big"), 0)) is None
        assert place.to_bytes(7, "big").hex() in station.books.memory.certificates.faults[-1]
    station.close()


def test_a_certificate_that_would_replace_a_better_one_is_refused_and_the_others_are_taken(
    data: Path, server: Server
) -> None:
    station = start_here(data)
    server.certificates(4, _forged(_image(0, 9)), _image(1, 2), _image(2, 4))
    station.intake.take(station.teller)
    assert _loads(station) == [2, 2, 5]
    name, why = chunk_name(Table.CERTIFICATES, 4), "load certificate: the signature of the certificate is wrong"
    assert station.intake.refused == {name: why}
    station.close()


def test_certificates_are_the_same_after_a_restart_with_the_inbox_and_without(data: Path) -> None:
    for empty_inbox in (False, False, True):
        if empty_inbox:
            shutil.rmtree(data / "inbox")
        station = start_here(data)
        assert _loads(station) == [2, 1, 5]
        assert station.books.memory.bounds(PurseName(_UIDS[2], 0)) == [Bound(9, 800)]
        assert _told(station) == [3]
        assert station.intake.refused == {}
        _keep(station)
        station.close()


def test_a_cut_between_keeping_and_removing_changes_nothing_and_the_chunks_go_later(data: Path) -> None:
    station = start_here(data)
    _keep(station)
    station.close()
    assert len(_chunks(data)) == 3
    station = start_here(data)
    assert (_loads(station), _told(station), station.intake.refused) == ([2, 1, 5], [3], {})
    versions, faults = _daemon(data).packed_versions()
    assert (versions[Table.CERTIFICATES], faults, _chunks(data)) == (3, [], [])
    station.intake.take(station.teller)
    assert (_loads(station), _told(station), station.intake.refused) == ([2, 1, 5], [3], {})
    station.close()


def test_the_inbox_stays_bounded_however_many_certificates_come(data: Path, server: Server) -> None:
    station, daemon = start_here(data), _daemon(data)
    for version in range(4, 200):
        server.certificates(version, _image(0, version))
        station.intake.take(station.teller)
        _keep(station)
        assert daemon.packed_versions()[0][Table.CERTIFICATES] == version
        assert len(_chunks(data)) <= 64
    assert _loads(station)[0] == 199
    station.close()


def test_a_kept_table_that_is_damaged_is_told_set_aside_and_asked_for_anew(data: Path, server: Server) -> None:
    station = start_here(data)
    _keep(station)
    station.close()
    _daemon(data).packed_versions()
    file = data / "packed/certificates" / version_name(3)
    file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1]))
    station = start_here(data)
    assert _loads(station) == [None, None, None]
    assert "is passed over" in station.packed.faults[0]
    assert station.packed.faults[1] == "certificates version 0 is in force: version 3 was"
    assert _told(station) == [3, 0]
    assert _daemon(data).packed_versions()[0][Table.CERTIFICATES] == 0
    server.table(Table.CERTIFICATES, 3, [_image(0, 2), _image(1, 1)], chunk_name(Table.CERTIFICATES, 3))
    station.intake.take(station.teller)
    assert _loads(station) == [2, 1, None]
    station.close()


def test_a_server_put_back_from_a_backup_makes_no_certificate_older(data: Path, server: Server) -> None:
    """It begins anew with base 0; what the issuer signed since the backup stays."""
    station = start_here(data)
    later = (1 << 32) + 2
    server.table(Table.CERTIFICATES, later, [_image(0, 1), _image(1, 2)], chunk_name(Table.CERTIFICATES, later))
    station.intake.take(station.teller)
    assert _loads(station) == [2, 2, 5]
    assert (_told(station), station.intake.refused) == ([3, later], {})
    station.close()
