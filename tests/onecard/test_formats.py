"""docs/formats is true: every example on a page is read out of it and parsed, and must say what the page says."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest

from firmware import checkpoint
from firmware.checkpoint import checkpoint_key
from firmware.packed_shelf import Kept, decode, packed_key
from firmware.purse_memory import PurseName
from onecard import cbor, desk, tariff
from onecard.bundle import BadBundle, read_run, unpack, unseal_run
from onecard.cbor import RECORD, BadCbor
from onecard.certificate_table import certificate_row, opened
from onecard.clock import Instant
from onecard.courier_link import messages as link
from onecard.courier_link.frames import FrameReader, frame
from onecard.courier_store import CourierStore
from onecard.desk import CardPlaced, Found, JobAction, Order, Recover
from onecard.downlink import Acknowledgement, Header, Table, open_acknowledgement, open_downlink
from onecard.enrolment import decode_identity, encode_identity, open_answer, read_request
from onecard.envelope import Domain, open_envelope, seal_envelope, server_key_id, terminal_key_id, verify
from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import DayNumber, card_number
from onecard.journal.frame import chain_tag, first_tag
from onecard.keys import BadSignature, KeyRing, Role
from onecard.kinds import CardKind, ClockQuality, DeclineReason, Outcome, Purpose, PurseUnit
from onecard.packed_table import PackedTable, open_change
from onecard.purse import record as purse_record
from onecard.purse.certificate import Certificate, Flags, open_certificate
from onecard.purse.intent import base_record, intent_record
from onecard.purse.record import DebitRecord, LoadReference, record_key
from onecard.records import SCHEMAS, Intent, OutcomeRecord, RecordKind, decode_record, encode_record
from onecard.roster import Roster, open_roster
from onecard.sealing import BadSeal, unseal
from onecard.settings import BOUNDS, DEFAULTS
from onecard.state_table import StateRow, decode_row, encode_row
from onecard.tariff import Reason
from tests.examples import PAGES, examples

_UID = bytes.fromhex("04a1b2c3d4e5f6")
_CARD = card_number(86421)
_AT = 1_800_000_000
_CHAIN_KEY = bytes(range(32))


def test_cbor() -> None:
    page = examples("cbor.md")
    assert cbor.decode(page["value"], RECORD) == [1, 500, -1, b"\x01\x02", "青", []]
    assert cbor.encode([1, 500, -1, b"\x01\x02", "青", []]) == page["value"]
    with pytest.raises(BadCbor, match="shortest"):
        cbor.decode(page["refused"], RECORD)


def test_record() -> None:
    page = examples("record.md")
    assert record_key(page["master"], page["uid"]) == page["key"]
    expected = DebitRecord(137, LoadReference(1, 4), 616_500, 7, 0x55)
    assert purse_record.decode(page["record"], [page["key"]], 0) == expected
    assert purse_record.encode(expected, page["key"], 0) == page["record"]


def test_certificate() -> None:
    page = examples("certificate.md")
    keys = KeyRing({(Role.ISSUER, 1): page["issuer"]})
    assert open_certificate(page["certificate"], keys, _UID, 0) == Certificate(
        purse=0,
        key_id=1,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NAMED,
        tier=3,
        load_sequence=12,
        loaded=700_000,
        floor_counter=130,
        floor_debited=600_000,
        expiry=DayNumber(11_000),
        uid=_UID,
        card_number=_CARD,
    )


def test_state_table() -> None:
    page = examples("state-table.md")
    row = StateRow(
        uid=_UID,
        purse=0,
        counter=137,
        debited=616_500,
        load_sequence=12,
        loaded=700_000,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NAMED,
        tier=3,
        unsettled=True,
        expiry=DayNumber(11_000),
    )
    assert decode_row(page["row"]) == row
    assert encode_row(row) == page["row"]
    assert number_bytes(_CARD) == page["listed"]
    certificate = examples("certificate.md")
    assert certificate_row(certificate["certificate"]) == page["certified"]
    assert opened(page["certified"], KeyRing({(Role.ISSUER, 1): certificate["issuer"]})).load_sequence == 12
    held = PackedTable(HOTLIST, 8, number_bytes(card_number(1)))
    delta = open_change(HOTLIST, 8, 9, cbor.decode_array(page["delta"], RECORD))
    assert held.apply(delta) == PackedTable(HOTLIST, 9, page["listed"])
    assert cbor.encode(delta.body()) == page["delta"]


@pytest.mark.parametrize("kind", RecordKind, ids=lambda kind: kind.name)
def test_every_kind_of_record_has_an_example(kind: RecordKind) -> None:
    payload = examples("records.md")[kind.name]
    record = decode_record(kind, payload)
    assert record.at in (_AT, _AT + 1)
    assert encode_record(record) == (kind, payload)


def test_the_paid_tap_of_the_records_page() -> None:
    page = examples("records.md")
    intent, outcome = (
        decode_record(RecordKind.INTENT, page["INTENT"]),
        decode_record(RecordKind.OUTCOME, page["OUTCOME"]),
    )
    assert isinstance(intent, Intent)
    assert (intent.amount, intent.card_number, intent.purpose, intent.clock) == (4500, _CARD, Purpose.SALE, 2)
    record = intent_record(intent, 0x155, 7)
    assert record.counter == base_record(intent).counter + 1
    assert record.debited == base_record(intent).debited + intent.amount
    assert record.load_reference == LoadReference(1, 4)
    assert outcome == OutcomeRecord(400_000, Outcome.PAID, _AT + 1)
    assert (
        "take 113 and 13 bytes here, 24 more each in the journal: 87 on average" in (PAGES / "records.md").read_text()
    )
    assert (len(page["INTENT"]), len(page["OUTCOME"])) == (113, 13)


def _type(field: dataclasses.Field[object]) -> str:
    match field.metadata:
        case {"bits": bits}:
            return f"u{bits}"
        case {"one_of": numbers}:
            return f"one of {', '.join(map(str, sorted(numbers)))}"
        case {"sizes": sizes}:
            return f"{' or '.join(map(str, sizes))} bytes"
        case {"longest": longest}:
            return f"text ≤ {longest}"
        case _:
            raise AssertionError(field.name)


def test_the_tables_of_the_records_page_are_the_codes() -> None:
    text = (PAGES / "records.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\w+, kind \d+)$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == {f"{RecordKind(kind).name}, kind {kind}" for kind, _ in SCHEMAS}
    for (kind, version), schema in SCHEMAS.items():
        told = re.findall(
            r"^\| (\d+) \| ([\w ]+) \| ([^|]+) \|", sections[f"{RecordKind(kind).name}, kind {kind}"], re.MULTILINE
        )
        fields = [(str(n), f.name, _type(f)) for n, f in enumerate(dataclasses.fields(schema), start=1)]
        assert told == [("0", "schema version", str(version)), *fields]


@pytest.mark.parametrize(
    ("name", "members"),
    [("clock", ClockQuality), ("purpose", Purpose), ("outcome", Outcome), ("reason", DeclineReason), ("table", Table)],
)
def test_the_closed_lists_of_the_records_page_are_the_codes(name: str, members: type[Outcome]) -> None:
    text = (PAGES / "records.md").read_text("utf-8")
    told = re.search(rf"^\| {name} \| (\d.*) \|$", text, re.MULTILINE)
    assert told is not None
    assert told[1] == ", ".join(f"{member.value} {member.name.lower().replace('_', ' ')}" for member in members)


def test_tariff() -> None:
    page = examples("tariff.md")
    table = tariff.decode(page["tariff"])
    assert tariff.encode(table) == page["tariff"]
    monday_noon = Instant(1_772_424_000, ClockQuality.TRUSTED)
    silver, gold = (table.quote(tier, 1, 1, monday_noon) for tier in (1, 2))
    assert silver is not None
    assert gold is not None
    assert (table.version, silver.price, silver.reason, gold.price, gold.reason) == (
        31,
        5400,
        Reason.DISCOUNT,
        3300,
        Reason.FLOOR,
    )


def test_bundle() -> None:
    page = examples("bundle.md")
    envelope = open_envelope(page["envelope"])
    assert envelope.key_id == terminal_key_id(7)
    verify(envelope, Domain.BUNDLE, page["signer"])
    assert unseal_run(envelope, page["server"]) == page["run"]
    run = unpack(envelope, page["server"])
    assert run.chain_holds(_CHAIN_KEY)
    assert run.previous_tag == first_tag(_CHAIN_KEY, 7)
    assert [(str(name), RecordKind(kind).name) for name, kind, _ in run.named()] == [
        ("7/3/1", "BOOT"),
        ("7/3/2", "SEAL"),
    ]
    assert (run.have, run.status) == ({1: 31, 2: 9}, (2, _AT, 990, _AT + 90))
    with pytest.raises(BadBundle):
        read_run(page["run"], terminal_key_id(8))


def test_downlink() -> None:
    page = examples("downlink.md")
    keys = KeyRing({(Role.SERVER_SIGN, 1): page["server"]})
    run = read_run(examples("bundle.md")["run"], terminal_key_id(7))
    kind, payload = run.entries[0]
    first = chain_tag(_CHAIN_KEY, run.previous_tag, kind, 1, payload)
    ack = open_acknowledgement(page["acknowledgement"], keys, 7)
    assert ack == Acknowledgement(7, 2, run.last_tag, 1, first, 1, _AT + 100, {1: 31, 2: 9})
    assert open_envelope(page["acknowledgement"]).payload == page["acknowledged"]
    opened = open_downlink(page["downlink"], keys, 7)
    assert opened.header == Header(7, Table.HOTLIST, 0, 9, _AT + 100, 0)
    assert opened.header.encode() == page["header"]
    assert opened.body(page["terminal"]) == cbor.decode(page["body"], RECORD) == [number_bytes(_CARD)]


def test_settings() -> None:
    assert examples("settings.md")["settings"] == DEFAULTS.encode()
    text = (PAGES / "settings.md").read_text("utf-8")
    rows = re.findall(r"^\| [1-5] \| (.+?)[,:] .*? \| ([\d,]+) … ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    told = {name.replace(" ", "_").replace("-", "_"): tuple(int(n.replace(",", "")) for n in ns) for name, *ns in rows}
    values = zip(BOUNDS.items(), dataclasses.astuple(DEFAULTS), strict=True)
    assert told == {name: (bounds.start, bounds.stop - 1, value) for (name, bounds), value in values}


def test_enrolment() -> None:
    page = examples("enrolment.md")
    asked = open_envelope(page["request"])
    assert asked.key_id == terminal_key_id(0)
    request = read_request(asked)
    verify(asked, Domain.ENROLMENT, request.signing_public)
    assert (request.token, request.software) == ("5d0f77c1a2b3", "onecard 0.1.0")
    assert asked.payload == page["asked"]
    answer = open_envelope(page["answer"])
    assert answer.key_id == server_key_id(1)
    identity = open_answer(answer, page["terminal"])
    verify(answer, Domain.ENROLMENT, identity.keys.key(Role.SERVER_SIGN, 1))
    assert identity == decode_identity(page["identity"], "the page")
    assert encode_identity(identity) == page["identity"]
    assert (identity.number, identity.site_code, identity.site_name) == (7, "XDA", "新东安")


def test_desk() -> None:
    page = examples("desk.md")
    terminal, ring = examples("enrolment.md")["terminal"], examples("record.md")["record"] + bytes(32)
    assert desk.read_request(page["card"]) == CardPlaced(300, _UID, 1, Found.OURS, ring)
    assert desk.read_request(page["recover"]) == Recover(_UID)
    keys = KeyRing({(Role.SERVER_SIGN, 1): examples("downlink.md")["server"]})
    order = Order(300, JobAction.RENEW_KEYS, _CARD, 0, "renew")
    packed = open_envelope(desk.pack_answer(order, 7, 1, lambda message: bytes(64)))
    assert packed.payload == page["order"]
    with pytest.raises(BadSignature):
        desk.open_answer(seal_envelope(packed.key_id, Domain.DESK, page["order"], lambda message: bytes(64)), keys, 7)
    script = desk.open_script(page["sealed_script"], terminal, _UID)
    assert (script.family, script.card_number, script.purse, script.ring) == (1, _CARD, 0, ring)
    assert script.certificate == examples("certificate.md")["certificate"]
    assert unseal(page["sealed_script"], terminal, "card script", _UID) == page["script"]
    renewal = desk.open_renewal(page["sealed_renewal"], terminal, _UID)
    assert unseal(page["sealed_renewal"], terminal, "key renewal", _UID) == page["renewal"]
    assert renewal.versions == (script.keys, script.keys)
    assert [row[0][-1] for row in script.keys] == list(range(16))
    with pytest.raises(BadSeal):
        desk.open_script(page["sealed_renewal"], terminal, _UID)
    with pytest.raises(BadSeal):
        desk.open_renewal(page["sealed_renewal"], terminal, bytes(7))


def test_checkpoint() -> None:
    raw = examples("checkpoint.md")["checkpoint"]
    key, tag = checkpoint_key(_CHAIN_KEY), bytes.fromhex("b1b2b3b4b5b6b7b8")
    assert checkpoint.place_of(raw, 7, key) == checkpoint.Place(9, tag)
    books = checkpoint.decode(raw, 7, KeyRing({}))
    assert checkpoint.encode(books, tag, key) == raw
    memory, paid, doubtful = books.memory, PurseName(b"\xff" * 7, 1), PurseName(bytes.fromhex("04010203"), 0)
    assert (books.shift.shop.shift, books.shift.totals.paid_fen, books.backlog.fen) == (900, 800, 500)
    assert (books.applied, books.gaps, books.safe[0]) == (
        {Table.TARIFF: 31, Table.HOTLIST: 9, Table.STATE: 1230},
        {(70, 75)},
        4,
    )
    assert memory.sync.in_force == {Table.HOTLIST: 9, Table.STATE: 1230}
    assert memory.sync.awaited == {Table.STATE: 1234}
    assert (memory.spent(paid), memory.spent(doubtful)) == (300, 0)
    assert (memory.bounds(paid), memory.bounds(doubtful)) == ([(4, 800)], [(3, 500)])
    assert memory.unresolved(doubtful) == {(4, 700, 7, 9)}
    assert memory.open_sale is not None
    assert memory.open_sale.sequence == 9


def test_kept_table() -> None:
    kept = decode(examples("kept-table.md")["kept"], Table.HOTLIST, 7, packed_key(_CHAIN_KEY))
    assert kept == Kept(PackedTable(HOTLIST, 9, number_bytes(_CARD)), _AT + 100)


def test_courier_link() -> None:
    page = examples("courier-link.md")
    assert list(FrameReader().feed(page.pop("frame"))) == [page["hello"]]
    bundle, reply, tag = bytes(range(256)) * 5, b"a reply", bytes.fromhex("b1b2b3b4b5b6b7b8")
    digest, given = hashlib.sha256(bundle).digest(), hashlib.sha256(reply).digest()
    questions = {
        "hello": link.Hello(1),
        "next": link.Next(0, b""),
        "next_after": link.Next(1000, tag),
        "pull": link.Pull(digest[:8], [0, 1]),
        "give": link.Give(given, 7),
        "put": link.Put(given[:8], 0, reply),
    }
    answers = {
        "hi": link.Hi(1, 17, "XDA", 1342, 500),
        "parcel": link.Parcel(0, digest, 1280, 501, 1000, tag),
        "end": link.End(1342),
        "chunk": link.Chunk(digest[:8], 1, bundle[1024:]),
        "want": link.Want(given[:8], [0]),
        "looked_at": link.Want(given[:8], []),
        "taken": link.Taken(given[:8], ""),
        "refused": link.Refused(3, "that bundle is not held any more: ask for the next one"),
    }
    assert {name: link.decode_question(page[name]) for name in questions} == questions
    assert {name: link.decode_answer(page[name]) for name in answers} == answers
    assert {name: link.encode(said) for name, said in (questions | answers).items()} == page
    assert examples("courier-link.md")["frame"] == frame(page["hello"])


def test_courier_store(tmp_path: Path) -> None:
    page = examples("courier-store.md")
    roster = open_roster(page["roster"])
    public = examples("downlink.md")["server"]
    assert roster == Roster(_AT, KeyRing({(Role.SERVER_SIGN, 1): public}), {7: public})
    assert open_envelope(page["roster"]).payload == page["listed"]
    partial = CourierStore(tmp_path).partial(17, link.Parcel(0, bytes(32), 4, 1, 2, bytes(8)))
    partial.begin()
    partial.add(0, b"abc")
    partial.add(1, b"d")
    (file,) = (tmp_path / "partial").iterdir()
    assert file.read_bytes() == page["chunks"]
    assert file.name == f"00017-{'00' * 32}.chunks"
    assert partial.chunks() == {0: b"abc", 1: b"d"}


_PROVED = (
    "cbor",
    "record",
    "certificate",
    "state-table",
    "records",
    "tariff",
    "bundle",
    "downlink",
    "enrolment",
    "checkpoint",
    "kept-table",
    "settings",
    "desk",
    "courier-link",
    "courier-store",
)


@pytest.mark.parametrize("name", _PROVED)
def test_no_example_goes_unread(name: str) -> None:
    """A block that the pattern misses would prove nothing: every fence of these pages is an example."""
    text = (PAGES / f"{name}.md").read_text("utf-8")
    shown = len(re.findall(r"^```json$", text, re.MULTILINE))  # JSON is for people
    assert text.count("```") == 2 * (shown + len(examples(f"{name}.md"))) > 0
    assert all((PAGES / link).is_file() for link in re.findall(r"\]\(([\w./-]+\.md)", text))
