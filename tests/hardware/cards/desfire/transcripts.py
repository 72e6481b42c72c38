"""Transcripts of tests/vectors/desfire_*.json, driven through both ends of a channel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardware.cards.desfire.authentication import CardProof, Method, ReaderProof
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.messaging import Channel, CommMode, NewKey

_VECTORS = Path(__file__).parents[3] / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """The content of `tests/vectors/desfire_<name>.json`."""
    content: dict[str, Any] = json.loads((_VECTORS / f"desfire_{name}.json").read_text("utf-8"))
    assert content["source"]
    return content


def raw(row: Mapping[str, str], field: str) -> bytes:
    """A field in hexadecimal."""
    return bytes.fromhex(row[field])


def authenticate(row: Mapping[str, Any], method: Method, kind: KeyType) -> tuple[Channel, Channel]:
    """Both ends through one authentication, every message as in the transcript; the reader's channel and the card's."""
    key = Key(kind, raw(row, "key"))
    rnd_b = raw(row, "rnd_b") if row["rnd_b"] else key.decrypt(key.zero_iv, raw(row, "challenge"))
    reader = ReaderProof(method, key, raw(row, "rnd_a"))
    card = CardProof(method, key, rnd_b, raw(row, "ti") if "ti" in row else b"")
    assert card.challenge() == raw(row, "challenge")
    assert reader.token(card.challenge()) == raw(row, "token")
    answer, card_channel = card.finish(raw(row, "token"))
    assert row["answer"] in (None, answer.hex())
    return reader.finish(card.challenge(), answer), card_channel


def exchange(row: Mapping[str, str], reader: Channel, card: Channel) -> None:
    """One command and its answer, sealed as in the transcript and opened at the other end."""
    code, header, data, opened = raw(row, "code")[0], raw(row, "header"), raw(row, "data"), raw(row, "opened")
    mode = CommMode[row["mode"]]
    sealed = reader.seal_command(code, header, data, mode)
    assert sealed.hex() == row["sealed"]
    assert card.open_command(code, sealed, len(header), mode, len(data)) == data
    answer = card.seal_answer(opened, mode)
    assert answer.hex() == row["answer"]
    assert reader.open_answer(answer, mode, len(opened)) == opened


def change_key(row: Mapping[str, Any], reader: Channel, card: Channel) -> None:
    """One ChangeKey, sealed as in the transcript and opened at the other end."""
    kind = KeyType[row["kind"]]
    new = NewKey(Key(kind, raw(row, "new")), row["version"])
    old = raw(row, "old") if row["old"] else None
    sealed = reader.seal_key_change(row["number"], new, old)
    assert sealed == bytes([row["number"]]) + raw(row, "sealed")
    assert card.open_key_change(sealed, kind, old) == new
