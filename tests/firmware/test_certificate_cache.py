"""What a terminal knows of certificates: the best good one of the table and of cards, a signature checked once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from firmware.certificate_cache import CertificateCache
from firmware.purse_memory import PurseName
from onecard.certificate_table import CERTIFICATES, certificate_row
from onecard.keys import KeyRing, Role
from onecard.packed_table import PackedTable
from onecard.purse.certificate import verified
from onecard.state_table import state_key
from tools.bench.till import Issuer, uids

_ISSUER = Issuer()
_UIDS = uids(5)
_NAMES = [PurseName(uid, 0) for uid in _UIDS]
_UID, _NAME = _UIDS[0], _NAMES[0]


class _Counted(Mapping[tuple[Role, int], bytes]):
    """Keys that count how often one was taken: once a signature check."""

    def __init__(self) -> None:
        self.taken = 0

    def __getitem__(self, name: tuple[Role, int]) -> bytes:
        self.taken += 1
        return _ISSUER.terminal_keys.held[name]

    def __iter__(self) -> Iterator[tuple[Role, int]]:
        return iter(_ISSUER.terminal_keys.held)

    def __len__(self) -> int:
        return len(_ISSUER.terminal_keys.held)


@pytest.fixture
def keys() -> _Counted:
    return _Counted()


@pytest.fixture
def cache(keys: _Counted) -> CertificateCache:
    return CertificateCache(KeyRing(keys), purses=3)


def _image(load: int, uid: bytes = _UID) -> bytes:
    return _ISSUER.certificate(uid, load, 1000 * load)


def _forged(image: bytes) -> bytes:
    return image[:-1] + bytes([image[-1] ^ 1])


def _table(version: int, *images: bytes) -> PackedTable:
    return PackedTable(CERTIFICATES, version, b"".join(sorted(map(certificate_row, images))))


def _show(cache: CertificateCache, image: bytes) -> None:
    """A card shows it."""
    certificate = verified(image, _ISSUER.terminal_keys)
    cache.keep(PurseName(certificate.uid, certificate.purse), certificate, image)


def _load(cache: CertificateCache, name: PurseName = _NAME) -> int | None:
    held = cache.best(name)
    if held is None:
        return None
    certificate, image = held
    assert image == _ISSUER.certificate(name.uid, certificate.load_sequence, certificate.loaded)
    return certificate.load_sequence


def test_a_forged_row_is_told_by_name_and_never_used(cache: CertificateCache, keys: _Counted) -> None:
    cache.table = _table(1, _forged(_image(9)))
    for _ in range(3):
        assert _load(cache) is None
    assert list(cache.faults) == [
        "certificates: the row of card 20314253 purse 0 is not used: load certificate: "
        "the signature of the certificate is wrong"
    ]
    assert keys.taken == 1


def test_a_row_under_another_purses_key_is_never_used(cache: CertificateCache) -> None:
    cache.table = PackedTable(CERTIFICATES, 1, state_key(_UID, 0) + _image(9, _UIDS[1]))
    assert _load(cache) is None
    assert _load(cache, _NAMES[1]) is None
    assert [fault.endswith("it belongs to card 21314253 purse 0") for fault in cache.faults] == [True]


def test_a_card_whose_uid_pads_to_anothers_has_no_certificate(cache: CertificateCache) -> None:
    cache.table = _table(1, _image(2))
    assert _load(cache, PurseName(_UID + b"\0\0\0", 0)) is None
    assert _load(cache) == 2


def test_a_forged_row_hides_no_certificate_that_a_card_shows(cache: CertificateCache) -> None:
    cache.table = _table(1, _forged(_image(9)))
    _show(cache, _image(2))
    assert _load(cache) == 2
    cache.table = _table(2, _forged(_image(10)))
    assert _load(cache) == 2


@pytest.mark.parametrize(("row", "shown"), [(3, 2), (2, 3), (3, 3)])
@pytest.mark.parametrize("table_first", [True, False])
def test_the_highest_load_wins_whoever_brought_it(
    row: int, shown: int, *, table_first: bool, cache: CertificateCache
) -> None:
    """P-R17."""
    if table_first:
        cache.table = _table(1, _image(row))
    _show(cache, _image(shown))
    assert _load(cache) == (3 if table_first else shown)
    cache.table = _table(1 + table_first, _image(row))
    assert _load(cache) == 3


def test_a_card_that_shows_an_older_certificate_takes_none_away(cache: CertificateCache) -> None:
    for load in (3, 2):
        _show(cache, _image(load))
    assert _load(cache) == 3


def test_a_row_that_changed_counts_at_once_and_one_that_did_not_is_not_checked_again(
    cache: CertificateCache, keys: _Counted
) -> None:
    cache.table = _table(1, _image(1), _image(1, _UIDS[1]))
    assert (_load(cache), _load(cache, _NAMES[1])) == (1, 1)
    _show(cache, _image(3, _UIDS[1]))
    cache.table = _table(2, _image(2), _image(1, _UIDS[1]))
    assert (_load(cache), _load(cache, _NAMES[1])) == (2, 3)
    assert keys.taken == 3


def test_a_signature_is_checked_once_a_purse_while_it_is_remembered(cache: CertificateCache, keys: _Counted) -> None:
    cache.table = _table(1, *(_image(1, uid) for uid in _UIDS))
    assert keys.taken == 0
    for _ in range(5):
        assert [_load(cache, name) for name in _NAMES[:3]] == [1, 1, 1]
    assert keys.taken == 3


def test_the_longest_unused_is_forgotten_and_a_row_is_checked_again(cache: CertificateCache, keys: _Counted) -> None:
    cache.table = _table(1, *(_image(1, uid) for uid in _UIDS))
    for name in (*_NAMES[:3], _NAMES[0], _NAMES[3]):
        assert _load(cache, name) == 1
    assert keys.taken == 4
    assert _load(cache, _NAMES[0]) == 1
    assert keys.taken == 4
    assert _load(cache, _NAMES[1]) == 1
    assert keys.taken == 5


def test_what_cards_showed_is_bounded_and_what_the_table_has_is_found_again(cache: CertificateCache) -> None:
    cache.table = _table(1, _image(1))
    for uid in _UIDS:
        _show(cache, _image(2, uid))
    assert [_load(cache, name) for name in reversed(_NAMES)] == [2, 2, 2, None, 1]


def test_purses_that_nobody_knows_push_none_out(cache: CertificateCache) -> None:
    for uid in _UIDS[:3]:
        _show(cache, _image(2, uid))
    assert _load(cache, _NAMES[4]) is None
    assert _load(cache, _NAMES[0]) == 2


def test_faults_are_bounded(cache: CertificateCache) -> None:
    many = [bytes([0x20, 1, 2, last]) for last in range(100)]
    cache.table = _table(1, *(_forged(_image(1, uid)) for uid in many))
    assert all(cache.best((uid, 0)) is None for uid in many)
    assert len(cache.faults) == cache.faults.maxlen
    assert many[-1].hex() in cache.faults[-1]
