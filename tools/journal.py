"""`onecard journal`: is this journal whole, what is in it, and what of a damaged one can be saved. Reads only; the
terminal may run meanwhile, the directory may be on a read-only disk."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from onecard.journal import Entry, JournalReader, Missing
from onecard.journal.check import Report, check_journal
from onecard.journal.export import export_lines, verify_export
from onecard.journal.frame import CHAIN_KEY_SIZE
from onecard.journal.mutable_journal import tables_key
from onecard.journal.mutable_replay import read_tables
from onecard.journal.mutable_state import Fields, decode_document
from onecard.journal.table import entry_document
from onecard.records import BadRecord, RecordKind

_KINDS = [kind.name for kind in RecordKind]

directory_argument = click.argument(
    "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


def _key(_: click.Context, __: click.Parameter, file: Path | None) -> bytes | None:
    """The key in a file; a chain key, an Ed25519 seed and an Ed25519 public key all have 32 bytes."""
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


_KEY_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; without it the lines go to the screen.",
)


key_option = click.option(
    "--key-file",
    "chain_key",
    type=_KEY_FILE,
    callback=_key,
    help="The terminal's chain key: proves that no record was altered by hand, too.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look into a terminal's journal: the records of everything it did.

    Nothing is written into it, so it is safe while the terminal runs and on a copy.
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
    with _bar("checking") as told:
        report = check_journal(directory, chain_key, progress=told)
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
@click.option("--tables", is_flag=True, help="DIR is a terminal's `tables`: list the documents kept there instead.")
def list_records(
    directory: Path,
    *,
    chain_key: bytes | None,
    as_json: bool,
    kinds: tuple[str, ...],
    first: int,
    last: int | None,
    everything: bool,
    tables: bool,
) -> None:
    """List the records of the journal in DIR, oldest first.

    Each has a name for ever: terminal/epoch/sequence. Exit code 1 if damage is met; the records before it are listed.
    """
    if tables:
        for table, number, document in _documents(directory, chain_key):
            line = json.dumps({"table": table, "id": number, "document": document}, ensure_ascii=False)
            click.echo(line if as_json else f"{table:<8} {number:>4} {json.dumps(document, ensure_ascii=False)}")
        return
    reader = JournalReader(directory, chain_key)
    entries = reader.all_entries(first) if everything else reader.entries(first)
    wanted = {RecordKind[kind] for kind in kinds}
    for entry in entries:
        if last is not None and entry.name.sequence > last:
            break
        if not wanted or entry.kind in wanted:
            click.echo(_json_line(entry) if as_json else _text_line(entry))


@command.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(exists=True, path_type=Path))
@key_option
@click.option("--sign-key", type=_KEY_FILE, callback=_key, help="The terminal's sign.key, beside its journal.")
@click.option("--unsigned", is_flag=True, help="Leave the signature empty; nobody can prove such a file.")
@_OUTPUT
@click.option("--verify", "exported", type=_KEY_FILE, help="Check this export instead of writing one; give --key.")
@click.option("--key", "public_key", type=_KEY_FILE, callback=_key, help="The terminal's Ed25519 public key.")
def export(
    *,
    directory: Path | None,
    chain_key: bytes | None,
    sign_key: bytes | None,
    unsigned: bool,
    output: Path | None,
    exported: Path | None,
    public_key: bytes | None,
) -> None:
    """Write the journal in DIR as signed lines of JSON for auditors (docs/formats/journal-export.md).

    Holds the records up to the durable mark. Exit code 1 if some are lost: the lines then say which. With --verify FILE
    --key KEY an export is checked: exit code 0 when it is the terminal's own and unaltered.
    """
    if exported is not None:
        if public_key is None:
            raise click.UsageError("--verify needs --key, the file with the terminal's public key")
        with exported.open("rb") as lines, _bar("verifying") as told:
            found = verify_export(lines, public_key, lambda: told(1, 0))
        click.echo(f"terminal {found.terminal}: {found.records} records, {found.missing} lost, head {found.head}")
        return
    if directory is None:
        raise click.UsageError("give the journal's directory, or --verify FILE")
    if sign_key is None and not unsigned:
        raise click.UsageError("give --sign-key (the file sign.key beside the journal), or --unsigned")
    reader = JournalReader(directory, chain_key)
    lost: list[Missing] = []
    _write(reader, reader.entries(missing=lost.append), lost, None if unsigned else sign_key, output)


@command.command()
@directory_argument
@key_option
@_OUTPUT
def salvage(directory: Path, chain_key: bytes | None, output: Path | None) -> None:
    """Save what is whole of a damaged journal in DIR, as lines of JSON like those of `export`, unsigned.

    Also the records behind the damage, marked "after_gap", and the newest ones that were not yet durable. Exit code 1
    if records are lost; the lines say which. Works on a copy as well; nothing in DIR is changed.
    """
    reader = JournalReader(directory, chain_key)
    lost: list[Missing] = []
    _write(reader, reader.all_entries(missing=lost.append), lost, None, output)


def _write(
    reader: JournalReader, entries: Iterable[Entry], lost: list[Missing], sign_key: bytes | None, output: Path | None
) -> None:
    mark = reader.durable
    total = mark.name.sequence if mark else 0
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(_bar("writing"))
        file = sys.stdout.buffer if output is None else stack.enter_context(output.open("wb"))
        for line in export_lines(reader.terminal, entries, lost, sign_key):
            file.write(line)
            told(1, total)
    for run in lost:
        click.echo(f"LOST: records {run.first} to {run.last}: {run.damage}", err=True)
    if lost:
        sys.exit(1)


@contextlib.contextmanager
def _bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal's standard error, nothing elsewhere; told steps done (one at a time) and in all."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=None)

        def told(_: int, total: int) -> None:
            progress.update(task, advance=1, total=total or None)

        yield told


def _documents(directory: Path, chain_key: bytes | None) -> Iterator[tuple[str, int, Fields]]:
    state = read_tables(directory, None if chain_key is None else tables_key(chain_key))
    for table in state.names():
        for number, raw in sorted(state.documents(table).items()):
            yield table, number, decode_document(raw)


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
