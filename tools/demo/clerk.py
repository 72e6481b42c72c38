"""The clerk of the demo: signs in at the server and orders cards and loads through its forms, as people do."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from onecard.errors import OnecardError
from onecard.kinds import CardKind

_ROW = re.compile(r'<tr class="job-(\w+)">\s*<td>(\d+)</td>.*?</tr>', re.DOTALL)
_NUMBER = re.compile(r"<td>(\d{12})</td>")
_TIMEOUT = 20.0
_UNAVAILABLE = 503
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.2


class ClerkRefused(OnecardError):
    """The server's pages did not do what a form asked for."""


class ServerAway(OnecardError):
    """No answer: it is not known whether a form was taken."""


class Clerk:
    """A signed-in session at `url`, which `ca` vouches for."""

    def __init__(self, url: str, ca: Path, user: str, password: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(ca_certs=str(ca))
        self._cookies: dict[str, str] = {}
        self._get("/login/")
        self._post("/login/", {"username": user, "password": password})

    def order_issue(self, site: str, kind: CardKind, tier: int, yuan: str = "") -> int:
        """Order a card with its first load; the job's number. `site` is the cinema's code."""
        return self._order("/desk/issue/", {"site": site, "kind": int(kind), "tier": tier, "amount": yuan})

    def order_load(self, site: str, yuan: str, number: str = "") -> int:
        """Order a load of the card with that number, or of the one that lies on the desk; the job's number."""
        return self._order("/desk/load/", {"site": site, "number": number, "amount": yuan})

    def report_lost(self, number: str) -> None:
        """Put the card of 12 digits on the hotlist."""
        self._post("/desk/report-lost/", {"number": number})

    def unreport(self, number: str) -> None:
        """Take it off again."""
        self._post("/desk/unreport/", {"number": number})

    def is_done(self, job: int) -> bool:
        """Whether the desk has done it. Raises `ClerkRefused` when it failed."""
        state, row = self._jobs()[job]
        if state in ("failed", "loaded"):
            raise ClerkRefused(f"desk job {job} failed: {re.sub('<[^>]*>', ' ', row)}")
        return state == "done"

    def card_number(self, job: int) -> str:
        """The 12 digits of the card a done job was about."""
        found = _NUMBER.search(self._jobs()[job][1])
        assert found is not None
        return found.group(1)

    def _order(self, path: str, fields: dict[str, object]) -> int:
        """The number of the job that a form makes. When only its answer was lost, the job is on the page, and is not
        ordered again: a load would be paid for once and made twice."""
        newest = max(self._jobs(), default=0)
        while True:
            with contextlib.suppress(ServerAway):
                self._post(path, fields)
            if (found := max(self._jobs(), default=0)) > newest:
                return found

    def _jobs(self) -> dict[int, tuple[str, str]]:
        page = self._patiently("/desk/jobs/")
        return {int(match.group(2)): (match.group(1), match.group(0)) for match in _ROW.finditer(page)}

    def _get(self, path: str) -> str:
        return self._request("GET", path, None)

    def _patiently(self, path: str) -> str:
        """A page, asked for until the server is there again. Raises `ServerAway` when it does not come."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self._get(path)
            except ServerAway:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _post(self, path: str, fields: dict[str, object]) -> None:
        token = self._cookies.get("csrftoken") or self._cookies.get("__Host-csrftoken") or ""
        body = urlencode(fields | {"csrfmiddlewaretoken": token})
        page = self._request("POST", path, body)
        if "errorlist" in page:
            said = re.findall(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', page, re.DOTALL)
            raise ClerkRefused(f"{path}: {re.sub('<[^>]*>', ' ', ' '.join(said)).strip()}")

    def _request(self, method: str, path: str, body: str | None) -> str:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        headers["Referer"] = f"{self._url}{path}"
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            response = self._http.request(
                method, self._url + path, body=body, headers=headers, redirect=False, timeout=_TIMEOUT, retries=False
            )
        except HTTPError as error:
            raise ServerAway(f"{method} {path}: {error}") from error
        if response.status == _UNAVAILABLE:
            raise ServerAway(f"{method} {path}: the server is busy")
        for cookie in response.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        text = bytes(response.data).decode("utf-8", "replace")
        if response.status >= 400 and "errorlist" not in text:
            raise ClerkRefused(f"{method} {path}: {response.status} {text[:300]}")
        return text
