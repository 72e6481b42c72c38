"""The table of certificates: nothing false or old takes the place of a good one, and nothing is believed unopened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.cbor import Value
from onecard.certificate_table import (
    CERTIFICATES,
    ROW_SIZE,
    certificate_row,
    open_certificates,
    opened,
    row_of,
    superseding,
)
from onecard.keys import KeyRing
from onecard.packed_table import BadTable, GoesBack, PackedTable, TableChange, WrongBase
from onecard.purse.certificate import BadCertificate
from onecard.state_table import KEY_SIZE
from tools.bench.till import Issuer

_ISSUER = Issuer()
_KEYS = _ISSUER.terminal_keys
_NO_KEYS = KeyRing({})
_UID, _OTHER = b"\x04\x01\x02\x03", b"\x04\x01\x02\x03\x05\x06\x07"
_PURSES = [(_UID, 0), (_UID, 1), (_OTHER, 0)]
_IMAGES = {
    (purse, load): _ISSUER.certificate(uid, load, 1000 * load, purse=number)
    for purse, (uid, number) in enumerate(_PURSES)
    for load in range(1, 5)
}


def _forged(image: bytes, load: int | None = None) -> bytes:
    """The same with a wrong signature, and with another L."""
    claimed = image[4:7] if load is None else load.to_bytes(3, "big")
    return image[:4] + claimed + image[7:-1] + bytes([image[-1] ^ 1])


def _table(version: int, *images: bytes) -> PackedTable:
    return PackedTable(CERTIFICATES).apply(open_certificates(0, version, images))


def _after(held: PackedTable, base: int, *images: bytes) -> tuple[PackedTable, list[BadCertificate]]:
    change, refused = superseding(held, open_certificates(base, held.version + 1, images), _KEYS)
    return held.apply(change), refused


@pytest.mark.parametrize(
    "body",
    [
        [_IMAGES[0, 1][:-1]],
        [_IMAGES[0, 1] + b"\0"],
        [_IMAGES[0, 1] + b"\xff", _IMAGES[1, 1][:-1]],
        [7],
        [[]],
        [_IMAGES[0, 1], _IMAGES[0, 2]],
    ],
)
def test_what_is_no_list_of_certificates_of_different_purses_is_refused(body: list[Value]) -> None:
    with pytest.raises(BadTable):
        open_certificates(0, 1, body)


def test_a_key_whose_purse_is_not_known_is_refused() -> None:
    with pytest.raises(BadTable, match="byte 7 of a row is 16"):
        CERTIFICATES.checked(_UID.ljust(7, b"\0") + b"\x10" + bytes(ROW_SIZE - KEY_SIZE))


@pytest.mark.parametrize("place", range(ROW_SIZE))
def test_a_row_with_a_changed_byte_is_not_believed(place: int) -> None:
    row = certificate_row(_IMAGES[2, 1])
    with pytest.raises(BadCertificate):
        opened(row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :], _KEYS)


def test_a_row_under_another_purses_key_is_not_believed() -> None:
    for (uid, purse), image in zip(_PURSES[1:], (_IMAGES[0, 1], _IMAGES[1, 1]), strict=True):
        key = uid.ljust(7, b"\0") + bytes([purse])
        with pytest.raises(BadCertificate, match="it belongs to card 04010203 purse"):
            opened(key + image, _KEYS)


def test_a_certificate_is_found_under_its_purse_as_it_was_sent() -> None:
    held = _table(1, *(_IMAGES[purse, 2] for purse in (2, 0, 1)))
    for place, (uid, purse) in enumerate(_PURSES):
        row = row_of(held, uid, purse)
        assert row is not None
        assert row[KEY_SIZE:] == _IMAGES[place, 2]
        assert opened(row, _KEYS).load_sequence == 2
    assert row_of(held, _OTHER, 1) is None


@pytest.mark.parametrize("base", [0, 5])
def test_an_older_certificate_never_replaces_a_newer_one(base: int) -> None:
    """P-R17; a server put back from a backup may send one."""
    held = _table(5, _IMAGES[0, 3])
    assert _after(held, base, _IMAGES[0, 2], _IMAGES[1, 1])[0] == _table(6, _IMAGES[0, 3], _IMAGES[1, 1])
    assert _after(held, base, _IMAGES[0, 4])[0] == _table(6, _IMAGES[0, 4])


@pytest.mark.parametrize("base", [0, 5])
@pytest.mark.parametrize("load", [1, 3, 9])
def test_a_forged_certificate_never_replaces_a_good_one_and_is_told(base: int, load: int) -> None:
    held = _table(5, _IMAGES[0, 3])
    after, refused = _after(held, base, _forged(_IMAGES[0, 3], load), _IMAGES[1, 1])
    assert after == _table(6, _IMAGES[0, 3], _IMAGES[1, 1])
    assert ["signature of the certificate is wrong" in str(error) for error in refused] == [True]


@pytest.mark.parametrize("load", [1, 3, (1 << 24) - 1])
def test_a_good_certificate_replaces_a_forged_one_whatever_load_that_claims(load: int) -> None:
    held = _table(5, _forged(_IMAGES[0, 3], load))
    assert _after(held, 5, _IMAGES[0, 3]) == (_table(6, _IMAGES[0, 3]), [])


def test_a_snapshot_takes_no_certificate_out() -> None:
    """What the issuer signed stays true."""
    held = _table(5, _IMAGES[0, 3], _IMAGES[1, 1])
    assert _after(held, 0, _IMAGES[2, 1])[0] == _table(6, _IMAGES[0, 3], _IMAGES[1, 1], _IMAGES[2, 1])


def test_a_change_that_does_not_follow_is_refused_before_anything_is_checked() -> None:
    held = _table(5, _IMAGES[0, 3])
    for base, version, error in ((4, 6, WrongBase), (0, 5, GoesBack), (3, 4, GoesBack)):
        with pytest.raises(error):
            superseding(held, open_certificates(base, version, [_IMAGES[0, 4]]), _NO_KEYS)


def test_no_signature_is_checked_where_a_purse_has_no_other_certificate() -> None:
    held = _table(5, _IMAGES[0, 3])
    change, refused = superseding(held, open_certificates(0, 9, [_IMAGES[0, 3], _forged(_IMAGES[1, 1])]), _NO_KEYS)
    assert change == TableChange(5, 9, certificate_row(_forged(_IMAGES[1, 1])))
    assert refused == []


_SENT = st.tuples(st.integers(0, 2), st.integers(1, 4), st.none() | st.integers(0, 9))
"""Purse, L of a good certificate, and the L that a forged one claims in its place."""


@given(st.lists(st.tuples(st.booleans(), st.lists(_SENT, max_size=3, unique_by=lambda sent: sent[0])), max_size=8))
def test_whatever_comes_in_whatever_order_the_newest_good_certificate_is_held(
    changes: list[tuple[bool, list[tuple[int, int, int | None]]]],
) -> None:
    held, newest = PackedTable(CERTIFICATES), dict.fromkeys(range(3), 0)
    for anew, sent in changes:
        images = [_IMAGES[p, load] if claim is None else _forged(_IMAGES[p, load], claim) for p, load, claim in sent]
        held, _ = _after(held, 0 if anew else held.version, *images)
        newest |= {p: max(newest[p], load) for p, load, claim in sent if claim is None}
        for place, (uid, purse) in enumerate(_PURSES):
            row = row_of(held, uid, purse)
            if newest[place]:
                assert row is not None
                assert row[KEY_SIZE:] == _IMAGES[place, newest[place]]
