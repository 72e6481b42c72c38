"""Records of a made-up till, for tests of what is known from a journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hypothesis import strategies as st

from firmware.books import Books
from firmware.purse_memory import PurseMemory
from onecard.identity import DayNumber, RecordName, TerminalNumber
from onecard.journal import Entry
from onecard.keys import KeyRing
from onecard.kinds import CardKind, DeclineReason, Outcome, Purpose, PurseUnit
from onecard.purse.certificate import Flags
from onecard.records import Ack, Applied, Boot, Decline, Gap, Intent, OutcomeRecord, Record, Seal, Shift, encode_record
from onecard.state_table import StateRow

AT = 1_795_000_000
NUMBER = TerminalNumber(7)
CARDS = (bytes([4, 1, 2, 3]), bytes([4, 1, 2, 3, 0, 0, 0]), bytes(4), bytes([255] * 7))

SALE = Intent(
    at=AT, clock=2, shift=1, business_day=1, operator=18, uid=CARDS[0], card_number=26, purse=0, purpose=Purpose.SALE,
    amount=500, counter=3, debited=500, base_slot=2, ring=bytes(48), copy=0, load_sequence=2, loaded=10_000, pays=0,
    list_price=500, tier=1, film_class=1, time_slot=1, tickets=1, tariff_version=1,
)  # fmt: skip

_WORDS = st.sampled_from([None, *Outcome])
_INTENTS = st.builds(
    lambda uid, purse, purpose, amount, counter, load, word: (
        replace(
            SALE,
            uid=uid,
            purse=purse,
            purpose=purpose,
            amount=amount if purpose == Purpose.SALE else 0,
            counter=counter,
            debited=counter * 100 + amount,
            load_sequence=load,
        ),
        word,
    ),
    st.sampled_from(CARDS),
    st.integers(0, 1),
    st.sampled_from(Purpose),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 3),
    _WORDS,
)
_OTHERS = st.one_of(
    st.builds(lambda reason: Decline(AT, 2, 1, 1, 18, reason, b"", 0, 0, 0, b""), st.sampled_from(DeclineReason)),
    st.builds(
        lambda at, shift, opened: Shift(AT + at, 2, shift, 3, 18, opened, 0, 0, 0, 0, 0),
        st.integers(0, 9),
        st.integers(1, 3),
        st.integers(0, 1),
    ),
    st.builds(lambda table, version: Applied(AT, table, version), st.integers(1, 4), st.integers(0, 9)),
    st.builds(lambda first, last: Gap(AT, first, first + last, "lost"), st.integers(1, 9), st.integers(0, 3)),
    st.just(Seal(AT)),
    st.just(Boot(2, bytes(8), AT, 1, "test", 1, 0, 0, 0)),
)
_ACKS = st.tuples(st.integers(0, 40), st.integers(1, 2), st.integers(0, 9), st.integers(0, 9))
DAYS = st.lists(
    st.one_of(
        _INTENTS, _OTHERS, st.tuples(st.integers(0, 40), st.integers(1, 2), st.integers(0, 9), st.integers(0, 9))
    ),
    max_size=30,
)
"""Plans of a day, for `lay_out`."""


def lay_out(day: Iterable[object]) -> list[Record]:
    """The records of a plan, the first being record 1: at most one sale is open, an acknowledgement is of what is
    there. A sale left open gets its word when the next one comes."""
    records: list[Record] = []
    doubt = 0
    for step in day:
        match step:
            case (Intent() as intent, word):
                if doubt and intent.purpose in (Purpose.SALE, Purpose.FREE):
                    records.append(OutcomeRecord(doubt, Outcome.ABANDONED, AT))
                    doubt = 0
                records.append(intent)
                if word is not None:
                    records.append(OutcomeRecord(len(records), word, AT))
                elif intent.purpose in (Purpose.SALE, Purpose.FREE):
                    doubt = len(records)
            case (int(back), int(generation), *tables):
                received = max(0, len(records) - back)
                safe = received // 2
                records.append(Ack(AT, generation, received, safe, bytes([safe]) * 8 if safe else b"", *tables))
            case _:
                assert isinstance(step, Record)
                records.append(step)
    return records


def entries(records: Iterable[Record], first: int = 1) -> Iterator[Entry]:
    """The records as a journal would give them, from `first` on."""
    for sequence, record in enumerate(records, start=1):
        if sequence >= first:
            yield Entry(RecordName(NUMBER, 1, sequence), *encode_record(record), bytes(8))


def books_of(records: Iterable[Record]) -> Books:
    """What a full reading makes of them."""
    books = Books(PurseMemory(NUMBER, KeyRing({})))
    books.replay(entries(records))
    return books


def state_row(uid: bytes, counter: int, debited: int) -> StateRow:
    """A row of the state table: a purse 0 with 100 yuan loaded, settled."""
    return StateRow(
        uid=uid,
        purse=0,
        counter=counter,
        debited=debited,
        load_sequence=1,
        loaded=10_000,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NONE,
        tier=1,
        unsettled=False,
        expiry=DayNumber(11_000),
    )
