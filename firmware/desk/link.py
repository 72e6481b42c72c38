"""The desk's questions as signed envelopes, and the server's signed answers; whoever carries them is given."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from onecard.desk import Answer, CardPlaced, JobDone, JobFailed, Next, Recover, Request, open_answer, pack_request
from onecard.enrolment import Identity
from onecard.envelope import terminal_key_id
from onecard.keys import sign

_PATHS = MappingProxyType(
    {
        Next: "/desk/v1/next",
        CardPlaced: "/desk/v1/card",
        JobDone: "/desk/v1/done",
        JobFailed: "/desk/v1/done",
        Recover: "/desk/v1/recover",
    }
)


class SignedLink:
    """`firmware.desk.issuing.DeskLink` of one station."""

    def __init__(self, identity: Identity, signing_private: bytes, post: Callable[[str, bytes], bytes]) -> None:
        """`signing_private` is the station's 32-byte Ed25519 key; `post(path, body)` gives the body of the answer."""
        self._identity = identity
        self._signing_private = signing_private
        self._post = post

    def ask(self, request: Request) -> Answer:
        """The server's answer, verified to be for this station. Raises what `post` and `open_answer` raise."""
        number = self._identity.number
        raw = pack_request(request, terminal_key_id(number), lambda message: sign(self._signing_private, b"", message))
        return open_answer(self._post(_PATHS[type(request)], raw), self._identity.keys, number)
