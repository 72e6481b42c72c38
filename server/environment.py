"""A request as WSGI describes it (PEP 3333), from granian's RSGI scope. Pure."""

from __future__ import annotations

import io
import sys
from typing import Any

from granian.rsgi import Scope


def environment_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """The environment of a request whose body is all here. Text is bytes read as Latin-1, as PEP 3333 has it.

    A header whose name has an underscore is left out: it would be taken for another one, with a hyphen.
    """
    server, _, port = scope.server.rpartition(":")
    environment: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        known = environment.get(key)
        environment[key] = value if known is None else f"{known}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
    environment["CONTENT_LENGTH"] = str(len(body))
    if scope.authority:
        environment.setdefault("HTTP_HOST", scope.authority)
    return environment
