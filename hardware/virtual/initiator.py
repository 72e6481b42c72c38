"""The PN532's commands that speak to cards: search, exchange, deselect. UM0701-02 §7.3.

Status bytes (UM0701-02 §7.1): 00 done; 01 the card did not answer; 02 wrong CRC; 06 collision; 13 the card refused (a
NAK); 14 MIFARE authentication failed; 27 no such target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from hardware.virtual import timing
from hardware.virtual.activated import MORE_INFORMATION, NO_ANSWER, OK, ActivatedCards, Carried
from hardware.virtual.air import Answer, Heard, crc_a
from hardware.virtual.field import Field
from hardware.virtual.picc import Picc, State
from hardware.virtual.registers import Registers
from hardware.virtual.schedule import ChipStalledError

CRC_ERROR, COLLISION, REFUSED, AUTH_FAILED, NO_TARGET = 0x02, 0x06, 0x13, 0x14, 0x27
MAX_TARGETS = 2
SAK_ISO_DEP = 0x20
_MAX_RATE = 2
_TYPE_A_106 = 0x00
_BAUD_TYPES = (0x00, 0x01, 0x02, 0x03, 0x04)
_POLL_TYPE_A = (0x00, 0x10)
_POLL_MIFARE = 0x10
_POLL_ISO_DEP = 0x20
_POLL_PERIOD_US = 150_000.0


@dataclass(frozen=True, slots=True)
class Done:
    """A command's parameters after the response code, and its time on air."""

    payload: bytes
    us: float = 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """A search that found nothing yet: `attempt` again when the field changed, `nothing` after `us` (None: never)."""

    attempt: Callable[[], Done | None]
    nothing: Done
    us: float | None


class Initiator:
    """Targets 1 and 2, the retry settings, and the card selected now."""

    def __init__(self, field: Field, registers: Registers) -> None:
        self.field = field
        self.registers = registers
        self.targets: dict[int, Picc] = {}
        self.activation_retries = 0xFF
        self.reply_timeout_us = 51_200.0
        self.automatic_rats = True
        self._activated = ActivatedCards()
        self.engaged: Picc | None = None
        """The card the last command spoke to: the one a tear takes away."""

    def list_passive(self, max_targets: int, baud_type: int, uid: bytes) -> Done | Search | None:
        """InListPassiveTarget; None for parameters the chip refuses. `uid` selects one card, also from HALT."""
        if not 1 <= max_targets <= MAX_TARGETS or baud_type not in _BAUD_TYPES:
            return None
        rounds = self.activation_retries
        us = None if rounds == 0xFF else (rounds + 1) * timing.SEARCH_ROUND_US

        def attempt() -> Done | None:
            if baud_type != _TYPE_A_106:
                return None
            found, air_us = self._activate(max_targets, uid)
            listed = b"".join(bytes((n,)) + self._target_data(found[n]) for n in found)
            return Done(bytes((len(found),)) + listed, air_us) if found else None

        return attempt() or Search(attempt, Done(b"\x00", us or 0.0), us)

    def auto_poll(self, number: int, period: int, types: bytes) -> Done | Search | None:
        """InAutoPoll; None for parameters the chip refuses. A Classic is found as type 10."""
        if not number or not 1 <= period <= 15 or not 1 <= len(types) <= 15:
            return None
        us = None if number == 0xFF else number * period * len(types) * _POLL_PERIOD_US

        def attempt() -> Done | None:
            if not set(types) & {*_POLL_TYPE_A, _POLL_ISO_DEP}:
                return None
            found, air_us = self._activate(MAX_TARGETS, b"")
            kinds = {n: _POLL_ISO_DEP if _is_iso_dep(picc) else _POLL_MIFARE for n, picc in found.items()}
            wanted = {n: picc for n, picc in found.items() if kinds[n] in types or 0x00 in types}
            listed = b""
            for n, picc in wanted.items():
                data = bytes((n,)) + self._target_data(picc)
                listed += bytes((kinds[n], len(data))) + data
            return Done(bytes((len(wanted),)) + listed, air_us) if wanted else None

        return attempt() or Search(attempt, Done(b"\x00", us or 0.0), us)

    def data_exchange(self, target: int, payload: bytes) -> Done:
        """InDataExchange: the target is selected first if another one was spoken to last."""
        picc = self._target(target)
        if picc is None:
            return Done(bytes((NO_TARGET,)))
        us = self._switch_to(picc)
        self.engaged = picc
        if picc in self._activated:
            return _done(self._activated.exchange(picc, payload, more=bool(target & MORE_INFORMATION)), us)
        if picc.state is State.ACTIVE and not self.registers.crypto1_on and payload[:1] not in (b"\x60", b"\x61"):
            picc.card.end_session()  # plain bits to a card that may expect cipher: it hears nonsense
        answer = picc.data_exchange(payload)
        self.registers.crypto1_on = answer.good and (self.registers.crypto1_on or payload[:1] in (b"\x60", b"\x61"))
        self.registers.received_bits(0)
        status = _status(answer)
        data = answer.data if answer.heard is Heard.DATA else b""
        return Done(bytes((status,)) + data, us + answer.us)

    def communicate_thru(self, payload: bytes) -> Done:
        """InCommunicateThru: raw bytes on air, as the registers say about CRC and bits of the last byte."""
        registers = self.registers
        frame = payload + crc_a(payload) if registers.tx_crc and payload else payload
        silence = Done(bytes((NO_ANSWER,)), self.reply_timeout_us)
        registers.received_bits(0)
        if not self.field.on or not payload or registers.parity_off:
            return silence
        self.engaged = next((picc for picc in self.field if picc.state is State.ACTIVE), None)  # only it can write
        before = [(picc, picc.card.volatile()) for picc in self.field]
        try:
            heard = {picc: picc.hear(frame, registers.tx_last_bits) for picc in self.field}
        except ChipStalledError:
            for picc, volatile in before:
                picc.card.restore(volatile)
            raise
        answers = {picc: answer for picc, answer in heard.items() if answer.heard is not Heard.SILENCE}
        if not answers:
            return silence
        if len({(a.heard, a.data) for a in answers.values()}) > 1:
            return Done(bytes((COLLISION,)))
        self.engaged, answer = next(iter(answers.items()))
        if answer.heard in (Heard.ACK, Heard.NAK):
            registers.received_bits(4)
            code = b"\x0a" if answer.heard is Heard.ACK else answer.data
            return Done(bytes((CRC_ERROR,)) if registers.rx_crc else bytes((OK,)) + code, answer.us)
        if registers.rx_crc:
            return Done(bytes((OK,)) + answer.data if answer.checked else bytes((CRC_ERROR,)), answer.us)
        return Done(bytes((OK,)) + answer.data + (crc_a(answer.data) if answer.checked else b""), answer.us)

    def deselect(self, target: int, forget: bool) -> Done:
        """InDeselect, or InRelease if `forget`: HLTA to the target, or to all for 0."""
        chosen = list(self.targets) if target == 0 else [target]
        if any(n not in self.targets for n in chosen):
            return Done(bytes((NO_TARGET,)))
        for n in chosen:
            picc = self.targets[n]
            if picc in self.field and picc.state is State.ACTIVE:
                picc.halt()
            self._activated.forget(picc)
            if forget:
                del self.targets[n]
        self.registers.crypto1_on = False
        return Done(bytes((OK,)), timing.reader_frame_us(4) + timing.AUTH_TIMEOUT_US if chosen else 0.0)

    def select(self, target: int) -> Done:
        """InSelect: wake one listed target and select it."""
        picc = self._target(target)
        if picc is None:
            return Done(bytes((NO_TARGET,)))
        us = timing.selection_us(len(picc.card.uid))
        return Done(bytes((OK if self._wake(picc) else NO_ANSWER,)), us)

    def release_all(self) -> None:
        """The field is switched off or the chip sleeps: no target is left."""
        self.targets.clear()
        self._activated.clear()
        self.registers.crypto1_on = False

    def set_rate(self, target: int, to_card: int, to_reader: int) -> Done:
        """InPSL: PPS to an activated card; 0 is 106 kbit/s, 1 is 212, 2 is 424."""
        picc = self._target(target)
        if picc is None or picc not in self._activated or max(to_card, to_reader) > _MAX_RATE:
            return Done(bytes((NO_TARGET,)))
        self.engaged = picc
        return _done(self._activated.set_rate(picc, to_card, to_reader))

    def attention(self) -> Done:
        """Diagnose 06: whether the activated card is still there."""
        return _done(self._activated.attention()) if self._activated else Done(bytes((NO_TARGET,)))

    def _target_data(self, picc: Picc) -> bytes:
        """SENS_RES SEL_RES NFCIDLength NFCID [ATS], as InListPassiveTarget reports a type A card."""
        card = picc.card
        return card.atqa + bytes((card.sak, len(card.uid))) + card.uid + self._activated.ats(picc)

    def _activate(self, max_targets: int, uid: bytes) -> tuple[dict[int, Picc], float]:
        """Select up to `max_targets` cards; a search forgets the targets it had and drops them to where they rest."""
        self.release_all()
        for picc in self.field:
            picc.drop()
        answering = self.field.request(wake=bool(uid))
        chosen = [p for p in answering if not uid or p.card.uid == _plain_uid(uid)][:max_targets]
        for picc in answering:
            if picc not in chosen:
                picc.drop()
        us = 0.0
        for picc in chosen:
            picc.select()
            us += timing.selection_us(len(picc.card.uid))
            if self.automatic_rats and _is_iso_dep(picc):
                us += self._activated.activate(picc)
        for picc in chosen[:-1]:
            picc.halt()  # one card is spoken to at a time; the others wait for WUPA
        if chosen:
            self.registers.use_iso14443a()
        self.targets = dict(enumerate(chosen, start=1))
        self.engaged = chosen[-1] if chosen else None
        return self.targets, us

    def _target(self, number: int) -> Picc | None:
        return self.targets.get(number & 0x0F)

    def _switch_to(self, picc: Picc) -> float:
        """Halt the other target and wake this one, if the other was spoken to last. Time on air."""
        others = [p for p in self.targets.values() if p is not picc and p.state is State.ACTIVE]
        if not others or picc.state is not State.HALT:
            return 0.0
        for other in others:
            other.halt()
        self.registers.crypto1_on = False
        self._wake(picc)
        return timing.selection_us(len(picc.card.uid))

    def _wake(self, picc: Picc) -> bool:
        """WUPA and selection of one card."""
        if picc not in self.field or not self.field.on:
            return False
        for other in self.targets.values():
            if other is not picc and other.state is State.ACTIVE:
                other.halt()
        picc.drop()
        if picc.request(wake=True):
            picc.select()
            if self.automatic_rats and _is_iso_dep(picc):
                self._activated.activate(picc)
        return picc.state is State.ACTIVE


def _plain_uid(uid: bytes) -> bytes:
    """A UID as the card names it: libnfc gives a 7-byte one with its cascade tag."""
    return uid[1:] if len(uid) == 8 and uid[0] == 0x88 else uid


def _is_iso_dep(picc: Picc) -> bool:
    return bool(picc.card.sak & SAK_ISO_DEP)


def _done(carried: Carried, before_us: float = 0.0) -> Done:
    return Done(bytes((carried.status,)) + carried.data, before_us + carried.us)


def _status(answer: Answer) -> int:
    match answer.heard:
        case Heard.DATA | Heard.ACK:
            return OK
        case Heard.NAK:
            return REFUSED
        case Heard.SILENCE:
            return NO_ANSWER
        case Heard.AUTHENTICATION_FAILED:
            return AUTH_FAILED
        case _:
            assert_never(answer.heard)
