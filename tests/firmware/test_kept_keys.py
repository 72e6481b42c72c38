"""Keys that come down (P-R27): from the key process's own store to the terminal's SAM, cut at every step.

The centre here is the key process's own code; the daemon is a file laid into the inbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.boot import Station, own_identity
from firmware.kept_keys import KeptKeys
from hardware.sam.software import SoftwareSam
from onecard.cbor import Value
from onecard.downlink import Table, open_downlink
from onecard.enrolment import decode_identity, encode_identity, open_answer, open_keys, seal_keys
from onecard.envelope import open_envelope
from onecard.key_table import read_key_table
from onecard.keys import Role
from onecard.purse import record
from onecard.purse.record import DebitRecord, LoadReference
from onecard.records import Applied, decode_record
from server.keyd import store
from server.keyd.issued import IssuedLog
from server.keyd.wire import Op
from server.keyd.work import KeyWork
from tests.firmware.bed import NUMBER, SEAL_SEED, seal_public, start_here
from tools.bench.till import NOON

_UID = bytes.fromhex("d610b626")


@dataclass
class _Centre:
    """A key store and what the key process answers from it."""

    folder: Path
    data: Path
    renewals: int = 0

    def ask(self, *request: Value) -> list[Value]:
        work = KeyWork(store.load(self.folder), IssuedLog(self.folder / store.ISSUED_LOG), lambda: NOON)
        return work.answer(list(request))

    def enrol(self) -> None:
        (answer,) = self.ask(int(Op.ENROL), NUMBER, "WDK", "五道口", seal_public())
        assert isinstance(answer, bytes)
        identity = open_answer(open_envelope(answer), SEAL_SEED)
        (self.data / "inbox").mkdir(parents=True)
        (self.data / "card.keys").write_bytes(seal_keys(identity, seal_public(), b""))
        (self.data / "identity").write_bytes(encode_identity(identity.public()))
        (self.data / "seal.key").write_bytes(SEAL_SEED)

    def renew(self, role: Role = Role.DEBIT_MAC) -> None:
        """The whole of it: a record key is in use, too."""
        version = store.renew(self.folder, role, lambda size: bytes([role]) * (size - 1) + bytes([self.renewals]))
        self.renewals += 1
        assert version > 1
        if role is Role.DEBIT_MAC:
            store.activate(self.folder)

    def send(self, held: int = 0) -> int:
        """The newest table into the inbox; its version."""
        version, envelope = self.ask(int(Op.KEYS), NUMBER, seal_public(), held, NOON)
        assert isinstance(version, int)
        assert isinstance(envelope, bytes)
        (self.data / "inbox" / "keys").write_bytes(envelope)
        return version

    def master(self, role: Role, version: int) -> bytes:
        return store.load(self.folder).ring.key(role, version)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[_Centre]:
    centre = _Centre(tmp_path / "keys", tmp_path / "data")
    store.create(centre.folder, lambda size: b"\x01" * size)
    centre.enrol()
    yield centre


def test_a_record_key_is_checked_with_before_it_is_written_under(centre: _Centre) -> None:
    """Else a terminal that does not know it yet would undo a debit."""
    first, second = start_here(centre.data), b"\x07" * 16
    store.renew(centre.folder, Role.DEBIT_MAC, lambda size: second)
    centre.send()
    first.intake.take(first.teller)
    assert first.intake.refused == {}
    assert _writes_under(first, centre.master(Role.DEBIT_MAC, 1))
    assert _reads(first, second)
    first.close()
    again = start_here(centre.data)
    assert _writes_under(again, centre.master(Role.DEBIT_MAC, 1))
    assert _reads(again, second), "also after a restart"
    store.activate(centre.folder)
    centre.send()
    again.intake.take(again.teller)
    assert _writes_under(again, second)
    assert _reads(again, centre.master(Role.DEBIT_MAC, 1))
    again.close()


def _reads(station: Station, master: bytes) -> bool:
    written = DebitRecord(3, LoadReference.of(copy=0, load_sequence=1), 100, NUMBER, 0)
    return station.sam.record(record.encode(written, record.record_key(master, _UID), 0), _UID, 0) == written


def _writes_under(station: Station, master: bytes) -> bool:
    written = DebitRecord(3, LoadReference.of(copy=0, load_sequence=1), 100, NUMBER, 0)
    image = station.sam.record_image(written, _UID, 0)
    return record.decode(image, [record.record_key(master, _UID)], 0) is not None


def _applied(station: Station) -> list[int]:
    records = (decode_record(entry.kind, entry.payload) for entry in station.journal.entries())
    return [each.version for each in records if isinstance(each, Applied) and each.table == Table.KEYS]


def _held(data: Path) -> list[int]:
    identity = open_keys((data / "card.keys").read_bytes(), SEAL_SEED, b"", "card.keys")
    return identity.keys.versions(Role.DEBIT_MAC)


def test_a_table_for_another_terminal_changes_nothing(centre: _Centre) -> None:
    centre.renew()
    _, envelope = centre.ask(int(Op.KEYS), NUMBER + 1, seal_public(), 0, NOON)
    assert isinstance(envelope, bytes)
    (centre.data / "inbox" / "keys").write_bytes(envelope)
    station = start_here(centre.data)
    assert "terminal 8" in station.intake.refused["keys"]
    assert _held(centre.data) == [1]
    station.close()


def test_an_older_table_changes_nothing(centre: _Centre) -> None:
    centre.send()
    older = (centre.data / "inbox" / "keys").read_bytes()
    centre.renew()
    centre.send()
    start_here(centre.data).close()
    (centre.data / "inbox" / "keys").write_bytes(older)
    station = start_here(centre.data)
    assert "versions never go back" in station.intake.refused["keys"]
    assert _held(centre.data) == [2, 1]
    station.close()


def test_the_key_process_tells_no_table_to_who_holds_it(centre: _Centre) -> None:
    assert centre.ask(int(Op.KEYS), NUMBER, seal_public(), 1, NOON) == [1]


def test_a_terminal_is_never_given_more_than_its_enrolment_gave(centre: _Centre) -> None:
    centre.send()
    before, _ = own_identity(centre.data, b"")
    opened = open_downlink((centre.data / "inbox" / "keys").read_bytes(), before.keys, NUMBER)
    roles = {role for role, _ in read_key_table(opened.body(SEAL_SEED)).held}
    assert roles == {role for role, _ in before.keys.held} - {Role.CHAIN}


def test_a_renewed_key_is_in_force_without_a_new_enrolment_and_the_earlier_ones_stay(centre: _Centre) -> None:
    station = start_here(centre.data)
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 1))
    centre.renew()
    version = centre.send()
    station.intake.take(station.teller)
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 2))
    assert _applied(station) == [version]
    assert _held(centre.data) == [2, 1]
    station.close()
    again = start_here(centre.data)
    assert _writes_under(again, centre.master(Role.DEBIT_MAC, 2))
    assert _applied(again) == [version], "told once"
    again.close()


def test_a_terminal_offline_during_two_renewals_needs_the_newest_table_only(centre: _Centre) -> None:
    for role in (Role.DEBIT_MAC, Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT):
        centre.renew(role)
    version = centre.send()
    station = start_here(centre.data)
    assert version == 7
    assert _held(centre.data) == [3, 2, 1]
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 3))
    assert len(station.sam.classic_keys(_UID, 1)) == len(station.sam.desfire_keys(_UID, b"\x00\xca\xf0")) == 2
    station.close()


@pytest.mark.parametrize("done", ["nothing", "card.keys", "card.keys and identity", "in force, not told"])
def test_a_cut_at_any_step_is_made_good_at_the_next_start(done: str, centre: _Centre) -> None:
    """The table is in the inbox still: the next start does what is missing, and each file is whole before."""
    before = {name: (centre.data / name).read_bytes() for name in ("card.keys", "identity")}
    start_here(centre.data).close()
    centre.renew()
    version = centre.send()
    secret, seal_private = own_identity(centre.data, b"")
    if done != "nothing":
        table = open_downlink((centre.data / "inbox" / "keys").read_bytes(), secret.keys, NUMBER).body(seal_private)
        keeper = KeptKeys(centre.data, secret, seal_public(), b"", SoftwareSam(secret.keys))
        keeper.take(read_key_table(table))
    if done == "card.keys":
        (centre.data / "identity").write_bytes(before["identity"])
    station = start_here(centre.data)
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 2))
    assert _applied(station) == [version]
    assert _held(centre.data) == [2, 1]
    public = decode_identity((centre.data / "identity").read_bytes(), "identity")
    assert public == station.identity
    station.close()


def test_a_cut_before_the_public_keys_are_told_is_made_good(centre: _Centre) -> None:
    """The daemon reads `identity` alone: it would go on without the new issuer key."""
    before = (centre.data / "identity").read_bytes()
    issuer = centre.folder / "issuer.2"
    issuer.touch(mode=0o600)
    issuer.write_bytes(b"\x07" * 32)
    centre.send()
    start_here(centre.data).close()
    (centre.data / "identity").write_bytes(before)
    station = start_here(centre.data)
    told = decode_identity((centre.data / "identity").read_bytes(), "identity")
    assert told.keys.versions(Role.ISSUER) == [2, 1]
    assert station.books.memory.keys.versions(Role.ISSUER) == [2, 1]
    station.close()


def test_keys_that_the_disk_does_not_take_are_not_in_force_and_are_tried_again(centre: _Centre) -> None:
    station = start_here(centre.data)
    centre.renew()
    version = centre.send()
    (centre.data / ".card.keys.new").mkdir()
    station.intake.take(station.teller)
    assert "could not be written" in station.intake.refused["keys"]
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 1))
    assert _applied(station) == []
    (centre.data / ".card.keys.new").rmdir()
    station.intake.take(station.teller)
    assert station.intake.refused == {}
    assert _writes_under(station, centre.master(Role.DEBIT_MAC, 2))
    assert _applied(station) == [version]
    station.close()


def test_a_table_known_already_writes_no_file(centre: _Centre) -> None:
    """Flash wears: every start reads the table again."""
    centre.send()
    start_here(centre.data).close()
    stamps = [(centre.data / name).stat().st_ino for name in ("card.keys", "identity")]
    start_here(centre.data).close()
    assert [(centre.data / name).stat().st_ino for name in ("card.keys", "identity")] == stamps


def test_card_keys_stay_readable_to_their_owner_alone(centre: _Centre) -> None:
    centre.renew()
    centre.send()
    start_here(centre.data).close()
    assert (centre.data / "card.keys").stat().st_mode & 0o777 == 0o600
