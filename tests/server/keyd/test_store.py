"""A store that others could read is refused, with the cure; secrets do not show themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from onecard.keys import Role
from server.keyd import store
from server.keyd.store import BadKeyStore
from tools.keys import command


def test_a_missing_store_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(BadKeyStore, match="keys init"):
        store.load(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o700])
def test_a_key_file_open_to_others_is_refused_with_chmod(directory: Path, mode: int) -> None:
    (directory / "issuer.1").chmod(mode)
    with pytest.raises(BadKeyStore, match=rf"chmod 0600 {directory}/issuer.1"):
        store.load(directory)


def test_a_directory_open_to_others_is_refused_with_chmod(directory: Path) -> None:
    directory.chmod(0o750)
    with pytest.raises(BadKeyStore, match=f"chmod 0700 {directory}"):
        store.load(directory)


def test_a_key_behind_a_symbolic_link_is_refused(directory: Path) -> None:
    (directory / "issuer.1").rename(directory.parent / "elsewhere")
    (directory / "issuer.1").symlink_to(directory.parent / "elsewhere")
    with pytest.raises(BadKeyStore, match="symbolic link"):
        store.load(directory)


def test_a_file_that_is_no_key_is_refused(directory: Path) -> None:
    path = directory / "issuer.bak"
    path.touch(mode=0o600)
    with pytest.raises(BadKeyStore, match="no key"):
        store.load(directory)


def test_a_cut_key_file_is_refused(directory: Path) -> None:
    (directory / "debit_mac.1").write_bytes(bytes(15))
    with pytest.raises(BadKeyStore, match="15 bytes, 16"):
        store.load(directory)


def test_a_role_without_a_key_is_named(directory: Path) -> None:
    (directory / "server_seal.1").unlink()
    with pytest.raises(BadKeyStore, match="no key for server_seal"):
        store.load(directory)


def test_a_second_chain_key_is_refused(directory: Path) -> None:
    (directory / "chain.2").touch(mode=0o600)
    (directory / "chain.2").write_bytes(bytes(32))
    with pytest.raises(BadKeyStore, match=r"chain\.1"):
        store.load(directory)


def test_keys_are_never_overwritten(directory: Path) -> None:
    before = (directory / "issuer.1").read_bytes()
    with pytest.raises(BadKeyStore, match="never overwritten"):
        store.create(directory, os.urandom)
    assert (directory / "issuer.1").read_bytes() == before


def test_an_interrupted_init_leaves_no_store(tmp_path: Path) -> None:
    calls = iter(range(3))

    def failing(size: int) -> bytes:
        next(calls)
        return os.urandom(size)

    with pytest.raises(StopIteration):
        store.create(tmp_path / "keys", failing)
    assert not (tmp_path / "keys").exists()


def test_the_newest_version_of_a_role_is_used(directory: Path) -> None:
    path = directory / "issuer.2"
    path.touch(mode=0o600)
    path.write_bytes(b"\x07" * 32)
    assert store.load(directory).newest(Role.ISSUER) == (2, b"\x07" * 32)


def test_secrets_show_themselves_neither_in_repr_nor_in_the_list(directory: Path) -> None:
    secrets = store.load(directory)
    printed = repr(secrets) + str(secrets)
    shown = CliRunner().invoke(command, ["show", "--data", str(directory)])
    assert shown.exit_code == 0
    for key in secrets.ring.held.values():
        assert key.hex() not in printed + shown.output
        assert repr(key)[2:-1] not in printed + shown.output
    for key in secrets.public().held.values():
        assert key.hex() in shown.output


def test_a_renewed_key_stands_beside_the_earlier_one(directory: Path) -> None:
    before = store.load(directory).ring.held
    assert CliRunner().invoke(command, ["renew", "--data", str(directory), "desfire_debit"]).exit_code == 0
    after = store.load(directory).ring
    assert after.versions(Role.DESFIRE_DEBIT) == [2, 1]
    assert before.items() <= after.held.items()
    assert after.key(Role.DESFIRE_DEBIT, 1) != after.key(Role.DESFIRE_DEBIT, 2)
    assert (directory / "desfire_debit.2").stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_under_a_coming_record_key_before_somebody_says_so(directory: Path) -> None:
    assert CliRunner().invoke(command, ["activate", "--data", str(directory)]).exit_code == 1
    assert CliRunner().invoke(command, ["renew", "--data", str(directory), "debit_mac"]).exit_code == 0
    coming = store.load(directory)
    assert coming.ring.versions(Role.DEBIT_MAC) == [1]
    assert coming.ring.versions(Role.DEBIT_MAC_NEXT) == [2]
    with pytest.raises(BadKeyStore, match="not in use yet"):
        store.renew(directory, Role.DEBIT_MAC, os.urandom)
    assert CliRunner().invoke(command, ["activate", "--data", str(directory)]).exit_code == 0
    used = store.load(directory).ring
    assert used.versions(Role.DEBIT_MAC) == [2, 1]
    assert used.key(Role.DEBIT_MAC, 2) == coming.ring.key(Role.DEBIT_MAC_NEXT, 2)
    assert used.versions(Role.DEBIT_MAC_NEXT) == []
    assert store.renew(directory, Role.DEBIT_MAC, os.urandom) == 3


@pytest.mark.parametrize("role", ["chain", "issuer", "server_sign", "server_seal"])
def test_only_masters_of_card_keys_are_renewed(directory: Path, role: str) -> None:
    assert CliRunner().invoke(command, ["renew", "--data", str(directory), role]).exit_code == 2
    assert store.load(directory).ring.held.keys() == {(role, 1) for role in store.KEY_SIZES}


def test_a_renewal_cut_in_mid_write_leaves_the_store_good(directory: Path) -> None:
    torn = directory.with_name("keys.debit_mac_next.2")
    torn.write_bytes(bytes(3))
    assert store.load(directory).newest(Role.DEBIT_MAC)[0] == 1
    assert store.renew(directory, Role.DEBIT_MAC, os.urandom) == 2
    assert store.load(directory).newest(Role.DEBIT_MAC_NEXT)[0] == 2
