"""What the journals say of the purse, and what each reading of the card means beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from onecard.kinds import Outcome
from onecard.purse.certificate import BadCertificate, Certificate
from onecard.purse.intent import base_record, evidence, intent_record
from onecard.purse.record import DebitRecord, Identity
from onecard.purse.resolution import Evidence, Resolution, resolve
from onecard.purse.ring import Ring, read_ring
from onecard.records import Intent
from tests.tears.family import Family, Reading
from tests.tears.world import GENESIS_COUNTER, SAM, UID, Terminal, World, intents, outcomes, stated

GENESIS = Identity(GENESIS_COUNTER, 0, 0, 0)
_FIRST = frozenset(Identity(counter, 0, 0, 0) for counter in range(GENESIS_COUNTER + 1))
ACKNOWLEDGED = frozenset({Outcome.PAID, Outcome.ACKED})


class Claim(NamedTuple):
    """One durable intent: who made it, the record it announced, and its final word, None while there is none."""

    terminal: int
    sequence: int
    intent: Intent
    record: DebitRecord
    base: DebitRecord
    word: Outcome | None


class Sighting(NamedTuple):
    """One reading of the card: its ring, and the certificate that the newest record names (None: unreadable)."""

    reading: Reading
    ring: Ring
    in_force: Certificate | None


@dataclass(frozen=True)
class History:
    """A world as the invariants look at it."""

    family: Family
    world: World

    @cached_property
    def claims(self) -> dict[Identity, Claim]:
        """The durable intents by the record they announced."""
        return {claim.record.identity: claim for terminal in self.world.terminals for claim in claims_of(terminal)}

    @cached_property
    def sightings(self) -> list[Sighting]:
        """Everything the card can be read as."""
        return [_sighting(reading) for reading in self.family.readings(self.world.card)]

    @cached_property
    def resolution(self) -> Resolution:
        """What the server concludes once everything that is durable was uploaded."""
        return resolved(self.world.terminals)

    def chain(self, identity: Identity) -> set[Identity]:
        """A record and everything it stands on, as their intents tell it."""
        found: set[Identity] = set()
        while identity in self.claims and identity not in found:
            found.add(identity)
            identity = self.claims[identity].base.identity
        return found | (_FIRST if identity == GENESIS else {identity})


@lru_cache(maxsize=1 << 12)
def claims_of(terminal: Terminal) -> list[Claim]:
    """The durable intents of a terminal with their last word, durable or not."""
    words = outcomes(terminal, durable=False)
    return [
        Claim(
            terminal.number,
            sequence,
            intent,
            intent_record(intent, sequence, terminal.number),
            base_record(intent),
            words[sequence][-1] if sequence in words else None,
        )
        for sequence, intent in intents(terminal).items()
    ]


@lru_cache(maxsize=1 << 12)
def _evidence(terminal: Terminal) -> list[Evidence]:
    words = outcomes(terminal, durable=True)
    return [
        evidence(intent, sequence, terminal.number, words[sequence][-1] if sequence in words else None)
        for sequence, intent in intents(terminal).items()
    ]


@lru_cache(maxsize=1 << 12)
def resolved(terminals: tuple[Terminal, ...]) -> Resolution:
    """The server's conclusion from all that is durable there."""
    return resolve(GENESIS, [item for terminal in terminals for item in _evidence(terminal)])


@lru_cache(maxsize=1 << 14)
def record_of(image: bytes) -> DebitRecord | None:
    """The record of 16 bytes in purse 0 of the card."""
    return SAM.record(image, UID, 0)


@lru_cache(maxsize=1 << 12)
def certificate_of(image: bytes) -> Certificate | None:
    """The certificate of 96 bytes, if they are one of this card."""
    try:
        certificate = stated(image)
    except BadCertificate:
        return None
    return certificate if (certificate.uid, certificate.purse) == (UID, 0) else None


@lru_cache(maxsize=1 << 12)
def _ring(images: tuple[bytes, bytes, bytes]) -> Ring:
    return read_ring(images, record_of)


def _sighting(reading: Reading) -> Sighting:
    ring = _ring(reading.ring)
    if ring.newest is None:
        return Sighting(reading, ring, None)
    reference = ring.newest.load_reference
    certificate = certificate_of(reading.copies[reference.copy])
    named = certificate is not None and certificate.load_sequence & 7 == reference.load_mod8
    return Sighting(reading, ring, certificate if named else None)
