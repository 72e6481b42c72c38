"""`onecard journal`: is this journal whole, and what is in it. Reads only; the terminal may run meanwhile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from onecard.journal import Entry, JournalReader
from onecard.journal.check import Report, check_journal
from onecard.journal.frame import CHAIN_KEY_SIZE
from onecard.journal.table import entry_document
from onecard.records import BadRecord, RecordKind

_KINDS = [kind.name for kind in RecordKind]

directory_argument = click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


def _chain_key(_: click.Context, __: click.Parameter, file: Path | None) -> bytes | None:
    if file is None:
        return None
    raw = file.read_bytes()
    if len(raw) != CHAIN_KEY_SIZE:
        try:
            raw = bytes.fromhex(raw.decode("ascii"))
        except ValueError:
            raw = b""
    if len(raw) != CHAIN_KEY_SIZE:
        raise click.BadParameter(f"{file} must hold {CHAIN_KEY_SIZE} bytes, or {2 * CHAIN_KEY_SIZE} hex digits")
    return raw


key_option = click.option(
    "--key-file",
    "chain_key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_chain_key,
    help="The terminal's chain key: proves that no record was altered by hand, too.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look into a terminal's journal: the records of everything it did.

    Nothing is written, so it is safe while the terminal runs and on a copy.
    """


@command.command()
@directory_argument
@key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def check(directory: Path, chain_key: bytes | None, as_json: bool) -> None:
    """Read every record of the journal in DIR and say whether it is whole.

    Exit code 0: whole (an unfinished last record is normal after a power cut and is cut at the next start).
    Exit code 1: damaged; the file and the byte are named. Then do not start the terminal: copy DIR and call the centre.
    """
    report = check_journal(directory, chain_key)
    if as_json:
        click.echo(json.dumps(_report_document(report), ensure_ascii=False))
    else:
        for line in _report_lines(report):
            click.echo(line)
    if report.damage:
        sys.exit(1)


@command.command(name="list")
@directory_argument
@key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record; bytes are hex.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS, case_sensitive=False),
    help="Only this kind of record; may be given again.",
)
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="Begin at this sequence.")
@click.option("--last", type=click.IntRange(min=1), help="End at this sequence.")
@click.option("--all", "everything", is_flag=True, help="Also the newest records that a power cut could still take.")
def list_records(
    directory: Path,
    *,
    chain_key: bytes | None,
    as_json: bool,
    kinds: tuple[str, ...],
    first: int,
    last: int | None,
    everything: bool,
) -> None:
    """List the records of the journal in DIR, oldest first.

    Each has a name for ever: terminal/epoch/sequence. Exit code 1 if damage is met; the records before it are listed.
    """
    reader = JournalReader(directory, chain_key)
    entries = reader.all_entries(first) if everything else reader.entries(first)
    wanted = {RecordKind[kind] for kind in kinds}
    for entry in entries:
        if last is not None and entry.name.sequence > last:
            break
        if not wanted or entry.kind in wanted:
            click.echo(_json_line(entry) if as_json else _text_line(entry))


def _fields(entry: Entry) -> dict[str, Any]:
    """The record's document; the raw payload when this software does not know the record."""
    try:
        return entry_document(entry)
    except BadRecord as error:
        name = entry.name
        return {
            "kind": entry.kind,
            "epoch": name.epoch,
            "sequence": name.sequence,
            "unknown": error.why,
            "payload": entry.payload,
        }


def _json_line(entry: Entry) -> str:
    fields = {"name": str(entry.name), "terminal": entry.name.terminal} | _fields(entry) | {"tag": entry.tag}
    return json.dumps(fields, ensure_ascii=False, default=bytes.hex)


def _text_line(entry: Entry) -> str:
    fields = _fields(entry)
    shown = " ".join(
        f"{name}={value.hex() if isinstance(value, bytes) else value}"
        for name, value in fields.items()
        if name not in {"kind", "epoch", "sequence"}
    )
    return f"{entry.name!s:>16} {fields['kind']:<8} {shown}"


def _report_document(report: Report) -> dict[str, Any]:
    return {
        "terminal": report.terminal,
        "segments": report.segments,
        "pool": report.pool,
        "first_sequence": report.first_sequence,
        "last_sequence": report.last_sequence,
        "durable_sequence": report.durable_sequence,
        "epoch": report.epoch,
        "records": report.records,
        "torn_bytes": report.torn_bytes,
        "chain_proved": report.chain_proved,
        "damage": [
            {"file": str(d.file), "offset": d.offset, "reason": d.reason, "message": str(d)} for d in report.damage
        ],
    }


def _report_lines(report: Report) -> Iterator[str]:
    yield f"terminal {report.terminal}, epoch {report.epoch}"
    yield f"{report.records} records, {report.first_sequence} to {report.last_sequence}, in {report.segments} segments"
    yield f"{report.pool} segments of the pool are unused"
    if report.durable_sequence is None:
        yield "no durable mark: the daemon will read nothing until the terminal starts"
    else:
        yield f"durable up to record {report.durable_sequence}"
    if report.torn_bytes:
        yield f"{report.torn_bytes} bytes of an unfinished record at the end: cut at the next start"
    yield "chain tags proved" if report.chain_proved else "chain tags not proved: give --key-file"
    for damage in report.damage:
        yield f"DAMAGE: {damage}"
    yield "damaged" if report.damage else "whole"
