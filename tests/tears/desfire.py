"""DESFire in the bench: an image is what purse 0's application holds.

Everything lands by one CommitTransaction, so a cut falls before or after a command, and nothing is ever weak. Every tap
opens the card as one that was not met before, which on EV1 is one command more.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from hardware.cards.desfire.layout import CERTIFICATE_FILE, DEBIT_FILE, RING_FILE, START_VALUE, application
from hardware.cards.desfire.purse import COMMIT_TRANSACTION
from hardware.virtual.desfire.contents import Contents, DataFile, DesfireImage, Generation, RecordFile, ValueFile
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.iso_dep_card import IsoDepCard
from hardware.virtual.schedule import Schedule
from hardware.virtual.tear import TearMode
from onecard.card_keys import desfire_application_key, desfire_debit_key
from onecard.keys import Role
from onecard.purse.record import RECORD_SIZE, DebitRecord, LoadReference, unchecked
from onecard.purse.ring import SLOTS, slot_of
from tests.tears.choices import Choices
from tests.tears.cuts import AFTER, ANSWER_LOST, BEFORE, Tear
from tests.tears.family import Grain, Laid, Reading
from tools.bench.desfire import PurseContents, personalised_image
from tools.bench.till import Issuer

SEED = 7
_MID_COMMIT = Tear(TearMode.HALF)


@dataclass(frozen=True, slots=True)
class Purse:
    """The image: what the three files of the purse hold, beside the whole contents, of which nothing else changes."""

    uid: bytes
    certificate: bytes
    value: int
    records: tuple[bytes, ...]
    contents: Contents = field(compare=False)

    @classmethod
    def of(cls, image: DesfireImage) -> Purse:
        """The value of a card as it is now."""
        files = image.contents.applications[application(0)].files
        certificate, value, ring = files[CERTIFICATE_FILE], files[DEBIT_FILE], files[RING_FILE]
        assert isinstance(certificate, DataFile)
        assert isinstance(value, ValueFile)
        assert isinstance(ring, RecordFile)
        return cls(image.uid, certificate.data, value.value, ring.records, image.contents)


@dataclass(frozen=True)
class Desfire:
    """`tests.tears.family.Family` of one generation of DESFire."""

    generation: Generation

    @property
    def name(self) -> str:
        return f"DESFire {self.generation.name}"

    def issued(self, issuer: Issuer, uid: bytes, certificate: bytes) -> Hashable:
        personal, debit = issuer.masters[Role.DESFIRE_PERSONALISE], issuer.masters[Role.DESFIRE_DEBIT]
        number = application(0)
        keys = (
            desfire_application_key(personal, uid, number, 0),
            desfire_debit_key(debit, uid, number),
            desfire_application_key(personal, uid, number, 2),
        )
        reference = LoadReference.of(0, int.from_bytes(certificate[4:7], "big"))
        records = tuple(issuer.record_image(uid, DebitRecord(counter, reference, 0, 0, 0)) for counter in range(SLOTS))
        image = personalised_image(uid, self.generation, {0: PurseContents(keys, certificate, records)})
        return Purse.of(image)

    def lay(self, image: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        assert isinstance(image, Purse)
        memory = Memory(DesfireImage(image.uid, image.contents), lambda _: None, schedule, SEED)
        return Laid(IsoDepCard(memory), lambda: Purse.of(memory.image))

    def commits(self, command: bytes) -> bool:
        return command[:1] == bytes([COMMIT_TRANSACTION])

    def tears(self, command: bytes, grain: Grain) -> Sequence[Tear]:
        if self.commits(command) and grain is not Grain.COMMANDS:
            return (BEFORE, _MID_COMMIT, AFTER, ANSWER_LOST)
        return (BEFORE, AFTER, ANSWER_LOST) if command else (BEFORE,)

    def readings(self, image: Hashable) -> Iterator[Reading]:
        assert isinstance(image, Purse)
        slots = [bytes(RECORD_SIZE)] * SLOTS
        for record in image.records:
            slots[slot_of(unchecked(record).counter)] = record
        yield Reading((slots[0], slots[1], slots[2]), (image.certificate,))

    def violation(self, image: Hashable) -> str | None:
        assert isinstance(image, Purse)
        newest = unchecked(image.records[-1])
        if START_VALUE - image.value != newest.debited:
            return f"the card counts {START_VALUE - image.value} as debited, its newest record {newest.debited}"
        return None

    def meaning(self, image: Hashable, names: Callable[[bytes], Hashable]) -> Hashable:
        return image
