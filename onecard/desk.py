"""What an issuing desk's station and the server say to each other.

Both ways an envelope of domain DESK: the station's with its terminal key, the server's with SERVER_SIGN. Payloads are
strict CBOR arrays; `job` is the server's number of a job, `ring` 48 bytes as in a journal's INTENT or none.

    station → server                                    server → station
    [1, 1]                          next                [1, 1, station]                                       idle
    [1, 2, job, uid, family, found, ring]  card         [1, 2, station, job, action, card number, fen, words] order
    [1, 3, job, uid, ring]          done                [1, 3, station, job, sealed script]                   issue
    [1, 4, job, uid, why]           failed              [1, 4, station, job, certificate]                     load
    [1, 5, uid]                     recover             [1, 5, station, job, final, words]                    refused
                                                        [1, 6, station, job]                                  accepted
                                                        [1, 7, station, job, sealed renewal]                  renew

Every message may be repeated: the answer is the same, so a station that was cut asks again (card number 0: none is
known yet; final 0: the job waits for another card, 1: it is over; recover: answered by the order that this card's
unfinished job is, which is this station's from then on).

What a card is written with is sealed to the station's X25519 key with the UID as header, by the key process itself, so
that the web process sees no key. The script of a new card is `[2, uid, family, card number, purse, certificate, ring,
keys]`, that of a renewal `[1, uid, family, [keys, …]]`, newest first. Keys of a MIFARE Classic are `[[key A, key B] ×
16]`, by sector; of a DESFire `[[card's master key], [key 0, key 1, key 2] × purses]`, of each purse's application. They
open that one card; none of them can raise *loaded* (I-10). Examples: docs/formats/desk.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import TypeAlias

from onecard import cbor, sealing
from onecard.envelope import Domain, KeyId, open_envelope, seal_envelope, server_key_id, verify
from onecard.errors import OnecardError
from onecard.identity import UID_SIZES, CardNumber
from onecard.keys import KeyRing, Role
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.records import RING_SIZE

WORDS_MAX = 200
_SCHEMA = 1
_SCRIPT_SCHEMA = 2
_PURPOSE = "card script"
_RENEWAL_PURPOSE = "key renewal"
_LIMITS = cbor.Limits(size=4096, items=64, depth=3)
_RENEWAL_LIMITS = cbor.Limits(size=16 << 10, items=1024, depth=4)


class BadDeskMessage(OnecardError):
    """A message between desk and server that is not what it should be."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"desk message: {why}")


@unique
class JobAction(IntEnum):
    """What a desk job does to a card."""

    ISSUE = 1
    LOAD = 2
    READ = 3
    RENEW_KEYS = 4


@unique
class Found(IntEnum):
    """What the station found on the placed card."""

    BLANK = 1  # as from the factory
    OURS = 2  # purse 0 opens with our keys: finished, or an interrupted issue
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Next:
    """Give me my job: the one I have, else a new one."""


@dataclass(frozen=True, slots=True)
class CardPlaced:
    """This card lies on the reader for `job`."""

    job: int
    uid: bytes
    family: int
    found: Found
    ring: bytes


@dataclass(frozen=True, slots=True)
class JobDone:
    """The card was written and read back."""

    job: int
    uid: bytes
    ring: bytes


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The card cannot take the job, for ever; `why` is for the clerk."""

    job: int
    uid: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Recover:
    """This card was taken away in the middle of a job: give me the job."""

    uid: bytes


Request: TypeAlias = Next | CardPlaced | JobDone | JobFailed | Recover


@dataclass(frozen=True, slots=True)
class Idle:
    """There is no job."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job. `card_number` 0: any card that fits."""

    job: int
    action: JobAction
    card_number: int
    amount_fen: int
    words: str


@dataclass(frozen=True, slots=True)
class IssueCard:
    """Personalise the placed card by this sealed script."""

    job: int
    sealed_script: bytes


@dataclass(frozen=True, slots=True)
class RenewKeys:
    """Give the placed card the newest keys by this sealed renewal."""

    job: int
    sealed_renewal: bytes


@dataclass(frozen=True, slots=True)
class DeliverLoad:
    """Put this certificate on the placed card (P-R16)."""

    job: int
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Not with this card; `final`: the job is over."""

    job: int
    final: bool
    words: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The report is in the books."""

    job: int


Answer: TypeAlias = Idle | Order | IssueCard | DeliverLoad | Refused | Accepted | RenewKeys

CardKeys: TypeAlias = tuple[tuple[bytes, ...], ...]
"""A card's keys in the order of its family: see above."""


@dataclass(frozen=True, slots=True)
class CardScript:
    """Everything a station writes on a new card of that `family` (the wire number of `hardware.cards.port.CardFamily`).
    `ring` is three 16-byte records."""

    uid: bytes
    family: int
    card_number: CardNumber
    purse: int
    certificate: bytes
    ring: bytes
    keys: CardKeys = field(repr=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The keys that a card of that `family` may bear, newest first: it is to bear the first."""

    uid: bytes
    family: int
    versions: tuple[CardKeys, ...] = field(repr=False)


def pack_request(request: Request, key_id: KeyId, signer: Callable[[bytes], bytes]) -> bytes:
    """The envelope bytes of a request, signed by the station."""
    return seal_envelope(key_id, Domain.DESK, cbor.encode([_SCHEMA, *_request_parts(request)]), signer)


def read_request(payload: bytes) -> Request:
    """The request in a verified envelope's payload. Raises `BadDeskMessage`."""
    match _array(payload):
        case [1, 1]:
            return Next()
        case [1, 2, int(job), bytes(uid), int(family), int(found), bytes(ring)] if (
            _is_job(job) and len(uid) in UID_SIZES and 1 <= found <= 3 and len(ring) in (0, RING_SIZE)
        ):
            return CardPlaced(job, uid, family, Found(found), ring)
        case [1, 3, int(job), bytes(uid), bytes(ring)] if (
            _is_job(job) and len(uid) in UID_SIZES and len(ring) in (0, RING_SIZE)
        ):
            return JobDone(job, uid, ring)
        case [1, 4, int(job), bytes(uid), str(why)] if (
            _is_job(job) and len(uid) in (0, *UID_SIZES) and len(why) <= WORDS_MAX
        ):
            return JobFailed(job, uid, why)
        case [1, 5, bytes(uid)] if len(uid) in UID_SIZES:
            return Recover(uid)
    raise BadDeskMessage("it is none of the five requests of schema 1")


def pack_answer(answer: Answer, station: int, key_version: int, signer: Callable[[bytes], bytes]) -> bytes:
    """The envelope bytes of an answer to `station`, signed by the server."""
    kind, *rest = _answer_parts(answer)
    payload = cbor.encode([_SCHEMA, kind, station, *rest])
    return seal_envelope(server_key_id(key_version), Domain.DESK, payload, signer)


def open_answer(raw: bytes, server_keys: KeyRing, station: int) -> Answer:
    """The verified answer for `station`.

    Raises `envelope.BadEnvelope`, `keys.BadSignature`, `keys.UnknownKey` or `BadDeskMessage`.
    """
    envelope = open_envelope(raw)
    if envelope.key_id.sender != b"S":
        raise BadDeskMessage("the answer is not signed by a server")
    payload = verify(envelope, Domain.DESK, server_keys.key(Role.SERVER_SIGN, envelope.key_id.version))
    match _array(payload):
        case [1, int(kind), int(number), *rest] if number == station:
            return _answer(kind, rest)
    raise BadDeskMessage(f"the answer is not for station {station}")


def seal_script(script: CardScript, station_public: bytes) -> bytes:
    """A script sealed to the station's 32-byte X25519 key."""
    facts: list[cbor.Value] = [script.card_number, script.purse, script.certificate, script.ring]
    plaintext = cbor.encode([_SCRIPT_SCHEMA, script.uid, script.family, *facts, _rows(script.keys)])
    return sealing.seal(plaintext, station_public, _PURPOSE, script.uid)


def open_script(sealed: bytes, station_private: bytes, uid: bytes) -> CardScript:
    """The script for card `uid`. Raises `sealing.BadSeal` or `BadDeskMessage`."""
    match _array(sealing.unseal(sealed, station_private, _PURPOSE, uid)):
        case [2, bytes(named), int(family), int(number), int(purse), bytes(certificate), bytes(ring), list(rows)] if (
            named == uid and len(certificate) == CERTIFICATE_SIZE and len(ring) == RING_SIZE
        ):
            return CardScript(uid, family, CardNumber(number), purse, certificate, ring, _keys(rows))
    raise BadDeskMessage(f"the card script is not one of schema 2 for card {uid.hex()}")


def seal_renewal(renewal: Renewal, station_public: bytes) -> bytes:
    """A renewal sealed to the station's 32-byte X25519 key."""
    versions: list[cbor.Value] = [_rows(keys) for keys in renewal.versions]
    plaintext = cbor.encode([_SCHEMA, renewal.uid, renewal.family, versions])
    return sealing.seal(plaintext, station_public, _RENEWAL_PURPOSE, renewal.uid)


def open_renewal(sealed: bytes, station_private: bytes, uid: bytes) -> Renewal:
    """The renewal for card `uid`. Raises `sealing.BadSeal` or `BadDeskMessage`."""
    match _array(sealing.unseal(sealed, station_private, _RENEWAL_PURPOSE, uid), _RENEWAL_LIMITS):
        case [1, bytes(named), int(family), list(versions)] if named == uid and versions:
            return Renewal(uid, family, tuple(_keys(rows) for rows in versions))
    raise BadDeskMessage(f"the renewal is not one of schema 1 for card {uid.hex()}")


def _request_parts(request: Request) -> list[cbor.Value]:
    match request:
        case Next():
            return [1]
        case CardPlaced(job, uid, family, found, ring):
            return [2, job, uid, family, int(found), ring]
        case JobDone(job, uid, ring):
            return [3, job, uid, ring]
        case JobFailed(job, uid, why):
            return [4, job, uid, why[:WORDS_MAX]]
        case Recover(uid):
            return [5, uid]


def _answer_parts(answer: Answer) -> list[cbor.Value]:
    match answer:
        case Idle():
            return [1]
        case Order(job, action, card_number, amount_fen, words):
            return [2, job, int(action), card_number, amount_fen, words]
        case IssueCard(job, sealed_script):
            return [3, job, sealed_script]
        case DeliverLoad(job, certificate):
            return [4, job, certificate]
        case Refused(job, final, words):
            return [5, job, int(final), words]
        case Accepted(job):
            return [6, job]
        case RenewKeys(job, sealed_renewal):
            return [7, job, sealed_renewal]


def _answer(kind: int, rest: list[cbor.Value]) -> Answer:
    match [kind, *rest]:
        case [1]:
            return Idle()
        case [2, int(job), int(action), int(card_number), int(amount_fen), str(words)] if 1 <= action <= 4:
            return Order(job, JobAction(action), card_number, amount_fen, words)
        case [3, int(job), bytes(sealed_script)]:
            return IssueCard(job, sealed_script)
        case [4, int(job), bytes(certificate)] if len(certificate) == CERTIFICATE_SIZE:
            return DeliverLoad(job, certificate)
        case [5, int(job), 0 | 1 as final, str(words)]:
            return Refused(job, bool(final), words)
        case [6, int(job)]:
            return Accepted(job)
        case [7, int(job), bytes(sealed_renewal)]:
            return RenewKeys(job, sealed_renewal)
    raise BadDeskMessage("it is none of the seven answers of schema 1")


def _rows(keys: CardKeys) -> cbor.Value:
    return [list(row) for row in keys]


def _keys(rows: cbor.Value) -> CardKeys:
    """Of any family: whoever writes the card knows how many keys of which size it takes."""
    match rows:
        case [*given]:
            return tuple(_row(row) for row in given)
    raise BadDeskMessage("a card's keys are not a list")


def _row(row: cbor.Value) -> tuple[bytes, ...]:
    match row:
        case [*keys] if keys:
            found = tuple(key for key in keys if isinstance(key, bytes))
            if len(found) == len(keys):
                return found
    raise BadDeskMessage("a row of a card's keys is not a list of byte strings")


def _is_job(job: int) -> bool:
    return 1 <= job < 1 << 32


def _array(raw: bytes, limits: cbor.Limits = _LIMITS) -> list[cbor.Value]:
    try:
        return cbor.decode_array(raw, limits)
    except cbor.BadCbor as error:
        raise BadDeskMessage(str(error)) from error
