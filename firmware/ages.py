"""How long ago something was, as screens say it. Pure."""

from __future__ import annotations

from firmware.config import Language
from firmware.words import Phrase

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def age_text(seconds: int, language: Language) -> str:
    """An age in its one biggest unit, so that a screen changes seldom."""
    if seconds < 2 * _HOUR:
        return Phrase.MINUTES.say(language, count=max(0, seconds) // _MINUTE)
    if seconds < 2 * _DAY:
        return Phrase.HOURS.say(language, count=seconds // _HOUR)
    return Phrase.DAYS.say(language, count=seconds // _DAY)
