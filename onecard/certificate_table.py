"""The load certificates as a packed table: the newest of every purse, for a terminal to deliver (P-R16, R17).

A row, 104 bytes: the key, 8 bytes, as the state table has it (UID padded to 7, purse); the 96 bytes of the certificate
(onecard/purse/certificate.py). A downlink carries the certificates alone, `[96 bytes, …]`: the key is what they claim.

Rules
- A row is believed when its certificate is opened for the purse of its key (`opened`), not before: a hundred thousand
  rows cost a start no signature.
- Another certificate of a purse takes the place of the one held when it is good, and has the higher L or that one is
  no good: neither an older one nor a false one hides a good one.
- A snapshot begins the versions anew and takes nothing out: what the issuer signed stays true.
"""

from __future__ import annotations

from collections.abc import Sequence

from onecard import cbor
from onecard.keys import KeyRing
from onecard.packed_table import BadTable, Form, PackedTable, TableChange, cut
from onecard.purse import delivery
from onecard.purse.certificate import (
    CERTIFICATE_SIZE,
    BadCertificate,
    Certificate,
    claimed_load,
    claimed_purse,
    open_certificate,
    unpad_uid,
)
from onecard.state_table import KEY_SIZE, PURSE_PLACE, PURSES, state_key

ROW_SIZE = KEY_SIZE + CERTIFICATE_SIZE

CERTIFICATES = Form(
    "certificates",
    row_size=ROW_SIZE,
    least=bytes(KEY_SIZE),
    greatest=b"\xff" * KEY_SIZE,
    allowed={PURSE_PLACE: frozenset(range(PURSES))},
)


def certificate_row(image: bytes) -> bytes:
    """The row of the 96 bytes of a certificate, which is not verified."""
    return claimed_purse(image) + image


def row_of(table: PackedTable, uid: bytes, purse: int) -> bytes | None:
    """The row of a purse, not believed yet; None when there is none."""
    return table.find(state_key(uid, purse))


def opened(row: bytes, issuer_keys: KeyRing) -> Certificate:
    """The verified certificate of a row, of exactly the purse of its key. Raises `BadCertificate`."""
    return open_certificate(row[KEY_SIZE:], issuer_keys, unpad_uid(row[:PURSE_PLACE]), row[PURSE_PLACE])


def open_certificates(base: int, version: int, body: Sequence[cbor.Value]) -> TableChange:
    """The change of a downlink that leads from `base` to `version`, no signature checked. Raises `BadTable`."""
    rows = []
    for image in body:
        if not isinstance(image, bytes) or len(image) != CERTIFICATE_SIZE:
            raise BadTable(CERTIFICATES.name, f"the body is not a list of {CERTIFICATE_SIZE} bytes each")
        rows.append(certificate_row(image))
    return TableChange(base, version, CERTIFICATES.checked(b"".join(sorted(rows))))


def superseding(
    held: PackedTable, change: TableChange, issuer_keys: KeyRing
) -> tuple[TableChange, list[BadCertificate]]:
    """What `change` changes of `held`, as a delta; and what would have taken another's place and is no good.

    A signature is checked only where a purse has another certificate already. Raises `WrongBase` or `GoesBack`.
    """
    held.check_follows(change)
    rows, refused = [], []
    for row in cut(change.rows, ROW_SIZE):
        before = held.find(row[:KEY_SIZE])
        if before == row:
            continue
        try:
            if before is None or _supersedes(row, before, issuer_keys):
                rows.append(row)
        except BadCertificate as error:
            refused.append(error)
    return TableChange(held.version, change.version, b"".join(rows)), refused


def _supersedes(row: bytes, before: bytes, issuer_keys: KeyRing) -> bool:
    certificate = opened(row, issuer_keys)
    if delivery.supersedes(certificate.load_sequence, claimed_load(before[KEY_SIZE:])):
        return True
    try:
        opened(before, issuer_keys)
    except BadCertificate:
        return True
    return False
