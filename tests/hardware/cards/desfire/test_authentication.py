"""DESFire authentication: published transcripts, and that neither end takes a key that is not the other's."""

from __future__ import annotations

from typing import Any

import pytest

from hardware.cards.desfire.authentication import CardProof, Method, ReaderProof, rotated
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.ev2 import Ev2Channel
from hardware.cards.desfire.messaging import BrokenMessage, Channel, CommMode
from tests.hardware.cards.desfire.transcripts import authenticate, raw, vectors

_EV1, _EV2, _LEGACY, _FLOWS = (vectors(name) for name in ("ev1", "ev2", "legacy", "flows"))
_FORMER = Ev2Channel(b"e" * 16, b"m" * 16, b"tiTI", 41)
_WAYS = [
    (Method.LEGACY, KeyType.TDES),
    (Method.ISO, KeyType.TDES),
    (Method.ISO, KeyType.TDES_3K),
    (Method.AES, KeyType.AES),
    (Method.EV2_FIRST, KeyType.AES),
    (Method.EV2_NON_FIRST, KeyType.AES),
]
_each_way = pytest.mark.parametrize(("method", "kind"), _WAYS, ids=[f"{m.name} {k.name}" for m, k in _WAYS])


def _ends(method: Method, kind: KeyType, reader_key: bytes, card_key: bytes) -> tuple[ReaderProof, CardProof]:
    size = method.random_size(kind)
    former = _FORMER if method is Method.EV2_NON_FIRST else None
    ti = b"TiTi" if method is Method.EV2_FIRST else b""
    return (
        ReaderProof(method, Key(kind, reader_key), bytes(range(size)), former),
        CardProof(method, Key(kind, card_key), bytes(range(100, 100 + size)), ti, former),
    )


def _key(kind: KeyType, first: int = 3) -> bytes:
    return bytes(range(first, first + 5 * kind.key_size, 5))


@_each_way
def test_a_card_takes_no_other_key(method: Method, kind: KeyType) -> None:
    """No foreign host would notice a card that does."""
    reader, card = _ends(method, kind, _key(kind, 4), _key(kind, 8))
    with pytest.raises(BrokenMessage, match="proof of the reader's key"):
        card.finish(reader.token(card.challenge()))


@_each_way
def test_a_reader_takes_no_card_that_lacks_the_key(method: Method, kind: KeyType) -> None:
    """A card that says yes to everything still cannot make the proof."""
    reader, card = _ends(method, kind, _key(kind), _key(kind))
    answer, _ = card.finish(reader.token(card.challenge()))
    other = Key(kind, _key(kind, 8))
    for guess in (bytes(len(answer)), answer[::-1], other.encrypt(other.zero_iv, b"TiTi" * 8)[: len(answer)]):
        with pytest.raises(BrokenMessage, match="proof of the card's key"):
            reader.finish(card.challenge(), guess)


@_each_way
def test_a_token_damaged_or_of_another_size_is_refused(method: Method, kind: KeyType) -> None:
    reader, card = _ends(method, kind, _key(kind), _key(kind))
    token = reader.token(card.challenge())
    size = len(card.rnd_b)
    wrong = [token[:cut] for cut in range(len(token))] + [token + bytes(size)]
    for place in range(size, len(token)):  # what lies before changes RndA too, and the reader notices
        wrong.append(token[:place] + bytes([token[place] ^ 0x10]) + token[place + 1 :])
    for damaged in wrong:
        with pytest.raises(BrokenMessage):
            card.finish(damaged)


@_each_way
def test_a_proof_damaged_or_of_another_size_is_refused(method: Method, kind: KeyType) -> None:
    reader, card = _ends(method, kind, _key(kind), _key(kind))
    challenge = card.challenge()
    answer, _ = card.finish(reader.token(challenge))
    wrong = [answer[:cut] for cut in range(len(answer))] + [answer + bytes(16)]
    for place in range((method is Method.EV2_FIRST and 4) or 0, 16 if kind is KeyType.AES else len(answer)):
        wrong.append(answer[:place] + bytes([answer[place] ^ 0x10]) + answer[place + 1 :])
    for damaged in wrong:
        with pytest.raises(BrokenMessage):
            reader.finish(challenge, damaged)


@_each_way
@pytest.mark.parametrize("wrong", [-1, 1, -8, 8])
def test_a_challenge_of_another_size_is_refused(method: Method, kind: KeyType, wrong: int) -> None:
    reader, card = _ends(method, kind, _key(kind), _key(kind))
    challenge = (card.challenge() + bytes(16))[: method.random_size(kind) + wrong]
    with pytest.raises(BrokenMessage, match="size"):
        reader.token(challenge)
    with pytest.raises(BrokenMessage, match="size"):
        reader.finish(challenge, bytes(16))


@_each_way
def test_both_ends_come_to_the_same_session(method: Method, kind: KeyType) -> None:
    reader, card = _ends(method, kind, _key(kind), _key(kind))
    answer, at_card = card.finish(reader.token(card.challenge()))
    _assert_same(reader.finish(card.challenge(), answer), at_card)


def test_a_des_key_and_a_two_key_3des_key_make_different_session_keys() -> None:
    """Of a DES key, which is stored twice, a DES session key: only the first halves of the randoms count."""
    for halves, differs in ((_key(KeyType.TDES)[:8] * 2, False), (_key(KeyType.TDES), True)):
        sealed = []
        for last in (0, 9):
            rnd_a, rnd_b = bytes([1, 2, 3, 4, last, 6, 7, 8]), bytes(range(11, 19))
            key = Key(KeyType.TDES, halves)
            reader, card = ReaderProof(Method.ISO, key, rnd_a), CardProof(Method.ISO, key, rnd_b)
            answer, _ = card.finish(reader.token(card.challenge()))
            channel = reader.finish(card.challenge(), answer)
            sealed.append(channel.seal_command(0x3D, b"", b"data", CommMode.FULL))
        assert (sealed[0] != sealed[1]) is differs


def test_a_second_ev2_authentication_keeps_identifier_and_counter_and_changes_the_keys() -> None:
    reader, card = _ends(Method.EV2_NON_FIRST, KeyType.AES, _key(KeyType.AES), _key(KeyType.AES))
    answer, _ = card.finish(reader.token(card.challenge()))
    channel = reader.finish(card.challenge(), answer)
    assert isinstance(channel, Ev2Channel)
    assert (channel.ti, channel.counter) == (_FORMER.ti, _FORMER.counter) == (b"tiTI", 41)
    former = Ev2Channel(b"e" * 16, b"m" * 16, b"tiTI", 41)
    assert channel.seal_command(0xC7, b"", b"", CommMode.MACED) != former.seal_command(0xC7, b"", b"", CommMode.MACED)


@pytest.mark.parametrize(
    ("method", "number", "command"),
    [(Method.AES, 1, "aa01"), (Method.EV2_FIRST, 1, "710100"), (Method.LEGACY, 0, "0a00"), (Method.ISO, 0, "1a00")],
)
def test_first_messages(method: Method, number: int, command: str) -> None:
    kind = KeyType.TDES if method.takes(KeyType.TDES) else KeyType.AES
    assert _ends(method, kind, _key(kind), _key(kind))[0].command(number).hex() == command


@pytest.mark.parametrize(
    ("method", "kind"), [(m, k) for m in Method for k in KeyType if (m, k) not in _WAYS], ids=lambda case: case.name
)
def test_a_method_takes_its_kinds_of_key_only(method: Method, kind: KeyType) -> None:
    assert not method.takes(kind)


# Published transcripts.


@pytest.mark.parametrize("row", _EV1["authentications"], ids=lambda row: f"{row['what']} {row['number']}")
def test_ev1_transcripts(row: dict[str, Any]) -> None:
    _assert_same(*authenticate(row, Method[row["method"]], KeyType[row["kind"]]))


@pytest.mark.parametrize("row", _EV2["authentications"], ids=lambda row: row["what"])
def test_ev2_transcripts(row: dict[str, Any]) -> None:
    reader, card = authenticate(row, Method.EV2_FIRST, KeyType.AES)
    assert isinstance(reader, Ev2Channel)
    assert (reader.ti, reader.counter) == (raw(row, "ti"), 0)
    published = Ev2Channel(raw(row, "encryption"), raw(row, "mac"), raw(row, "ti"))
    for mode in (CommMode.MACED, CommMode.FULL):
        sealed = reader.seal_command(0x3D, b"\2", b"data", mode)
        assert published.open_command(0x3D, sealed, 1, mode, 4) == b"data"
        assert card.open_command(0x3D, sealed, 1, mode, 4) == b"data"


@pytest.mark.parametrize("row", _LEGACY["authentications"], ids=lambda row: row["what"])
def test_legacy_transcripts(row: dict[str, Any]) -> None:
    _assert_same(*authenticate(row, Method.LEGACY, KeyType.TDES))


def test_rotated() -> None:
    assert rotated(b"abcd") == b"bcda"


def _assert_same(reader: Channel, card: Channel) -> None:
    """What one end says the other understands, in both directions."""
    sealed = reader.seal_command(0x3D, b"\2", b"data", CommMode.FULL)
    assert card.open_command(0x3D, sealed, 1, CommMode.FULL, 4) == b"data"
    assert reader.open_answer(card.seal_answer(b"data", CommMode.FULL), CommMode.FULL, 4) == b"data"
