"""The root of every named failure of the world.

An expected outcome is a value; a programmer's mistake is an `assert`; what is left — the world failed: a device, a
disk, foreign bytes — is a subclass of `OnecardError`, raised with the fields that explain it and caught once, at the
edge that can act.
"""

from __future__ import annotations


class OnecardError(Exception):
    """The world failed. `str(error)` says what, where and, when there is one, the cure."""
