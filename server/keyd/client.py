"""The key process as the web process sees it: requests over its unix socket, never a secret of the chain."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from onecard import cbor
from onecard.errors import OnecardError
from onecard.keys import KeyRing, Role
from onecard.purse.certificate import Certificate
from server.keyd import wire
from server.keyd.issued import Reason
from server.keyd.statement import write_statement
from server.keyd.wire import Op

_ANSWER_SECONDS = 20.0


class KeyProcessGone(OnecardError):
    """The key process cannot be reached; nothing can be signed or opened until it is."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"no key process at {path} ({why}): start it with `onecard keys serve`")


class KeyProcessRefused(OnecardError):
    """The key process answered that it will not; `why` is its own message."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class KeyProcess:
    """Requests to the key process, one connection each: it may be restarted at any time between two of them.

    Every method raises `KeyProcessGone` and `KeyProcessRefused`. Used by any number of threads.
    """

    def __init__(self, path: Path) -> None:
        """`path` of its socket; nothing is opened yet."""
        self._path = path

    def server_public(self) -> KeyRing:
        """The public keys of ISSUER, SERVER_SIGN and SERVER_SEAL, 32 bytes each."""
        match self._ask(Op.PUBLIC):
            case [list(rows)]:
                return KeyRing(dict(_public_key(row) for row in rows))
        raise self._odd()

    @property
    def signer_version(self) -> int:
        """The version of the SERVER_SIGN key that signs now."""
        return self.server_public().versions(Role.SERVER_SIGN)[0]

    def sign(self, role: Role, message: bytes, version: int = 0) -> tuple[int, bytes]:
        """(version, 64-byte signature) of `message` with the newest or the named key of SERVER_SIGN; no other role
        signs messages."""
        match self._ask(Op.SIGN, int(role), version, message):
            case [int(used), bytes(signature)]:
                return used, signature
        raise self._odd()

    def server_signer(self) -> tuple[int, Callable[[bytes], bytes]]:
        """The version and the signer that `seal_envelope` and its callers want, for one envelope or several."""
        version = self.signer_version
        return version, lambda message: self.sign(Role.SERVER_SIGN, message, version)[1]

    def unseal_run(self, envelope: bytes) -> tuple[bytes, bytes]:
        """The plaintext of a bundle's envelope, and its terminal's 32-byte journal chain key. The caller has verified
        the envelope under that terminal's key."""
        match self._ask(Op.UNSEAL_RUN, envelope):
            case [bytes(plaintext), bytes(chain_key)]:
                return plaintext, chain_key
        raise self._odd()

    def enrol(self, number: int, site_code: str, site_name: str, sealing_public: bytes) -> bytes:
        """The envelope that answers an enrolment, with this terminal's keys sealed to its 32-byte X25519 key."""
        return self._ask_for_bytes(Op.ENROL, number, site_code, site_name, sealing_public)

    def keys_for(self, number: int, sealing_public: bytes, held: int, at: int) -> tuple[int, bytes | None]:
        """The key table's newest version; and its downlink, sealed to the terminal's 32-byte X25519 key and issued at
        UTC second `at`, when the version it holds is below. The caller has verified that the terminal is active."""
        match self._ask(Op.KEYS, number, sealing_public, held, at):
            case [int(version)]:
                return version, None
            case [int(version), bytes(envelope)]:
                return version, envelope
        raise self._odd()

    def issue_certificate(self, statement: Certificate, reason: Reason, delta: int) -> bytes:
        """The 96 bytes of a load certificate; `statement.key_id` is ignored, `delta` is by how much P moved.

        Refused unless L is 1 for a new purse or one above the last issued; the same statement again gives the same
        bytes. After a transaction that was rolled back L may be ahead of the database: see `latest_certificate`.
        """
        return self._ask_for_bytes(Op.ISSUE, write_statement(statement), int(reason), delta)

    def latest_certificate(self, uid: bytes, purse: int) -> bytes | None:
        """The purse's certificate with the highest L ever issued; None when there is none."""
        match self._ask(Op.LATEST, uid, purse):
            case []:
                return None
            case [bytes(image)]:
                return image
        raise self._odd()

    def personalisation(self, certificate: bytes, family: int, sealing_public: bytes) -> bytes:
        """The card script (`onecard.desk.open_script`) that makes the certificate's card of a blank one of that family,
        sealed to a desk station's 32-byte X25519 key. `certificate` is the purse's first, as issued by this process."""
        return self._ask_for_bytes(Op.PERSONALISE, certificate, family, sealing_public)

    def renewal(self, uid: bytes, family: int, sealing_public: bytes) -> bytes:
        """The renewal (`onecard.desk.open_renewal`) of an issued card's keys, sealed to a desk station's 32-byte X25519
        key."""
        return self._ask_for_bytes(Op.RENEW, uid, family, sealing_public)

    def _ask_for_bytes(self, op: Op, *arguments: cbor.Value) -> bytes:
        match self._ask(op, *arguments):
            case [bytes(result)]:
                return result
        raise self._odd()

    def _ask(self, op: Op, *arguments: cbor.Value) -> list[cbor.Value]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_ANSWER_SECONDS)
                connection.connect(str(self._path))
                wire.send(connection, [int(op), *arguments])
                reply = wire.receive(connection)
        except (OSError, wire.BadFrame) as error:
            raise KeyProcessGone(self._path, str(error)) from error
        if reply is None:
            raise KeyProcessGone(self._path, "it hung up: it serves only processes of its own user")
        results = wire.results_of(reply)
        if isinstance(results, str):
            raise KeyProcessRefused(results)
        return results

    def _odd(self) -> KeyProcessGone:
        return KeyProcessGone(self._path, "it speaks another version of the protocol")


def _public_key(row: cbor.Value) -> tuple[tuple[Role, int], bytes]:
    match row:
        case [int(role), int(version), bytes(key)]:
            return (Role(role), version), key
    raise wire.BadFrame("a public key is not [role, version, key]")
