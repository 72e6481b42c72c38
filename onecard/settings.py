"""The centre's settings for its terminals: what an offline terminal may at most lose (P-R22), and for how long. Pure.

The SETTINGS downlink's body is one byte string: strict CBOR `[1, card cap, unsent cap, unsent days, in-doubt seconds,
good days]` (docs/formats/settings.md). Money is fen. A number outside its bounds is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from types import MappingProxyType

from onecard import cbor
from onecard.errors import OnecardError
from onecard.money import Fen

_SCHEMA = 1
_LIMITS = cbor.Limits(size=64, items=8, depth=1)


class BadSettings(OnecardError):
    """Settings that no terminal may follow; `name` is the setting's, empty when it is the whole."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"settings{': ' if name else ''}{name.replace('_', ' ')}: {why}")


@dataclass(frozen=True, slots=True)
class Settings:
    """One version of them."""

    card_cap: Fen
    """What one card may spend at a terminal since that was last in step with the centre's tables (c_T)."""
    unsent_cap: Fen
    """Sales not yet acknowledged at which a terminal stops selling (M); it warns at half."""
    unsent_days: int
    """Age of the oldest record not acknowledged at which it stops selling; it warns at half."""
    in_doubt_seconds: int
    """How long a sale may be in doubt before it is given up (P-R6)."""
    good_days: int
    """How long tariff, hotlist and state table are good after the centre had nothing newer; then limits are lowered."""

    def encode(self) -> bytes:
        """The bytes of the body. Raises `BadSettings`."""
        for field in fields(self):
            _check(field.name, getattr(self, field.name))
        return cbor.encode([_SCHEMA, *astuple(self)])


BOUNDS: Mapping[str, range] = MappingProxyType(
    {
        "card_cap": range(1, 10_000_001),
        "unsent_cap": range(1, 10_000_001),
        "unsent_days": range(1, 31),
        "in_doubt_seconds": range(1, 3601),
        "good_days": range(1, 91),
    }
)
"""What each may be."""
DEFAULTS = Settings(Fen(300_00), Fen(20_000_00), unsent_days=3, in_doubt_seconds=120, good_days=7)
"""What a terminal follows that was never told."""


def decode_settings(raw: bytes) -> Settings:
    """The settings in a body's bytes. Raises `BadSettings`."""
    try:
        match cbor.decode_array(raw, _LIMITS):
            case [1, int(card_cap), int(unsent_cap), int(unsent_days), int(in_doubt_seconds), int(good_days)]:
                settings = Settings(Fen(card_cap), Fen(unsent_cap), unsent_days, in_doubt_seconds, good_days)
            case _:
                raise BadSettings("", "they do not have the six parts of schema 1")
    except cbor.BadCbor as error:
        raise BadSettings("", str(error)) from error
    for field in fields(settings):
        _check(field.name, getattr(settings, field.name))
    return settings


def _check(name: str, value: int) -> None:
    allowed = BOUNDS[name]
    if value not in allowed:
        raise BadSettings(name, f"{value} is given; {allowed.start} to {allowed.stop - 1} is allowed")
