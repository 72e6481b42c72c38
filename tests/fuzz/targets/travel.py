"""What travels between terminal and server: the envelope and all that lies in one."""

from __future__ import annotations

from collections.abc import Iterator

from onecard import cbor, downlink, enrolment
from onecard.bundle import BadBundle, Run, encode_run, read_run
from onecard.cbor import BadCbor
from onecard.downlink import Acknowledgement, BadDownlink, Downlink
from onecard.envelope import BadEnvelope, Domain, Envelope, open_envelope, seal_envelope, terminal_key_id
from onecard.hotlist import HOTLIST
from onecard.identity import card_number
from onecard.packed_table import BadTable, Form, PackedTable, TableChange, open_change
from onecard.records import SCHEMAS, BadRecord, Record, decode_record, encode_record
from onecard.state_table import STATE, decode_row, encode_row
from onecard.tariff import BadTariff
from onecard.tariff import decode as decode_tariff
from onecard.tariff import encode as encode_tariff
from server.keyd.statement import BadStatement, read_statement, write_statement
from server.keyd.wire import LIMITS as STATEMENT_LIMITS
from tests.examples import examples
from tests.fuzz import signing
from tests.fuzz.bombs import byte_bombs, cbor_bombs
from tests.fuzz.byte_lies import BYTE_LIES
from tests.fuzz.cbor_lies import CBOR_LIES
from tests.fuzz.corpus import vector_bytes
from tests.fuzz.target import Budget, Target, reads_back

_LIES = (*CBOR_LIES * len(BYTE_LIES), *BYTE_LIES)
_TERMINAL = terminal_key_id(signing.TERMINAL)
_CHAIN_KEY = bytes(range(32))


def _cbor_seeds() -> Iterator[bytes]:
    yield from vector_bytes("cbor_appendix_a", "accepted", "refused")
    yield from vector_bytes("cbor_hostile", "refused")
    yield examples("cbor.md")["value"]


def _records() -> Iterator[bytes]:
    page = examples("records.md")
    return (bytes([kind]) + page[kind.name] for kind in {kind: None for kind, _ in SCHEMAS})


def _envelopes() -> Iterator[bytes]:
    yield examples("bundle.md")["envelope"]
    yield from (examples("downlink.md")[name] for name in ("acknowledgement", "downlink"))
    yield from (examples("enrolment.md")[name] for name in ("request", "answer"))


def _resealed(envelope: Envelope) -> bytes:
    return seal_envelope(envelope.key_id, Domain.BUNDLE, envelope.payload, lambda message: envelope.signature)


def _run(raw: bytes) -> Run:
    run = read_run(raw, _TERMINAL)
    assert [name.sequence for name, _, _ in run.named()] == [*range(run.first_sequence, run.last_sequence + 1)]
    run.chain_holds(_CHAIN_KEY)
    return run


def _record(raw: bytes) -> Record:
    return decode_record(raw[0] if raw else 0, raw[1:])


def _record_bytes(record: Record) -> bytes:
    kind, payload = encode_record(record)
    return bytes([kind]) + payload


def _acknowledgement(raw: bytes) -> Acknowledgement:
    packed = signing.from_the_server(Domain.ACKNOWLEDGEMENT, raw)
    return downlink.open_acknowledgement(packed, signing.KEYS, signing.TERMINAL)


def _acknowledgement_bytes(ack: Acknowledgement) -> bytes:
    return open_envelope(downlink.pack_acknowledgement(ack, 1, signing.signed)).payload


def _downlink(raw: bytes) -> Downlink:
    packed = signing.from_the_server(Domain.DOWNLINK, raw)
    return downlink.open_downlink(packed, signing.KEYS, signing.TERMINAL)


def _replies() -> Iterator[bytes]:
    page = examples("downlink.md")
    yield downlink.pack_reply(page["acknowledgement"], [page["downlink"]] * 2)
    yield downlink.pack_reply(page["acknowledgement"], [])


def _changes(form: Form, rows: bytes, removed: bytes) -> list[bytes]:
    """The version changed from (0: a snapshot), then the body."""
    return [b"\0" + cbor.encode([rows]), b"\3" + cbor.encode([rows, removed]), b"\3" + cbor.encode([b"", removed])]


def _state_changes() -> list[bytes]:
    row = examples("state-table.md")["row"]
    rows = row + b"\x05" + row[1:] + b"\x06" + row[1:]
    return _changes(STATE, rows, b"\x07" * 7 + b"\0" + b"\x08" * 7 + b"\1")


def _hotlist_changes() -> list[bytes]:
    numbers = examples("state-table.md")["listed"]
    return _changes(HOTLIST, numbers[:10], bytes.fromhex("00000f424f") + b"\x20" + bytes(4))


def _change(form: Form, raw: bytes) -> TableChange:
    body = cbor.decode_array(raw[1:], cbor.BUNDLE)
    base = raw[0] if raw else 0
    change = open_change(form, base, base + 1, body)
    held = PackedTable(form, base).apply(change)
    assert len(held) * form.row_size == len(held.rows)
    return change


def _change_bytes(change: TableChange) -> bytes:
    return bytes([change.base]) + cbor.encode(change.body())


def _requested(raw: bytes) -> enrolment.Request:
    return enrolment.read_request(Envelope(terminal_key_id(0), raw, signing.SIGNATURE))


def _request_bytes(request: enrolment.Request) -> bytes:
    return open_envelope(enrolment.pack_request(request, bytes(32))).payload


def _statement() -> bytes:
    return cbor.encode(
        [0, 0, 0, 1, 3, 12, 700_000, 130, 600_000, 11_000, bytes.fromhex("04a1b2c3d4e5f6"), card_number(86421)]
    )


_TABLE_BUDGET = Budget(memory=(64 << 10, 40))

TARGETS = (
    Target(
        "cbor",
        _cbor_seeds,
        lambda raw: cbor.decode(raw, cbor.RECORD),
        (BadCbor,),
        reads_back(cbor.encode),
        _LIES,
        cbor_bombs,
    ),
    Target("envelope", _envelopes, open_envelope, (BadEnvelope,), reads_back(_resealed), BYTE_LIES, cbor_bombs),
    Target(
        "bundle",
        lambda: [examples("bundle.md")["run"]],
        _run,
        (BadBundle,),
        reads_back(encode_run),
        _LIES,
        cbor_bombs,
    ),
    Target("record", _records, _record, (BadRecord,), reads_back(_record_bytes), _LIES, cbor_bombs),
    Target(
        "acknowledgement",
        lambda: [examples("downlink.md")["acknowledged"]],
        _acknowledgement,
        (BadDownlink,),
        reads_back(_acknowledgement_bytes),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "downlink",
        lambda: [open_envelope(examples("downlink.md")["downlink"]).payload],
        _downlink,
        (BadDownlink,),
        reads_back(lambda opened: cbor.encode([opened.header.encode(), opened.sealed])),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "reply",
        _replies,
        downlink.open_reply,
        (BadDownlink,),
        reads_back(lambda opened: downlink.pack_reply(*opened)),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "hotlist",
        _hotlist_changes,
        lambda raw: _change(HOTLIST, raw),
        (BadTable, BadCbor),
        reads_back(_change_bytes),
        _LIES,
        cbor_bombs,
        budget=_TABLE_BUDGET,
    ),
    Target(
        "state-table",
        _state_changes,
        lambda raw: _change(STATE, raw),
        (BadTable, BadCbor),
        reads_back(_change_bytes),
        _LIES,
        cbor_bombs,
        budget=_TABLE_BUDGET,
    ),
    Target(
        "state-row",
        lambda: [examples("state-table.md")["row"]],
        decode_row,
        (BadTable,),
        reads_back(encode_row),
        BYTE_LIES,
        byte_bombs,
    ),
    Target(
        "tariff",
        lambda: [examples("tariff.md")["tariff"]],
        decode_tariff,
        (BadTariff,),
        reads_back(encode_tariff),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "enrolment-request",
        lambda: [examples("enrolment.md")["asked"]],
        _requested,
        (enrolment.BadEnrolment,),
        reads_back(_request_bytes),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "identity",
        lambda: [examples("enrolment.md")["identity"]],
        lambda raw: enrolment.decode_identity(raw, "the answer"),
        (enrolment.BadEnrolment,),
        reads_back(enrolment.encode_identity),
        _LIES,
        cbor_bombs,
    ),
    Target(
        "statement",
        lambda: [_statement()],
        lambda raw: read_statement(cbor.decode_array(raw, STATEMENT_LIMITS), 1),
        (BadStatement, BadCbor),
        reads_back(lambda certificate: cbor.encode(write_statement(certificate))),
        _LIES,
        cbor_bombs,
    ),
)
