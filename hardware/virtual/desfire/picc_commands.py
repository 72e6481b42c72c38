"""Commands of the card itself: version, memory, configuration, applications."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hardware.cards.desfire.cipher import KeyType
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.command import Answer, Plan, plan
from hardware.virtual.desfire.contents import BLOCK_SIZE, PICC_AID, Application, Generation, card_key
from hardware.virtual.desfire.refusal import Refused, need
from hardware.virtual.desfire.state import CAPACITY_BLOCKS, State

MAX_APPLICATIONS: Final = 28
"""Of EV1; on EV2 only the memory limits them."""
MAX_KEYS: Final = 14
FREE_LIST, FREE_CREATE = 0x02, 0x04
"""Bits of the key settings: without key 0 one may list, one may create."""
_ISO_FILES = 0x20
_MAX_DF_NAME = 16
_VERSIONS = {
    Generation.EV1: ("04010101001805", "04010101041805"),
    Generation.EV2: ("04010112001805", "04010102011805"),
}
"""Hardware and software of a 4K card; libfreefare and proxmark3 tell the generation by them."""
_PRODUCTION = bytes.fromhex("ba4519e3204913")
"""Batch, week, year: as on some real card."""


def get_version(state: State, _: bytes) -> Answer:
    hardware, software = (bytes.fromhex(part) for part in _VERSIONS[state.generation])
    uid = bytes(7) if state.contents.random_uid else state.memory.image.uid
    return Answer(hardware + software + uid + _PRODUCTION, frames=(7, 7))


def get_free_memory(state: State, _: bytes) -> Answer:
    return Answer(((CAPACITY_BLOCKS - state.contents.used) * BLOCK_SIZE).to_bytes(3, "little"))


def get_card_uid(state: State, _: bytes) -> Answer:
    need(state.session.key_number is not None, Status.AUTHENTICATION_ERROR)
    return Answer(state.memory.image.uid, CommMode.FULL)


def format_picc(state: State, _: bytes) -> Answer:
    """Delete every application. The card's key, settings and session stay."""
    _need_picc_level(state)
    state.need_master()
    need(not state.contents.format_disabled, Status.PERMISSION_DENIED)
    state.memory.write(replace(state.contents, applications={}, used=0))
    state.staged.clear()
    return Answer()


def set_configuration(state: State, clear: bytes) -> Plan:
    """Option 00: disable formatting (bit 0), random UID (bit 1), both for ever; 01: default key and its version."""
    _need_picc_level(state)
    state.need_master()
    option = clear[0]
    need(option <= 1, Status.PARAMETER_ERROR)

    def run(data: bytes) -> Answer:
        contents = state.contents
        if option == 0:
            disabled, random = contents.format_disabled or bool(data[0] & 1), bool(data[0] & 2)
            changed = replace(contents, format_disabled=disabled, random_uid=contents.random_uid or random)
        else:
            changed = replace(contents, default_key=data[:24], default_version=data[24])
        state.memory.write(changed)
        return Answer()

    return plan(state, clear, CommMode.FULL, (1, 25)[option], run)


def create_application(state: State, parameters: bytes) -> Answer:
    """AID 3, key settings 1, kind and number of keys 1, then ISO file id 2 and DF name 1 to 16 if given."""
    _need_picc_level(state)
    aid, settings, keys, rest = parameters[:3], parameters[3], parameters[4], parameters[5:]
    count, iso_id, name = keys & 0x0F, rest[:2], rest[2:]
    need(len(iso_id) != 1, Status.LENGTH_ERROR)
    kind = key_type(keys)
    need(count <= MAX_KEYS and aid != PICC_AID and not keys & 0x10, Status.PARAMETER_ERROR)
    state.need_master_unless(FREE_CREATE)
    existing = state.contents.applications
    need(aid not in existing, Status.DUPLICATE)
    need(not iso_id or all(app.iso_id != iso_id for app in existing.values()), Status.DUPLICATE)
    need(not name or all(app.df_name != name for app in existing.values()), Status.DUPLICATE)
    need(state.generation is Generation.EV2 or len(existing) < MAX_APPLICATIONS, Status.COUNT_ERROR)
    contents = state.contents
    key = card_key(kind, contents.default_key[: kind.key_size], contents.default_version)
    application = Application(settings, kind, (key,) * count, iso_id, name, bool(keys & _ISO_FILES))
    used = state.need_room(application.blocks)
    state.memory.write(replace(contents.with_application(aid, application), used=used))
    return Answer()


def delete_application(state: State, aid: bytes) -> Answer:
    """By the card's key 0, or by the application's own where the card's settings let anybody create."""
    need(aid in state.contents.applications, Status.APPLICATION_NOT_FOUND)
    own = state.aid == aid
    need(own or state.at_picc_level, Status.AUTHENTICATION_ERROR)
    need(not own or bool(state.contents.settings & FREE_CREATE), Status.AUTHENTICATION_ERROR)
    state.need_master()
    state.memory.write(state.contents.with_application(aid, None))
    if own:
        state.select(PICC_AID)
    return Answer()


def select_application(state: State, aid: bytes) -> Answer:
    state.select(aid)
    return Answer()


def get_application_ids(state: State, _: bytes) -> Answer:
    _need_picc_level(state)
    state.need_master_unless(FREE_LIST)
    aids = list(state.contents.applications)
    return Answer(b"".join(aids), frames=(57,) if len(aids) > 19 else ())


def get_df_names(state: State, _: bytes) -> Answer:
    """One application with an ISO id a frame: AID, ISO file id, DF name."""
    _need_picc_level(state)
    state.need_master_unless(FREE_LIST)
    named = [aid + app.iso_id + app.df_name for aid, app in state.contents.applications.items() if app.iso_id]
    return Answer(b"".join(named), frames=tuple(len(one) for one in named[:-1]))


def key_type(bits: int) -> KeyType:
    """What kind of key bits 7 and 6 ask for. Raises Refused."""
    try:
        return KeyType(bits & 0xC0)
    except ValueError:
        raise Refused(Status.PARAMETER_ERROR) from None


def _need_picc_level(state: State) -> None:
    need(state.at_picc_level, Status.PERMISSION_DENIED)
