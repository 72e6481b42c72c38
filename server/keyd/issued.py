"""The log of issued certificates: what was signed, why, and what may be signed next.

Rules, checked here whatever the web process says
- L of a purse starts at 1 and rises by exactly one (P-R14); the same statement again gives the same bytes.
- A card has one number for ever, a number one card, whatever the purse.
- The log is only appended to, and durable before a signature leaves the process.

P is absolute and unsigned, so it cannot be negative; the reason and by how much P moved are kept beside it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum, unique
from pathlib import Path
from typing import NamedTuple

from onecard.errors import OnecardError
from onecard.identity import card_number_text
from onecard.purse import certificate as certificates
from onecard.purse.certificate import PAYLOAD_SIZE, Certificate

_SCHEMA = """
CREATE TABLE IF NOT EXISTS certificate (
    uid BLOB NOT NULL, purse INTEGER NOT NULL, load_sequence INTEGER NOT NULL,
    card_number INTEGER NOT NULL, reason INTEGER NOT NULL, delta INTEGER NOT NULL, at INTEGER NOT NULL,
    image BLOB NOT NULL,
    PRIMARY KEY (uid, purse, load_sequence)
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_number ON certificate (card_number);
CREATE TRIGGER IF NOT EXISTS certificate_stays BEFORE UPDATE ON certificate
    BEGIN SELECT RAISE(ABORT, 'issued certificates do not change'); END;
CREATE TRIGGER IF NOT EXISTS certificate_kept BEFORE DELETE ON certificate
    BEGIN SELECT RAISE(ABORT, 'issued certificates are never removed'); END;
"""


@unique
class Reason(IntEnum):
    """Why P changed. Wire numbers never change."""

    ISSUE = 1
    LOAD = 2
    REFUND = 3
    CLAW_BACK = 4
    RENEWAL = 5  # P unchanged: new tier, expiry, floor or issuer key


class Issued(NamedTuple):
    """A row of the log: L, why P changed and by how much, the 96 bytes."""

    load_sequence: int
    reason: Reason
    delta: int
    image: bytes


class CertificateRefused(OnecardError):
    """A statement the log does not allow."""

    def __init__(self, uid: bytes, purse: int, why: str) -> None:
        self.uid = uid
        self.purse = purse
        self.why = why
        super().__init__(f"certificate for card {uid.hex()} purse {purse} refused: {why}")


class IssuedLog:
    """The log in one SQLite file, used by all threads of the key process."""

    def __init__(self, path: Path) -> None:
        """Open or make the log. The file is readable to its owner only."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def latest(self, uid: bytes, purse: int) -> bytes | None:
        """The 96 bytes of the purse's certificate with the highest L; None when it has none."""
        with self._lock:
            return self._image(uid, purse, None)

    def since(self, uid: bytes, purse: int, load_sequence: int) -> list[Issued]:
        """The purse's certificates above a load sequence, ascending."""
        with self._lock:
            rows = self._database.execute(
                "SELECT load_sequence, reason, delta, image FROM certificate"
                " WHERE uid = ? AND purse = ? AND load_sequence > ? ORDER BY load_sequence",
                (uid, purse, load_sequence),
            ).fetchall()
        return [Issued(sequence, Reason(reason), delta, bytes(image)) for sequence, reason, delta, image in rows]

    def purses(self) -> dict[tuple[bytes, int], int]:
        """UID and purse of every certificate, with the highest load sequence."""
        with self._lock:
            return {
                (bytes(uid), purse): last
                for uid, purse, last in self._database.execute(
                    "SELECT uid, purse, max(load_sequence) FROM certificate GROUP BY uid, purse"
                )
            }

    def holds(self, image: bytes, uid: bytes, purse: int, load_sequence: int) -> bool:
        """Whether exactly these 96 bytes were issued."""
        with self._lock:
            return self._image(uid, purse, load_sequence) == image

    def issue(
        self, statement: Certificate, reason: Reason, delta: int, at: int, signer: Callable[[bytes, bytes], bytes]
    ) -> bytes:
        """The signed certificate of `statement`, new or as issued before. Raises `CertificateRefused`."""
        with self._lock:
            repeated = self._repeated(statement)
            if repeated is not None:
                return repeated
            self._check(statement)
            image = certificates.issue(statement, signer)
            self._database.execute(
                "INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    statement.uid,
                    statement.purse,
                    statement.load_sequence,
                    statement.card_number,
                    reason,
                    delta,
                    at,
                    image,
                ),
            )
            return image

    def _image(self, uid: bytes, purse: int, load_sequence: int | None) -> bytes | None:
        row = self._database.execute(
            "SELECT image FROM certificate WHERE uid = ? AND purse = ? AND load_sequence = coalesce(?, load_sequence)"
            " ORDER BY load_sequence DESC LIMIT 1",
            (uid, purse, load_sequence),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def _repeated(self, statement: Certificate) -> bytes | None:
        image = self._image(statement.uid, statement.purse, statement.load_sequence)
        if image is None:
            return None
        # The issuer's key may have been renewed since: the statement is the same, and so are the bytes handed out.
        if certificates.payload(replace(statement, key_id=image[1])) != image[:PAYLOAD_SIZE]:
            why = f"load sequence {statement.load_sequence} was issued with other contents"
            raise CertificateRefused(statement.uid, statement.purse, why)
        return image

    def _check(self, statement: Certificate) -> None:
        last = self._database.execute(
            "SELECT coalesce(max(load_sequence), 0) FROM certificate WHERE uid = ? AND purse = ?",
            (statement.uid, statement.purse),
        ).fetchone()[0]
        why = None
        if statement.load_sequence != last + 1:
            why = f"load sequence {statement.load_sequence} was asked for, {last + 1} is next"
        other = self._database.execute(
            "SELECT uid, card_number FROM certificate"
            " WHERE (uid = ?1 AND card_number <> ?2) OR (uid <> ?1 AND card_number = ?2) LIMIT 1",
            (statement.uid, statement.card_number),
        ).fetchone()
        if other is not None:
            why = f"card {bytes(other[0]).hex()} has number {card_number_text(other[1])} for ever"
        if why is not None:
            raise CertificateRefused(statement.uid, statement.purse, why)
