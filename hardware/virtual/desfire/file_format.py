"""A DESFire card as the fields of its file. Format: docs/formats/virtual-card.md."""

from __future__ import annotations

from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.messaging import NewKey
from hardware.virtual.card_fields import FieldError, any_table, numbered_table, octets, one_of, row, table, truth, whole
from hardware.virtual.desfire.contents import (
    Application,
    Contents,
    DataFile,
    DesfireImage,
    File,
    FileKind,
    Generation,
    Head,
    RecordFile,
    ValueFile,
    card_key,
    version_of,
)
from hardware.virtual.desfire.file_commands import MAX_FILES
from hardware.virtual.desfire.picc_commands import MAX_KEYS
from hardware.virtual.desfire.state import CAPACITY_BLOCKS

UID_SIZE = 7
FIELDS = {"uid", "presentations", "writes", "generation", "key", "settings", "default_key", "default_version"} | {
    "format_disabled",
    "random_uid",
    "ats",
    "used",
    "applications",
}
_APPLICATION_FIELDS = {"settings", "kind", "keys", "iso_id", "df_name", "iso_files", "files"}
_HEAD_FIELDS = {"kind", "communication", "rights", "iso_id"}
_DATA_FIELDS = _HEAD_FIELDS | {"data"}
_VALUE_FIELDS = _HEAD_FIELDS | {"lower", "upper", "value", "options", "debited"}
_RECORD_FIELDS = _HEAD_FIELDS | {"record_size", "capacity", "records"}
KIND_WORDS = {KeyType.TDES: "des", KeyType.TDES_3K: "3k3des", KeyType.AES: "aes"}
_KINDS = {kind.name.lower(): kind for kind in FileKind}
_LEAST, _MOST = -(2**31), 2**31 - 1


def to_fields(image: DesfireImage) -> dict[str, object]:
    """What stands in the file beside format, version and family."""
    contents = image.contents
    return {
        "uid": image.uid.hex(),
        "presentations": image.presentations,
        "writes": image.writes,
        "generation": contents.generation.value,
        "key": {"kind": KIND_WORDS[contents.key.key.type], **_key(contents.key)},
        "settings": contents.settings,
        "default_key": contents.default_key.hex(),
        "default_version": contents.default_version,
        "format_disabled": contents.format_disabled,
        "random_uid": contents.random_uid,
        "ats": contents.ats.hex(),
        "used": contents.used,
        "applications": {aid.hex(): _application(app) for aid, app in contents.applications.items()},
    }


def from_fields(content: dict[str, object]) -> DesfireImage:
    """The inverse. Raises FieldError."""
    key = table(content["key"], "key", {"kind", "data", "version"})
    applications = any_table(content["applications"], "applications")
    return DesfireImage(
        uid=octets(content["uid"], "uid", UID_SIZE),
        presentations=whole(content["presentations"], "presentations", 0),
        writes=whole(content["writes"], "writes", 0),
        contents=Contents(
            generation=Generation(one_of(content["generation"], "generation", [g.value for g in Generation])),
            key=_key_from(key, "key", _kind(key["kind"], "kind of key")),
            settings=whole(content["settings"], "settings", 0, 0x0F),
            default_key=octets(content["default_key"], "default_key", 24),
            default_version=whole(content["default_version"], "default_version", 0, 0xFF),
            format_disabled=truth(content["format_disabled"], "format_disabled"),
            random_uid=truth(content["random_uid"], "random_uid"),
            ats=_ats(octets(content["ats"], "ats")),
            used=whole(content["used"], "used", 0, CAPACITY_BLOCKS),
            applications={octets(aid, "AID", 3): _application_from(app, aid) for aid, app in applications.items()},
        ),
    )


def _key(key: NewKey) -> dict[str, object]:
    return {"data": key.key.secret.hex(), "version": version_of(key)}


def _application(application: Application) -> dict[str, object]:
    return {
        "settings": application.settings,
        "kind": KIND_WORDS[application.kind],
        "keys": [_key(key) for key in application.keys],
        "iso_id": application.iso_id.hex(),
        "df_name": application.df_name.hex(),
        "iso_files": application.iso_files,
        "files": {str(number): _file(file) for number, file in application.files.items()},
    }


def _file(file: File) -> dict[str, object]:
    head = file.head
    common: dict[str, object] = {
        "kind": head.kind.name.lower(),
        "communication": head.communication,
        "rights": f"{head.rights:04x}",
        "iso_id": head.iso_id.hex(),
    }
    match file:
        case DataFile(data=data):
            return common | {"data": data.hex()}
        case ValueFile():
            numbers = {"lower": file.lower, "upper": file.upper, "value": file.value}
            return common | numbers | {"options": file.options, "debited": file.debited}
        case RecordFile():
            records = [record.hex() for record in file.records]
            return common | {"record_size": file.record_size, "capacity": file.capacity, "records": records}


def _ats(ats: bytes) -> bytes:
    if len(ats) < 2 or ats[0] != len(ats):
        raise FieldError("ats does not begin with its length")
    return ats


def _kind(value: object, name: str) -> KeyType:
    word = one_of(value, name, list(KIND_WORDS.values()))
    return next(kind for kind, known in KIND_WORDS.items() if known == word)


def _key_from(content: dict[str, object], name: str, kind: KeyType) -> NewKey:
    data = octets(content["data"], name, kind.key_size)
    return card_key(kind, data, whole(content["version"], f"version of {name}", 0, 0xFF))


def _application_from(value: object, aid: str) -> Application:
    name = f"application {aid}"
    content = table(value, name, _APPLICATION_FIELDS)
    kind = _kind(content["kind"], f"kind of {name}")
    keys = row(content["keys"], f"keys of {name}", MAX_KEYS)
    files = numbered_table(content["files"], f"files of {name}", MAX_FILES)
    return Application(
        settings=whole(content["settings"], f"settings of {name}", 0, 0xFF),
        kind=kind,
        keys=tuple(_key_from(table(key, f"key of {name}", {"data", "version"}), "key", kind) for key in keys),
        iso_id=_iso_id(content["iso_id"], name),
        df_name=octets(content["df_name"], f"df_name of {name}"),
        iso_files=truth(content["iso_files"], f"iso_files of {name}"),
        files={number: _file_from(file, f"file {number} of {name}") for number, file in files.items()},
    )


def _iso_id(value: object, name: str) -> bytes:
    iso_id = octets(value, f"iso_id of {name}")
    if len(iso_id) not in (0, 2):
        raise FieldError(f"iso_id of {name} has neither 2 bytes nor none")
    return iso_id


def _file_from(value: object, name: str) -> File:
    content = any_table(value, name)
    kind = _KINDS[one_of(content.get("kind"), f"kind of {name}", list(_KINDS))]
    is_data, is_value = kind in (FileKind.STANDARD, FileKind.BACKUP), kind is FileKind.VALUE
    content = table(value, name, _DATA_FIELDS if is_data else _VALUE_FIELDS if is_value else _RECORD_FIELDS)
    head = Head(
        kind,
        whole(content["communication"], f"communication of {name}", 0, 3),
        int.from_bytes(octets(content["rights"], f"rights of {name}", 2), "big"),
        _iso_id(content["iso_id"], name),
    )
    if is_data:
        return DataFile(head, octets(content["data"], f"data of {name}"))
    if is_value:
        return _value_file(content, head, name)
    size = whole(content["record_size"], f"record_size of {name}", 1)
    file = RecordFile(head, size, whole(content["capacity"], f"capacity of {name}", 1))
    records = row(content["records"], f"records of {name}", file.most)
    return RecordFile(head, size, file.capacity, tuple(octets(r, f"record of {name}", size) for r in records))


def _value_file(content: dict[str, object], head: Head, name: str) -> ValueFile:
    lower = whole(content["lower"], f"lower of {name}", _LEAST, _MOST)
    upper = whole(content["upper"], f"upper of {name}", lower, _MOST)
    return ValueFile(
        head,
        lower,
        upper,
        whole(content["value"], f"value of {name}", lower, upper),
        whole(content["options"], f"options of {name}", 0, 3),
        whole(content["debited"], f"debited of {name}", 0, _MOST),
    )
