"""Commands about the keys of what is selected, the card or an application."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hardware.cards.desfire.messaging import CommMode, NewKey
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.command import Answer, Plan, plan
from hardware.virtual.desfire.contents import Contents, version_of
from hardware.virtual.desfire.picc_commands import FREE_LIST, key_type
from hardware.virtual.desfire.refusal import need
from hardware.virtual.desfire.state import State

_MASTER_CHANGEABLE, _SETTINGS_CHANGEABLE = 0x01, 0x08
_SAME_KEY: Final = 0xE
_FROZEN: Final = 0xF
_KEY_NUMBER = 0x0F


def get_key_settings(state: State, _: bytes) -> Answer:
    """Settings 1, kind and number of keys 1."""
    state.need_master_unless(FREE_LIST)
    if state.at_picc_level:
        return Answer(bytes((state.settings, 1 | state.contents.key.key.type)))
    application = state.application
    iso = 0x20 if application.iso_files else 0
    return Answer(bytes((state.settings, len(application.keys) | iso | application.kind)))


def change_key_settings(state: State, clear: bytes) -> Plan:
    need(bool(state.settings & _SETTINGS_CHANGEABLE), Status.PERMISSION_DENIED)
    state.need_master()

    def run(data: bytes) -> Answer:
        contents = state.contents
        if state.at_picc_level:
            state.memory.write(replace(contents, settings=data[0] & 0x0F))
        else:
            application = replace(state.application, settings=data[0])
            state.memory.write(contents.with_application(state.aid, application))
        return Answer()

    return plan(state, clear, CommMode.FULL, 1, run)


def get_key_version(state: State, parameters: bytes) -> Answer:
    number = parameters[0]
    need(number < len(state.keys), Status.NO_SUCH_KEY)
    return Answer(bytes((version_of(state.keys[number]),)))


def change_key(state: State, clear: bytes) -> Plan:
    """Key number 1 (at card level with the new kind in bits 7 and 6), then the new key.

    Another key than the authenticated one comes XORed with the old key and with a checksum of itself behind.
    """
    number, bits = clear[0] & _KEY_NUMBER, clear[0] & ~_KEY_NUMBER
    need(not bits & ~0xC0 and (not bits or state.at_picc_level), Status.PARAMETER_ERROR)
    kind = key_type(bits) if state.at_picc_level else state.application.kind
    need(number < len(state.keys), Status.NO_SUCH_KEY)
    need(state.session.key_number is not None, Status.AUTHENTICATION_ERROR)
    session, same = state.session, state.session.key_number == number
    _need_right_to_change(state, number)

    def run(command: bytes) -> Answer:
        new = session.new_key(command, kind, None if same else state.keys[number].key.secret)
        state.memory.write(_with_key(state, number, new))
        if same:
            state.end_session()
        return Answer()

    return Plan(session.key_change_wire_size(kind, same_key=same), run)


def _need_right_to_change(state: State, number: int) -> None:
    """Key 0 changes itself if the settings let it; others are changed by the key the settings name."""
    settings = state.settings
    if number == 0:
        need(bool(settings & _MASTER_CHANGEABLE), Status.PERMISSION_DENIED)
        state.need_master()
        return
    changer = settings >> 4
    need(changer != _FROZEN, Status.PERMISSION_DENIED)
    if changer == number:
        changer = 0  # the changing key itself is changed by key 0 only
    allowed = number if changer == _SAME_KEY else changer
    need(state.authenticated(allowed), Status.AUTHENTICATION_ERROR)


def _with_key(state: State, number: int, key: NewKey) -> Contents:
    if state.at_picc_level:
        return replace(state.contents, key=key)
    keys = list(state.application.keys)
    keys[number] = key
    return state.contents.with_application(state.aid, replace(state.application, keys=tuple(keys)))
