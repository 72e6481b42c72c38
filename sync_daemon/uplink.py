"""HTTPS to the management centre: one connection, kept alive; believed only under the one CA file given.

What comes back is bounded in size and each wait in time. The transport is not trusted for more than reaching the right
server: everything carried is signed.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from types import MappingProxyType

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, SSLError
from urllib3.util import Timeout, Url, parse_url

from onecard.errors import OnecardError

REPLY_LIMIT = 16 << 20
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
_REASON_LIMIT = 200
_HTTPS_PORT = 443
_STATUS_OK = 200
_STATUS_TOO_LARGE = 413
_CURES = MappingProxyType(
    {
        400: "the server cannot read what this terminal sends: update the terminal's software; the records are kept",
        401: "the server does not know this terminal or its key: enrol it again under a new number",
        403: "the server refuses this terminal or token: ask the centre",
        404: "this is no OneCard server: check [server] url",
        413: "smaller bundles are sent next",
        503: "the server is busy; it is asked again later",
    }
)


class UplinkError(OnecardError):
    """An exchange that brought no answer of use."""


class BadUrl(UplinkError):
    """An address that is not https://host or https://host:port."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"{url!r} is given; https://host or https://host:port is allowed")


class BadAuthority(UplinkError):
    """The CA file cannot be used."""

    def __init__(self, file: Path, cause: str) -> None:
        self.file = file
        super().__init__(f"CA file {file}: {cause}; copy the centre's ca.pem there")


class Untrusted(UplinkError):
    """Somebody answers who cannot prove to be the server."""

    def __init__(self, url: str, authority: Path, cause: str) -> None:
        self.url = url
        super().__init__(
            f"{url} is not vouched for by {authority} ({cause}): check [server] url and ca, and the terminal's clock"
        )


class ServerAway(UplinkError):
    """No connection, no answer in time, or an answer cut short."""

    def __init__(self, url: str, cause: str) -> None:
        self.url = url
        super().__init__(f"{url} cannot be reached ({cause}): check the network line; records are kept meanwhile")


class OversizedReply(UplinkError):
    """More than any server of ours sends."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"{url} answers with more than {REPLY_LIMIT} bytes: this is no OneCard server")


class Rejected(UplinkError):
    """The server answered, and did not do it. `status` is HTTP's."""

    def __init__(self, url: str, status: int, reason: str) -> None:
        self.url = url
        self.status = status
        cure = _CURES.get(status, "ask the centre")
        super().__init__(f"{url} answers {status} ({reason or 'no reason given'}): {cure}")

    @property
    def too_large(self) -> bool:
        """Whether less at a time would be taken."""
        return self.status == _STATUS_TOO_LARGE


def check_url(url: str) -> str:
    """`url` without a slash at its end. Raises `BadUrl` when it is not https://host[:port]."""
    _parsed(url)
    return url.rstrip("/")


class Uplink:
    """POST, and what came back."""

    def __init__(
        self, url: str, authority: Path, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
    ) -> None:
        """Connects to nothing yet. `authority` is a PEM file of certificates. Raises `BadUrl`, `BadAuthority`."""
        parsed = _parsed(url)
        assert parsed.host is not None
        self._url = url.rstrip("/")
        self._authority = authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise BadAuthority(authority, error.strerror or str(error)) from error
        self._pool = urllib3.HTTPSConnectionPool(
            parsed.host,
            parsed.port or _HTTPS_PORT,
            timeout=Timeout(connect=connect_seconds, read=read_seconds),
            maxsize=1,
            ssl_context=context,
        )

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer with status 200. Raises `UplinkError`."""
        url = self._url + path
        try:
            response = self._pool.urlopen(
                "POST",
                path,
                body=body,
                headers={"Content-Type": "application/cbor"},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                reply = self._read(response, url)
            except BaseException:
                response.close()  # the rest of it must not be taken for the next answer
                raise
            response.release_conn()
        except HTTPError as error:
            if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise Untrusted(self._url, self._authority, str(error)) from error
            raise ServerAway(self._url, str(error)) from error
        if response.status != _STATUS_OK:
            raise Rejected(url, response.status, _reason(reply))
        return reply

    def close(self) -> None:
        """Lets the connection go."""
        self._pool.close()

    def _read(self, response: urllib3.BaseHTTPResponse, url: str) -> bytes:
        reply = bytearray()
        for piece in response.stream(1 << 16):
            reply += piece
            if len(reply) > REPLY_LIMIT:
                raise OversizedReply(url)
        return bytes(reply)


def _parsed(url: str) -> Url:
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise BadUrl(url) from error
    if parsed.scheme != "https" or not parsed.host or parsed.path not in (None, "/") or parsed.query or parsed.auth:
        raise BadUrl(url)
    return parsed


def _reason(reply: bytes) -> str:
    text = reply[:_REASON_LIMIT].decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
