"""The export: a journal as signed lines of JSON, for auditors (docs/formats/journal-export.md). Pure.

One line a record between a header line and a closing line. The closing line's Ed25519 signature, by the terminal's
`sign.key`, is over the SHA-256 of every byte before that line; count, missing and head are told by it and checked again
against the lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from onecard.errors import OnecardError
from onecard.journal.gaps import Missing
from onecard.journal.table import entry_document
from onecard.journal.walk import Entry
from onecard.keys import sign, verify
from onecard.records import BadRecord

FORMAT = 1
DOMAIN = b"onecard journal export 1"
_NAMED = frozenset({"kind", "epoch", "sequence"})


class BadExport(OnecardError):
    """Lines that are not an export of ours, or that were altered."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        self.why = why
        super().__init__(f"export, line {line}: {why}")


@dataclass(frozen=True, slots=True)
class Export:
    """What a verified export says of itself."""

    terminal: int
    records: int
    missing: int
    head: str
    head_tag: str


def export_lines(
    terminal: int, entries: Iterable[Entry], missing: Iterable[Missing], signing_key: bytes | None
) -> Iterator[bytes]:
    """The lines, each with its line feed. `missing` is read after the entries: what they told on the way.

    `signing_key`: the terminal's 32-byte Ed25519 seed; None leaves the signature empty, which nobody will believe.
    """
    digest = hashlib.sha256()
    records, head, head_tag = 0, "", ""

    def told(fields: dict[str, Any]) -> bytes:
        line = _line(fields)
        digest.update(line)
        return line

    yield told({"onecard_journal_export": FORMAT, "terminal": terminal})
    for entry in entries:
        records, head, head_tag = records + 1, str(entry.name), entry.tag.hex()
        yield told(_record(entry))
    lost = 0
    for run in missing:
        lost += run.last - run.first + 1
        yield told({"missing": [run.first, run.last], "reason": run.reason})
    signature = b"" if signing_key is None else sign(signing_key, DOMAIN, digest.digest())
    yield _line({"records": records, "missing": lost, "head": head, "head_tag": head_tag, "signature": signature.hex()})


def verify_export(lines: Iterable[bytes], public_key: bytes, seen: Callable[[], None] = lambda: None) -> Export:
    """Proves the signature with the terminal's 32-byte Ed25519 public key, then that the closing line tells of these
    lines; `seen` is called for each. Raises `BadExport`."""
    digest = hashlib.sha256()
    terminal, records, missing, head, head_tag = 0, 0, 0, "", ""
    closing: dict[str, Any] | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        seen()
        if closing is not None:
            raise BadExport(number, "something follows the closing line")
        fields = _parsed(number, line)
        match fields:
            case {"onecard_journal_export": int(version), "terminal": int(terminal)} if number == 1:
                if version != FORMAT:
                    raise BadExport(1, f"export format {version}: update the software that reads it")
            case {"signature": str()} if number > 1:
                closing = fields
                continue
            case {"missing": [int(first), int(last)]} if number > 1:
                missing += last - first + 1
            case {"name": str(head), "tag": str(head_tag)} if number > 1:
                records += 1
            case _:
                raise BadExport(number, "this is no line of an export")
        digest.update(line)
    if closing is None:
        raise BadExport(number, "the closing line is missing: the file was cut short")
    try:
        verify(public_key, DOMAIN, digest.digest(), bytes.fromhex(closing["signature"]), "journal export")
    except (OnecardError, ValueError) as error:
        raise BadExport(number, f"its signature is not this terminal's over these lines ({error})") from error
    told = {"records": records, "missing": missing, "head": head, "head_tag": head_tag}
    if {name: closing.get(name) for name in told} != told:
        raise BadExport(number, "the closing line tells of other records than these")
    return Export(terminal, records, missing, head, head_tag)


def _record(entry: Entry) -> dict[str, Any]:
    try:
        document = entry_document(entry)
        kind, fields = document["kind"], {name: value for name, value in document.items() if name not in _NAMED}
    except BadRecord:
        kind, fields = entry.kind, None
    line = {"name": str(entry.name), "kind": kind, "fields": fields, "payload": entry.payload, "tag": entry.tag}
    return line | ({"after_gap": True} if entry.after_gap else {})


def _line(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=bytes.hex)
    return text.encode() + b"\n"


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise BadExport(number, f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadExport(number, "no JSON object")
    return fields
