"""Three-pass authentication, as the card answers it: `hardware.cards.desfire` proves, the card decides."""

from __future__ import annotations

from hardware.cards.desfire.authentication import CardProof, Method
from hardware.cards.desfire.ev2 import TI_SIZE, Ev2Channel
from hardware.cards.desfire.messaging import BrokenMessage
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.refusal import Refused, need
from hardware.virtual.desfire.security import Session
from hardware.virtual.desfire.state import Authenticating, State

_MAX_CAPABILITIES = 6


def begin(state: State, method: Method, parameters: bytes) -> bytes:
    """Key number 1, and for EV2_FIRST the reader's capabilities with their size; the card's challenge.

    Whoever was authenticated is so no more, except that EV2_NON_FIRST goes on from an EV2 session. Raises Refused.
    """
    if method is Method.EV2_FIRST:
        need(len(parameters) >= 2, Status.LENGTH_ERROR)
        need(len(parameters) == 2 + parameters[1] <= 2 + _MAX_CAPABILITIES, Status.LENGTH_ERROR)
    else:
        need(len(parameters) == 1, Status.LENGTH_ERROR)
    former: Ev2Channel | None = None
    if method is Method.EV2_NON_FIRST:
        if not isinstance(state.session.channel, Ev2Channel):
            raise Refused(Status.AUTHENTICATION_ERROR)
        former = state.session.channel
    else:
        state.end_session()
    number = parameters[0]
    need(number < len(state.keys), Status.NO_SUCH_KEY)
    key = state.keys[number].key
    need(method.takes(key.type), Status.AUTHENTICATION_ERROR)
    rnd_b = state.memory.random(method.random_size(key.type))
    ti = state.memory.random(TI_SIZE) if method is Method.EV2_FIRST else b""
    proof = CardProof(method, key, rnd_b, ti, former)
    state.volatile.authenticating = Authenticating(proof, number)
    return proof.challenge()


def finish(state: State, step: Authenticating, token: bytes) -> bytes:
    """The card's last message; the session is in force. Raises Refused."""
    proof = step.proof
    need(len(token) == 2 * len(proof.rnd_b), Status.LENGTH_ERROR)
    try:
        answer, channel = proof.finish(token)
    except BrokenMessage:
        raise Refused(Status.AUTHENTICATION_ERROR) from None
    state.volatile.session = Session(step.key_number, channel, proof.key.type)
    return answer
