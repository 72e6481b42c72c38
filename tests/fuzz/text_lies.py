"""Lies about a text of words, numbers, quoted strings and brackets: JSON and TOML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|\s+|.', re.DOTALL)
_STRANGE = (
    *("", "0", "-1", "1e400", "NaN", "nan", "inf", "true", "null", "1.0", "0x10", "9" * 4301, "0x" + "f" * 4000),
    *('""', '"\\u0000"', '"\\ud800"', '"\U0010ffff"', '"' + "a" * 300 + '"', '"ff"', '"0"', '"００"', '"1"', '"01"'),
    *('"' + "9" * 4301 + '"', '"' + "0" * 40 + '1"', "[]", "{}", "[" * 80, "{" * 80, "]", "}", ",", ":", "=", "\n"),
    *("\0", "\ufeff", "'", '"""', "[[a]]", "[a.b]", "a.b.c = 1", "1979-05-27T07:32:00Z", "9999-99-99", "#", "\\"),
)


def change_a_word(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One word becomes a strange one, one of another place, or one of another text."""
    words = _words(raw)
    if not words:
        return source.choice(_STRANGE).encode()
    others_words = _words(source.choice(others)) or words
    at = source.randrange(len(words))
    words[at] = source.choice((source.choice(_STRANGE), source.choice(words), source.choice(others_words)))
    return _joined(words)


def say_a_line_twice(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One line stands again somewhere."""
    lines = raw.splitlines(keepends=True)
    if lines:
        lines.insert(source.randrange(len(lines) + 1), source.choice(lines))
    return b"".join(lines)


def leave_out_words(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run of words is missing."""
    words = _words(raw)
    at = source.randrange(len(words)) if words else 0
    del words[at : at + source.randint(1, 6)]
    return _joined(words)


TEXT_LIES = (change_a_word, change_a_word, change_a_word, say_a_line_twice, leave_out_words)


def _words(raw: bytes) -> list[str]:
    return _TOKEN.findall(raw.decode(errors="surrogateescape"))


def _joined(words: list[str]) -> bytes:
    return "".join(words).encode(errors="surrogateescape")
