"""The key store: a directory of key files that nobody but the key process may read.

    DIR/             mode 0700
    DIR/<role>.<version>   mode 0600; the raw key: 16 bytes AES-128, 32 bytes Ed25519 or X25519 private, 32 bytes CHAIN

The role is the name of `onecard.keys.Role` in lower case. Several versions of a role may stand side by side; the
highest is used for new work. CHAIN has one version for ever: a terminal's chain key must not change under its journal.
Looser modes, a foreign owner, or a file that does not belong there are errors: a store that others could read is lost.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard.errors import OnecardError
from onecard.keys import KeyRing, Role

KEY_SIZES: Mapping[Role, int] = {
    Role.DEBIT_MAC: 16,
    Role.CLASSIC_READ_WRITE: 16,
    Role.CLASSIC_PERSONALISE: 16,
    Role.ISSUER: 32,
    Role.SERVER_SIGN: 32,
    Role.SERVER_SEAL: 32,
    Role.CHAIN: 32,
    Role.DESFIRE_DEBIT: 16,
    Role.DESFIRE_PERSONALISE: 16,
}
_COMING: Mapping[Role, int] = {Role.DEBIT_MAC_NEXT: 16}
"""Roles of which a store may hold a key."""
RENEWABLE = (
    Role.DEBIT_MAC,
    Role.CLASSIC_READ_WRITE,
    Role.CLASSIC_PERSONALISE,
    Role.DESFIRE_DEBIT,
    Role.DESFIRE_PERSONALISE,
)
"""Masters of card keys, which may get newer versions while cards bear the earlier ones (P-R27)."""
VERSION_MAX = 255
ISSUED_LOG = "issued.sqlite3"
"""The log of issued certificates lies beside the keys."""
_SIGNING = (Role.ISSUER, Role.SERVER_SIGN)
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


class BadKeyStore(OnecardError):
    """A key store that is missing, incomplete, damaged, or open to others."""

    def __init__(self, path: Path, why: str, cure: str) -> None:
        self.path = path
        self.why = why
        self.cure = cure
        super().__init__(f"key store {path}: {why}: {cure}")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every key of the store: private halves of the asymmetric ones."""

    ring: KeyRing = field(repr=False)

    def newest(self, role: Role) -> tuple[int, bytes]:
        """(version, key) of the role's highest version."""
        return next(self.ring.newest_first(role))

    def public(self) -> KeyRing:
        """The public halves: ISSUER, SERVER_SIGN and SERVER_SEAL, 32 bytes each."""
        return KeyRing({name: _public(name[0], key) for name, key in self.ring.held.items() if _is_asymmetric(name[0])})


def create(directory: Path, random: Callable[[int], bytes]) -> None:
    """Make a store with version 1 of every role; whole or not at all. Raises `BadKeyStore` when one is there.

    `random(n)` gives n secret bytes.
    """
    if directory.exists() and any(directory.iterdir()):
        raise BadKeyStore(directory, "it is not empty", "keys are never overwritten; choose another directory")
    fresh = directory.with_name(directory.name + ".new")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir(mode=_DIRECTORY_MODE)
    except OSError as error:
        raise BadKeyStore(
            fresh, str(error), "remove what an interrupted `keys init` left, or free the place"
        ) from error
    for role, size in KEY_SIZES.items():
        _write(fresh / _file_name(role, 1), random(size))
    _sync_directory(fresh)
    fresh.rename(directory)
    _sync_directory(directory.parent)


def renew(directory: Path, role: Role, random: Callable[[int], bytes]) -> int:
    """Add the next version of a card key to the store; the version. Raises `BadKeyStore`.

    A DEBIT_MAC comes as DEBIT_MAC_NEXT, and is in use when `activate` says so (onecard.key_table). A key process that
    runs goes on with the keys it knows until it is started again.
    """
    assert role in RENEWABLE
    held = load(directory)
    version = held.newest(role)[0] + 1
    if role is Role.DEBIT_MAC:
        if held.ring.versions(Role.DEBIT_MAC_NEXT):
            raise BadKeyStore(
                directory,
                "a coming debit_mac is not in use yet",
                "when every terminal holds it, `onecard keys activate`; then renew again",
            )
        role = Role.DEBIT_MAC_NEXT
    if version > VERSION_MAX:
        raise BadKeyStore(directory, f"{role.name.lower()} has had {VERSION_MAX} versions", "make keys of a new chain")
    fresh = directory.with_name(f"{directory.name}.{_file_name(role, version)}")  # a cut leaves the store as it was
    fresh.unlink(missing_ok=True)
    _write(fresh, random(_size(role)))
    fresh.rename(directory / _file_name(role, version))
    _sync_directory(directory)
    return version


def activate(directory: Path) -> int:
    """Let the coming DEBIT_MAC be the one that records are written under; its version. Raises `BadKeyStore`."""
    coming = load(directory).ring.versions(Role.DEBIT_MAC_NEXT)
    if not coming:
        raise BadKeyStore(directory, "no debit_mac is coming", "make one with `onecard keys renew`")
    version = coming[0]
    (directory / _file_name(Role.DEBIT_MAC_NEXT, version)).rename(directory / _file_name(Role.DEBIT_MAC, version))
    _sync_directory(directory)
    return version


def load(directory: Path) -> Secrets:
    """The keys of a store. Raises `BadKeyStore`."""
    try:
        _check_mode(directory, _DIRECTORY_MODE)
        paths = sorted(directory.iterdir())
    except OSError as error:
        cure = f"make one with `onecard keys init --data {directory}`"
        raise BadKeyStore(directory, error.strerror or str(error), cure) from error
    held: dict[tuple[Role, int], bytes] = {}
    for path in paths:
        _check_mode(path, _FILE_MODE)
        if not path.name.startswith(ISSUED_LOG):
            name = _parse_name(path)
            held[name] = _read(path, _size(name[0]))
    missing = [role.name.lower() for role in KEY_SIZES if not any(held_role is role for held_role, _ in held)]
    if missing:
        raise BadKeyStore(directory, f"no key for {', '.join(missing)}", "bring the store back from its safe copy")
    if sum(role is Role.CHAIN for role, _ in held) != 1:
        raise BadKeyStore(directory, "more than one chain key", "keep chain.1 alone; it is never renewed")
    return Secrets(KeyRing(held))


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, size: int) -> bytes:
    content = path.read_bytes()
    if len(content) != size:
        raise BadKeyStore(path, f"{len(content)} bytes, {size} are expected", "bring the store back from its safe copy")
    return content


def _check_mode(path: Path, allowed: int) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise BadKeyStore(path, "it is a symbolic link", "put the file itself there")
    if status.st_uid != os.geteuid():
        raise BadKeyStore(path, f"it belongs to user {status.st_uid}", f"chown it to user {os.geteuid()}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~allowed:
        raise BadKeyStore(path, f"its mode is {mode:04o}, others may use it", f"chmod {allowed:04o} {path}")


def _parse_name(path: Path) -> tuple[Role, int]:
    role, _, version = path.name.partition(".")
    known = {_file_name(candidate, 0).partition(".")[0]: candidate for candidate in (*KEY_SIZES, *_COMING)}
    if role not in known or not (version.isascii() and version.isdigit() and 1 <= int(version) <= VERSION_MAX):
        raise BadKeyStore(path, "this file is no key", "move it out of the key store")
    return known[role], int(version)


def _file_name(role: Role, version: int) -> str:
    return f"{role.name.lower()}.{version}"


def _size(role: Role) -> int:
    return _COMING[role] if role in _COMING else KEY_SIZES[role]


def _is_asymmetric(role: Role) -> bool:
    return role in _SIGNING or role is Role.SERVER_SEAL


def _public(role: Role, private: bytes) -> bytes:
    if role in _SIGNING:
        return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
