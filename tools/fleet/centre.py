"""The management centre in memory: bundles in, acknowledgements and downlinks out, cards issued and loaded.

Envelopes, bundles, tables and certificates are the product's bytes under real keys. A bundle is taken in one piece, as
the server's transaction takes it: a crash leaves all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onecard import cbor, tariff
from onecard.bundle import Run, read_run, unseal_run
from onecard.downlink import Acknowledgement, Header, Table, pack_acknowledgement, pack_downlink, pack_reply
from onecard.envelope import Domain, open_envelope, verify
from onecard.errors import OnecardError
from onecard.identity import CardNumber, DayNumber, card_number
from onecard.kinds import CardKind, Outcome, PurseUnit
from onecard.purse import certificate as certificates
from onecard.purse.certificate import Certificate, Flags
from onecard.purse.record import DebitRecord, Identity, LoadReference
from onecard.purse.ring import SLOTS
from onecard.records import Intent, OutcomeRecord
from onecard.settings import Settings
from onecard.state_table import StateRow, encode_row
from onecard.tariff import Tariff
from server.ledger.seen import Home
from tools.fleet.chain_store import ChainStore, Fresh
from tools.fleet.feeds import HotlistFeed, StateFeed
from tools.fleet.keys import KEY_ID, ChainKeys, TerminalKeys
from tools.fleet.ledger import Ledger, PurseRow

CERTIFICATES_IN_A_CHUNK = 500
_CHUNKS_IN_A_REPLY = 8
_EXPIRY = DayNumber(20_000)
_DAY_SECONDS = 86_400
_AGEING = frozenset({Table.TARIFF, Table.HOTLIST, Table.STATE})
"""Tables with an end of good-until, as `server.ingest.answer` tells it."""
RecordImage = Callable[[DebitRecord, bytes, int], bytes]


class UnknownSender(OnecardError):
    """A bundle of a terminal that is not enrolled, or no more."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"terminal {number} is not enrolled")


@dataclass(slots=True)
class Member:
    """An enrolled terminal. `uids` tells the card of an intent whose outcome is still to come; `early` are outcomes
    that came before their intents."""

    public: bytes
    sealing: bytes
    chain: ChainStore
    revoked: bool = False
    uids: dict[int, bytes] = field(default_factory=dict)
    early: dict[int, OutcomeRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Issued:
    """A card as the desk hands it out: its first ring in slot order, its first certificate."""

    uid: bytes
    ring: tuple[bytes, bytes, bytes]
    certificate: bytes


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a purse's certificates say and never change."""

    number: CardNumber
    kind: CardKind
    tier: int


class Centre:
    """One chain's centre; `now` gives UTC seconds."""

    def __init__(self, keys: ChainKeys, record_image: RecordImage, now: Callable[[], int], settings: Settings) -> None:
        self.generation = 1
        self.members: dict[int, Member] = {}
        self.ledger = Ledger(self._issue, self._restate)
        self.tariffs: list[Tariff] = []
        self.hotlist = HotlistFeed()
        self.state = StateFeed()
        self._settings = settings
        self._keys = keys
        self._record_image = record_image
        self._now = now
        self._statements: dict[bytes, _Statement] = {}
        self._feed: list[tuple[bytes, int]] = []

    def enrol(self, number: int, site: str, keys: TerminalKeys) -> None:
        """A new terminal."""
        self.ledger.homes[number] = Home(site, lost=False)
        self.members[number] = Member(keys.signing_public, keys.sealing_public, ChainStore(number, keys.chain))

    def revoke(self, number: int) -> None:
        """A terminal is gone: nothing it signs is believed any more, and a person declares it lost."""
        self.members[number].revoked = True
        self.ledger.declare_lost(number)

    def issue_card(self, serial: int, uid: bytes, amount: int, *, kind: CardKind, tier: int) -> Issued:
        """A new card with `amount` fen in its purse, taken in cash: three null records under copy 0."""
        number = card_number(serial)
        self._statements[uid] = _Statement(number, kind, tier)
        row = PurseRow(uid, Identity(SLOTS - 1, 0, 0, 0))
        self.ledger.add(row)
        self.ledger.load(row, amount)
        first, second, third = (
            self._record_image(DebitRecord(counter, LoadReference.of(0, 1), 0, 0, 0), uid, 0)
            for counter in range(SLOTS)
        )
        return Issued(uid, (first, second, third), row.image)

    def load(self, uid: bytes, amount: int) -> None:
        """Cash taken at a desk or in the web, on its way to the card as a certificate."""
        self.ledger.load(self.ledger.rows[uid], amount)

    def receive(self, raw: bytes, *, posts: bool = True) -> bytes:
        """The answer to a bundle, which is stored and durable. Raises `OnecardError` for one that is not believed.
        Without `posts` the centre crashes before its poster has come to it."""
        envelope = open_envelope(raw)
        member = self.members.get(envelope.key_id.number)
        if member is None or member.revoked:
            raise UnknownSender(envelope.key_id.number)
        verify(envelope, Domain.BUNDLE, member.public)
        run = read_run(unseal_run(envelope, self._keys.server_seal), envelope.key_id)
        taken = member.chain.take(run)
        for fresh in taken.fresh:
            self._note(member, run.terminal, fresh)
        if posts:
            self.ledger.post()
        return self._answer(member, run, taken.received, taken.received_tag)

    def _note(self, member: Member, terminal: int, fresh: Fresh) -> None:
        match fresh.record:
            case Intent() as intent:
                self.ledger.note(terminal, fresh.sequence, intent)
                early = member.early.pop(fresh.sequence, None)
                if early is not None:
                    self.ledger.tell(intent.uid, terminal, fresh.sequence, Outcome(early.outcome))
                else:
                    member.uids[fresh.sequence] = intent.uid
            case OutcomeRecord() as told:
                uid = member.uids.pop(told.intent, None)
                if uid is not None:
                    self.ledger.tell(uid, terminal, told.intent, Outcome(told.outcome))
                else:
                    member.early.setdefault(told.intent, told)
            case _:
                pass

    def _answer(self, member: Member, run: Run, received: int, tag: bytes) -> bytes:
        sign = self._keys.sign_message
        acknowledgement = Acknowledgement(
            terminal=run.terminal,
            received=received,
            received_tag=tag,
            safe=received,
            safe_tag=tag if received else b"",
            generation=self.generation,
            server_at=self._now(),
            newest=self._newest(),
        )
        downlinks = [
            pack_downlink(
                Header(run.terminal, table, base, version, self._now(), self._good_until(table)),
                body,
                member.sealing,
                1,
                sign,
            )
            for table, base, version, body in self._changes(run.have)
        ]
        return pack_reply(pack_acknowledgement(acknowledgement, 1, sign), downlinks)

    def _newest(self) -> dict[int, int]:
        newest = {
            Table.TARIFF: len(self.tariffs),
            Table.SETTINGS: 1,
            Table.HOTLIST: self.hotlist.version,
            Table.CERTIFICATES: len(self._feed),
            Table.STATE: self.state.version,
        }
        return {table.value: version for table, version in newest.items() if version}

    def _good_until(self, table: Table) -> int:
        return self._now() + self._settings.good_days * _DAY_SECONDS if table in _AGEING else 0

    def _changes(self, have: Mapping[int, int]) -> Iterator[tuple[Table, int, int, Sequence[cbor.Value]]]:
        if len(self.tariffs) > have.get(Table.TARIFF, 0):
            yield Table.TARIFF, 0, len(self.tariffs), [tariff.encode(each) for each in self.tariffs]
        if not have.get(Table.SETTINGS, 0):
            yield Table.SETTINGS, 0, 1, [self._settings.encode()]
        for table, feed in ((Table.HOTLIST, self.hotlist), (Table.STATE, self.state)):
            if feed.version > have.get(table, 0):
                change = feed.after(have.get(table, 0))
                yield table, change.base, change.version, change.body()
        base = have.get(Table.CERTIFICATES, 0)
        for _ in range(_CHUNKS_IN_A_REPLY):
            if base >= len(self._feed):
                return
            version, images = self._certificates_after(base)
            yield Table.CERTIFICATES, base, version, images
            base = version

    def _certificates_after(self, base: int) -> tuple[int, list[cbor.Value]]:
        """The next certificates in force, one chunk at most, and the feed number it leads to (P-R14)."""
        images: list[cbor.Value] = []
        for place in range(base, len(self._feed)):
            uid, load_sequence = self._feed[place]
            row = self.ledger.rows[uid]
            if row.load_sequence == load_sequence:
                images.append(row.image)
                if len(images) == CERTIFICATES_IN_A_CHUNK:
                    return place + 1, images
        return len(self._feed), images

    def _issue(self, row: PurseRow, delta: int) -> None:
        row.load_sequence += 1
        row.loaded += delta
        stated = self._statements[row.uid]
        row.image = certificates.issue(
            Certificate(
                purse=0,
                key_id=KEY_ID,
                unit=PurseUnit.FEN,
                kind=stated.kind,
                flags=Flags.NONE,
                tier=stated.tier,
                load_sequence=row.load_sequence,
                loaded=row.loaded,
                floor_counter=row.head.counter,
                floor_debited=row.head.debited,
                expiry=_EXPIRY,
                uid=row.uid,
                card_number=stated.number,
            ),
            self._keys.sign_certificate,
        )
        if row.load_sequence > 1:  # the first one is on the card when it is handed out
            self._feed.append((row.uid, row.load_sequence))

    def _restate(self, row: PurseRow) -> None:
        stated = self._statements[row.uid]
        self.state.restate(
            encode_row(
                StateRow(
                    uid=row.uid,
                    purse=0,
                    counter=row.head.counter,
                    debited=row.head.debited,
                    load_sequence=row.load_sequence,
                    loaded=row.loaded,
                    unit=PurseUnit.FEN,
                    kind=stated.kind,
                    flags=Flags.NONE,
                    tier=stated.tier,
                    unsettled=row.unsettled,
                    expiry=_EXPIRY,
                )
            )
        )
