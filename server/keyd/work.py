"""What the key process does for each request: arguments checked, keys used, results given. No sockets here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onecard import bundle, cbor, enrolment, keys, sealing
from onecard.desk import CardKeys, CardScript, Renewal, seal_renewal, seal_script
from onecard.downlink import Header, Table, pack_downlink
from onecard.enrolment import Identity
from onecard.envelope import BadEnvelope, Envelope, open_envelope
from onecard.errors import OnecardError
from onecard.identity import TERMINAL_NUMBER_MAX, TerminalNumber
from onecard.key_table import key_table, key_table_version, write_key_table
from onecard.keys import KeyRing, Role
from onecard.purse import certificate as certificates
from onecard.purse import record as records
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import SLOTS
from server.keyd.card_keys import UnknownFamily, card_keys
from server.keyd.issued import IssuedLog, Reason
from server.keyd.statement import read_statement
from server.keyd.store import Secrets
from server.keyd.wire import Op

_TEXT_MAX = 120
_PURSES = 1 << 4
"""A certificate gives the purse's number four bits (docs/purse.md, Bytes)."""


class BadRequest(OnecardError):
    """A request the key process does not serve."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the key process refuses: {why}")


class KeyWork:
    """The key process's answers. Used by several threads; the log has its own lock, the keys do not change."""

    def __init__(self, secrets: Secrets, log: IssuedLog, now: Callable[[], int]) -> None:
        """`now` gives UTC seconds; it only dates rows of the log."""
        self._secrets = secrets
        self._log = log
        self._now = now

    def answer(self, request: list[cbor.Value]) -> list[cbor.Value]:
        """The results of one request. Raises `OnecardError`s."""
        match request:
            case [Op.PUBLIC]:
                held = self._secrets.public().held
                return [[[int(role), version, key] for (role, version), key in sorted(held.items())]]
            case [Op.SIGN, int(role), int(version), bytes(message)]:
                return list(self._sign(role, version, message))
            case [Op.UNSEAL_RUN, bytes(raw)]:
                return list(self._unseal_run(open_envelope(raw)))
            case [Op.ENROL, int(number), str(code), str(name), bytes(public)]:
                return [self._enrol(number, code, name, public)]
            case [Op.KEYS, int(number), bytes(public), int(held), int(at)]:
                return self._keys(number, public, held, at)
            case [Op.ISSUE, list(statement), int(reason), int(delta)]:
                return [self._issue(statement, reason, delta)]
            case [Op.LATEST, bytes(uid), int(purse)]:
                return self._latest(uid, purse)
            case [Op.PERSONALISE, bytes(image), int(family), bytes(public)]:
                return [self._personalise(image, family, public)]
            case [Op.RENEW, bytes(uid), int(family), bytes(public)]:
                return [self._renew(uid, family, public)]
        raise BadRequest("this is no request of this protocol")

    def _sign(self, role: int, version: int, message: bytes) -> tuple[int, bytes]:
        if role != Role.SERVER_SIGN:
            raise BadRequest(f"only SERVER_SIGN signs messages, not key role {role}")
        newest, _ = self._secrets.newest(Role.SERVER_SIGN)
        used = version or newest
        return used, keys.sign(self._secrets.ring.key(Role.SERVER_SIGN, used), b"", message)

    def _unseal_run(self, envelope: Envelope) -> tuple[bytes, bytes]:
        if envelope.key_id.sender != b"T":
            raise BadEnvelope("it is not a terminal's")
        chain = self._chain_key(envelope.key_id.number)
        failure: sealing.BadSeal | None = None
        for _, private in self._secrets.ring.newest_first(Role.SERVER_SEAL):
            try:
                return bundle.unseal_run(envelope, private), chain
            except sealing.BadSeal as error:
                failure = error
        assert failure is not None
        raise failure

    def _enrol(self, number: int, code: str, name: str, public: bytes) -> bytes:
        if not (1 <= number <= TERMINAL_NUMBER_MAX and max(len(code), len(name)) <= _TEXT_MAX):
            raise BadRequest(f"terminal {number} cannot be enrolled with these facts")
        held = dict(key_table(self._secrets.public(), self._secrets.ring).held)
        held[Role.CHAIN, self._secrets.newest(Role.CHAIN)[0]] = self._chain_key(number)
        identity = Identity(TerminalNumber(number), code, name, KeyRing(held))
        version, private = self._secrets.newest(Role.SERVER_SIGN)
        with _checked_receiver():
            return enrolment.pack_answer(identity, public, version, lambda message: keys.sign(private, b"", message))

    def _keys(self, number: int, public: bytes, held: int, at: int) -> list[cbor.Value]:
        """The newest key table's version; and the table itself, sealed to the terminal, when it holds an earlier one.
        It holds what an enrolment gives and no more. Whether the terminal is believed the web process decides."""
        if not (1 <= number <= TERMINAL_NUMBER_MAX and 0 <= at < 1 << 37):
            raise BadRequest(f"terminal {number} cannot be given keys at {at}")
        version = key_table_version(self._secrets.ring)
        if held >= version:
            return [version]
        header = Header(number, Table.KEYS, 0, version, at, 0)
        body = write_key_table(key_table(self._secrets.public(), self._secrets.ring))
        signing, private = self._secrets.newest(Role.SERVER_SIGN)
        with _checked_receiver():
            return [
                version,
                pack_downlink(header, body, public, signing, lambda message: keys.sign(private, b"", message)),
            ]

    def _issue(self, statement: list[cbor.Value], reason: int, delta: int) -> bytes:
        version, private = self._secrets.newest(Role.ISSUER)
        certificate = read_statement(statement, version)
        if reason not in {int(known) for known in Reason} or abs(delta) >= 1 << 32:
            raise BadRequest(f"reason {reason} with a change of {delta} is not known")
        return self._log.issue(
            certificate, Reason(reason), delta, self._now(), lambda domain, payload: keys.sign(private, domain, payload)
        )

    def _latest(self, uid: bytes, purse: int) -> list[cbor.Value]:
        if not 0 <= purse < _PURSES:
            raise BadRequest(f"no card has a purse {purse}")
        image = self._log.latest(uid, purse)
        return [] if image is None else [image]

    def _personalise(self, image: bytes, family: int, station_public: bytes) -> bytes:
        certificate = certificates.verified(image, self._secrets.public())
        uid, purse = certificate.uid, certificate.purse
        if certificate.load_sequence != 1 or not self._log.holds(image, uid, purse, 1):
            raise BadRequest(f"card {uid.hex()} is personalised with its first certificate only")
        _, debit_master = self._secrets.newest(Role.DEBIT_MAC)
        ring = first_ring(records.record_key(debit_master, uid), purse)
        keys = self._card_keys(uid, family)[0]
        script = CardScript(uid, family, certificate.card_number, purse, image, ring, keys)
        with _checked_receiver():
            return seal_script(script, station_public)

    def _renew(self, uid: bytes, family: int, station_public: bytes) -> bytes:
        """Every version of an issued card's keys. Which station may have them the web process decides by its jobs; the
        keys open that one card and can load nothing."""
        if self._log.latest(uid, 0) is None:
            raise BadRequest(f"card {uid.hex()} was never issued")
        renewal = Renewal(uid, family, tuple(self._card_keys(uid, family)))
        with _checked_receiver():
            return seal_renewal(renewal, station_public)

    def _card_keys(self, uid: bytes, family: int) -> list[CardKeys]:
        try:
            return card_keys(self._secrets.ring, uid, family)
        except UnknownFamily as error:
            raise BadRequest(str(error)) from error

    def _chain_key(self, terminal: int) -> bytes:
        return keys.chain_key(self._secrets.newest(Role.CHAIN)[1], terminal)


@contextmanager
def _checked_receiver() -> Iterator[None]:
    """An X25519 key of small order, which a hostile terminal may send, is refused by the arithmetic itself."""
    try:
        yield
    except ValueError as error:
        raise BadRequest("nothing can be sealed to this X25519 key") from error


def first_ring(key: bytes, purse: int) -> bytes:
    """The 48 bytes of a new card's ring: counters 0, 1, 2, nothing debited, terminal 0, certificate copy 0 with L 1."""
    reference = LoadReference.of(copy=0, load_sequence=1)
    return b"".join(records.encode(DebitRecord(counter, reference, 0, 0, 0), key, purse) for counter in range(SLOTS))
