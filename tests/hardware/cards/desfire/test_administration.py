"""The desk's commands, on a virtual card from the factory in a real reader process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.cards.desfire import administration, layout
from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.opening import Openings
from hardware.cards.desfire.purse import DesfirePurse
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.desfire.status import DesfireRefused, Status
from hardware.cards.port import Written
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import DesfireImage, Generation, blank_image, card_key
from tests.hardware.cards.bench import ReaderBench, reader_bench
from tools.bench.desfire import PurseContents, personalised_image

_UID = bytes.fromhex("04782e21801d80")
_CARD_KEY = b"card key 16 byte"
_KEYS = b"app key 0 is 16.", b"app key 1 is 16.", b"app key 2 is 16."
_RECORD = bytes(16)
_CERTIFICATE = bytes(range(96))
_NO_RIGHT = (Status.PERMISSION_DENIED, Status.AUTHENTICATION_ERROR)
_METHODS = {Generation.EV1: Method.AES, Generation.EV2: Method.EV2_FIRST}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


class _OurKeys:
    def classic_keys(self, uid: bytes, sector: int) -> list[bytes]:
        raise AssertionError("no Classic card here")

    def desfire_keys(self, uid: bytes, application: bytes) -> list[bytes]:
        return [_KEYS[layout.DEBIT_KEY]]


def _make_purse(session: DesfireSession, method: Method, purse: int) -> None:
    """What a personalisation does to one purse, without its care."""
    place, zero = layout.application(purse), administration.FACTORY_APPLICATION_KEY
    session.select_application(layout.CARD_LEVEL)
    administration.create_application(session, place, layout.APPLICATION_SETTINGS, layout.APPLICATION_KEYS)
    session.select_application(place)
    session.authenticate(method, layout.MASTER_KEY, zero)
    for making in layout.FILES:
        administration.create_file(session, making)
    session.authenticate(method, layout.DEBIT_KEY, zero)
    session.command(0x3D, bytes([1, 0, 0, 0, 96, 0, 0]), _CERTIFICATE, mode=CommMode.PLAIN)
    session.command(0x3B, bytes([3, 0, 0, 0, 16, 0, 0]), _RECORD, mode=CommMode.MACED)
    session.command(0xC7)
    session.authenticate(method, layout.MASTER_KEY, zero)
    for number in (layout.DEBIT_KEY, layout.ISSUER_KEY):
        administration.change_key(session, number, _KEYS[number], 0, zero.secret)
    administration.change_key(session, layout.MASTER_KEY, _KEYS[layout.MASTER_KEY], 0, None)


@pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)
def test_a_card_from_the_factory_becomes_one_of_ours(
    generation: Generation, bench: ReaderBench, tmp_path: Path
) -> None:
    """Byte for byte what benches and tests take for a card from the desk, and then debited."""
    path = tmp_path / "card"
    card_file.save(path, blank_image(_UID, generation))
    bench.place(path)
    session = DesfireSession(bench.reader, bench.poll_one(), Openings().random)
    for purse in (0, 1):
        _make_purse(session, _METHODS[generation], purse)
    session.select_application(layout.CARD_LEVEL)
    session.authenticate(Method.LEGACY, 0, administration.FACTORY_CARD_KEY)
    assert administration.application_ids(session) == (layout.application(0), layout.application(1))
    administration.change_key_settings(session, layout.CARD_SETTINGS)
    administration.change_card_key(session, _CARD_KEY, 5)
    image = card_file.load(path)
    assert isinstance(image, DesfireImage)
    purses = {purse: PurseContents(_KEYS, _CERTIFICATE, (_RECORD,)) for purse in (0, 1)}
    assert image.contents.applications == personalised_image(_UID, generation, purses).contents.applications
    assert image.contents.key == card_key(KeyType.AES, _CARD_KEY, 5)
    assert image.contents.settings == layout.CARD_SETTINGS
    bench.place(path)
    openings = Openings()
    card = DesfirePurse(DesfireSession(bench.reader, bench.poll_one(), openings.random), _OurKeys(), 1, openings)
    assert card.read_ring() == (_RECORD, bytes(16), bytes(16))
    assert card.read_certificate(0) == _CERTIFICATE
    assert card.debited == 0
    assert card.commit_record(1, (1 << 4).to_bytes(3, "big") + bytes(13), 7) is Written.ACKED


@pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)
def test_a_finished_card_tells_and_gives_nothing_without_its_key(
    generation: Generation, bench: ReaderBench, tmp_path: Path
) -> None:
    """Nor does the terminals' key change anything but by a debit: no credit, no clearing, no other rights."""
    path, method = tmp_path / "card", _METHODS[generation]
    image = personalised_image(_UID, generation, {0: PurseContents(_KEYS, _CERTIFICATE, (_RECORD,))})
    card_file.save(path, image)
    bench.place(path)
    session = DesfireSession(bench.reader, bench.poll_one(), Openings().random)
    session.select_application(layout.CARD_LEVEL)
    session.authenticate(Method.LEGACY, 0, administration.FACTORY_CARD_KEY)
    administration.change_key_settings(session, layout.CARD_SETTINGS)
    administration.change_card_key(session, _CARD_KEY, 1)
    session.select_application(layout.CARD_LEVEL)
    session.authenticate(method, 0, Key(KeyType.AES, _CARD_KEY))
    assert administration.key_version(session, 0) == 1
    assert administration.key_settings(session)[0] == layout.CARD_SETTINGS

    def refused(code: int, header: bytes, data: bytes = b"", mode: CommMode | None = None, key: int | None = 1) -> int:
        bench.place(path)
        fresh = DesfireSession(bench.reader, bench.poll_one(), Openings().random)
        fresh.select_application(layout.CARD_LEVEL if key is None else layout.application(0))
        if key is not None:
            fresh.authenticate(method, key, Key(KeyType.AES, _KEYS[key]))
        with pytest.raises(DesfireRefused) as refusal:
            fresh.command(code, header, data, mode=mode, answer_size=None)
        return refusal.value.status

    amount = (1).to_bytes(4, "little")
    for key in range(layout.KEYS):
        assert refused(0x0C, b"\2", amount, CommMode.MACED, key) in _NO_RIGHT
        assert refused(0x1C, b"\2", amount, CommMode.MACED, key) in _NO_RIGHT
        assert refused(0xEB, b"\3", key=key) in _NO_RIGHT
        assert refused(0x5F, b"\2", bytes([1, 0xEE, 0xEE]), CommMode.FULL, key) == Status.PERMISSION_DENIED
    assert refused(0xDC, b"\2", (1 << 31).to_bytes(4, "little"), CommMode.MACED) == Status.PARAMETER_ERROR
    assert refused(0xDF, b"\2") == Status.AUTHENTICATION_ERROR
    for code, header in ((0x6A, b""), (0xCA, b"\1\2\3\x0f\x81"), (0xDA, layout.application(0)), (0xFC, b"")):
        assert refused(code, header, key=None) == Status.AUTHENTICATION_ERROR, hex(code)
    after = card_file.load(path)
    assert isinstance(after, DesfireImage)
    assert after.contents.applications == image.contents.applications
