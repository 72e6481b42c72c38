"""A terminal behind a port, in its simplest form: bundles cut beforehand, replies written down."""

from __future__ import annotations

import hashlib

from onecard.courier_link.messages import KEY_SIZE, Hi, Parcel
from onecard.errors import OnecardError


class Broken(OnecardError):
    """A journal that cannot be read."""


class Cut:
    """`Goods` of terminal 17: bundle i holds records 10 i + 1 … 10 i + 10."""

    def __init__(self, bundles: list[bytes]) -> None:
        self.bundles = bundles
        self.taken: list[bytes] = []
        self.verdict: str | None = ""
        self.forgets = False
        self.fails = False

    def greeting(self) -> Hi:
        return Hi(1, 17, "XDA", 10 * len(self.bundles), 0)

    def parcel(self, after: int, tag: bytes) -> Parcel | None:
        if self.fails:
            raise Broken("the journal is damaged: send the disk to the centre")
        place = after // 10 if tag == self.tag(after) else 0
        if place >= len(self.bundles):
            return None
        bundle = self.bundles[place]
        first, last = 10 * place + 1, 10 * place + 10
        return Parcel(after, hashlib.sha256(bundle).digest(), len(bundle), first, last, self.tag(last))

    def whole(self, key: bytes) -> bytes | None:
        found = (bundle for bundle in self.bundles if hashlib.sha256(bundle).digest()[:KEY_SIZE] == key)
        return None if self.forgets else next(found, None)

    def take(self, reply: bytes) -> str | None:
        if self.verdict is not None and reply not in self.taken:
            self.taken.append(reply)
        return self.verdict

    @staticmethod
    def tag(sequence: int) -> bytes:
        return sequence.to_bytes(8, "big") if sequence else b""
