"""The virtual card says byte for byte what a real EV1 card and the published EV2 examples say."""

from __future__ import annotations

from typing import Any

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.ev1 import Ev1Channel
from hardware.virtual.desfire.card import DesfireCard
from hardware.virtual.desfire.contents import Application, Contents, DesfireImage, card_key
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.desfire.security import Session
from hardware.virtual.schedule import Schedule
from tests.hardware.cards.desfire.transcripts import raw, vectors
from tests.hardware.virtual.desfire.host import AID, EV1, EV2, UID

_EV1, _EV2 = vectors("ev1"), vectors("ev2")


class _Scripted(Memory):
    """Draws what the transcript's card drew."""

    def __init__(self, image: DesfireImage, *draws: bytes) -> None:
        super().__init__(image, lambda _: None, Schedule(), seed=0)
        self._script = iter(draws)

    def random(self, size: int) -> bytes:
        drawn = next(self._script)
        assert len(drawn) == size
        return drawn


def _card(kind: KeyType, key: bytes, number: int, *draws: bytes, generation: Any = EV1) -> DesfireCard:
    """An application with this key and file 5's rights, selected."""
    keys = tuple(card_key(kind, key) for _ in range(number + 2))
    application = Application(0x0F, kind, keys)
    contents = Contents(generation, card_key(KeyType.TDES, bytes(16)), applications={AID: application})
    card = DesfireCard(_Scripted(DesfireImage(UID, contents), *draws))
    assert card.message(b"\x5a" + AID) == b"\x00"
    return card


@pytest.mark.parametrize("row", _EV1["authentications"], ids=lambda row: row["what"])
def test_an_authentication_of_a_real_card(row: dict[str, Any]) -> None:
    method, kind = Method[row["method"]], KeyType[row["kind"]]
    key = Key(kind, raw(row, "key"))
    rnd_b = key.decrypt(key.zero_iv, raw(row, "challenge"))
    card = _card(kind, key.secret, row["number"], rnd_b)
    assert card.message(bytes((method, row["number"]))).hex() == "af" + row["challenge"]
    answer = card.message(b"\xaf" + raw(row, "token")).hex()
    assert answer == "00" + (row["answer"] or answer[2:])


@pytest.mark.parametrize(
    "row",
    [row for row in _EV2["authentications"] if row.get("answer") and row.get("method", "EV2_FIRST") == "EV2_FIRST"],
    ids=lambda row: row.get("what", "EV2"),
)
def test_an_ev2_authentication_as_published(row: dict[str, Any]) -> None:
    key = Key(KeyType.AES, raw(row, "key"))
    card = _card(KeyType.AES, key.secret, 0, raw(row, "rnd_b"), raw(row, "ti"), generation=EV2)
    assert card.message(bytes.fromhex("710000")).hex() == "af" + row["challenge"]
    assert card.message(b"\xaf" + raw(row, "token")).hex() == "00" + row["answer"]


def _sessions() -> list[dict[str, Any]]:
    """Of the real card's sessions those that make their file themselves."""
    return [row for row in _EV1["sessions"] if row["exchanges"][0]["code"] == "cd"]


@pytest.mark.parametrize("row", _sessions(), ids=lambda row: row["what"])
def test_a_session_of_a_real_card(row: dict[str, Any]) -> None:
    kind = KeyType[row["kind"]]
    card = _card(kind, bytes(kind.key_size), 0)
    card.state.volatile.session = Session(1, Ev1Channel(Key(kind, raw(row, "session"))), kind)
    for exchange in row["exchanges"]:
        sent = raw(exchange, "code") + raw(exchange, "sealed")
        answer = card.message(sent[:60])
        for start in range(60, len(sent), 59):
            assert answer == b"\xaf"
            answer = card.message(b"\xaf" + sent[start : start + 59])
        assert answer.hex() == "00" + exchange["answer"], exchange["code"]
