"""What an issuing desk's station and the server say to each other."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard import desk, sealing
from onecard.desk import Answer, BadDeskMessage, CardScript, Order, Renewal
from onecard.envelope import Domain, open_envelope, terminal_key_id
from tests.examples import examples
from tests.fuzz import signing
from tests.fuzz.bombs import cbor_bombs
from tests.fuzz.byte_lies import BYTE_LIES
from tests.fuzz.cbor_lies import CBOR_LIES
from tests.fuzz.target import Target, reads_back

_LIES = (*CBOR_LIES * len(BYTE_LIES), *BYTE_LIES)
_STATION = bytes(range(32))
_STATION_PUBLIC = X25519PrivateKey.from_private_bytes(_STATION).public_key().public_bytes_raw()
_UID = bytes.fromhex("04a1b2c3d4e5f6")


def _requests() -> list[bytes]:
    page = examples("desk.md")
    said = (desk.Next(), desk.JobDone(300, _UID, bytes(48)), desk.JobFailed(300, b"", "坏卡"))
    return [page["card"], page["recover"], *map(_request_bytes, said)]


def _request_bytes(request: desk.Request) -> bytes:
    return open_envelope(desk.pack_request(request, terminal_key_id(signing.TERMINAL), signing.signed)).payload


def _answers() -> list[bytes]:
    said: list[Answer] = [
        desk.Idle(),
        Order(300, desk.JobAction.LOAD, 864_213, 50_000, "load"),
        desk.IssueCard(300, bytes(60)),
        desk.DeliverLoad(300, bytes(96)),
        desk.Refused(300, True, "no"),
        desk.Accepted(300),
        desk.RenewKeys(300, bytes(60)),
    ]
    return [examples("desk.md")["order"], *map(_answer_bytes, said)]


def _answer_bytes(answer: Answer) -> bytes:
    return open_envelope(desk.pack_answer(answer, signing.TERMINAL, 1, signing.signed)).payload


def _answer(raw: bytes) -> Answer:
    return desk.open_answer(signing.from_the_server(Domain.DESK, raw), signing.KEYS, signing.TERMINAL)


def _script(raw: bytes) -> CardScript:
    return desk.open_script(sealing.seal(raw, _STATION_PUBLIC, "card script", _UID), _STATION, _UID)


def _script_bytes(script: CardScript) -> bytes:
    return sealing.unseal(desk.seal_script(script, _STATION_PUBLIC), _STATION, "card script", _UID)


def _renewal(raw: bytes) -> Renewal:
    return desk.open_renewal(sealing.seal(raw, _STATION_PUBLIC, "key renewal", _UID), _STATION, _UID)


def _renewal_bytes(renewal: Renewal) -> bytes:
    return sealing.unseal(desk.seal_renewal(renewal, _STATION_PUBLIC), _STATION, "key renewal", _UID)


TARGETS = (
    Target(
        "desk-request",
        _requests,
        desk.read_request,
        (BadDeskMessage,),
        reads_back(_request_bytes),
        _LIES,
        cbor_bombs,
    ),
    Target("desk-answer", _answers, _answer, (BadDeskMessage,), reads_back(_answer_bytes), _LIES, cbor_bombs),
    Target(
        "card-script",
        lambda: [examples("desk.md")["script"]],
        _script,
        (BadDeskMessage,),
        reads_back(_script_bytes),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "renewal",
        lambda: [examples("desk.md")["renewal"]],
        _renewal,
        (BadDeskMessage,),
        reads_back(_renewal_bytes),
        _LIES,
        cbor_bombs,
    ),
)
