"""What InListPassiveTarget answers at 106 kbit/s type A, taken apart. No I/O here.

Source: NXP UM0701-02 §7.3.5. The answer is a count, then for each target

| bytes | what |
|---|---|
| 1 | target number, from 1 |
| 2 | SENS_RES (ATQA) |
| 1 | SEL_RES (SAK) |
| 1 | size of the UID |
| 4, 7, 10 | UID |
| 0 … | if SAK has bit 20h (ISO 14443-4, activated by automatic RATS): size of the ATS with this byte, ATS |
"""

from __future__ import annotations

from hardware.reader import Target

SAK_ISO_DEP = 0x20
"""ISO 14443-3 §6.5.3: the card speaks ISO 14443-4."""
UID_SIZES = (4, 7, 10)


class MalformedTargets(ValueError):
    """The bytes are no answer to InListPassiveTarget."""


def parse_targets(answer: bytes) -> tuple[Target, ...]:
    """The listed cards, none to two. Raises `MalformedTargets`."""
    if not answer or answer[0] > 2:
        raise MalformedTargets(f"a list of targets does not begin so: {answer[:1].hex()}")
    targets: list[Target] = []
    rest = answer[1:]
    for _ in range(answer[0]):
        target, rest = _parse_target(rest)
        targets.append(target)
    if rest:
        raise MalformedTargets(f"bytes behind the last target: {rest.hex()}")
    return tuple(targets)


def _parse_target(rest: bytes) -> tuple[Target, bytes]:
    if len(rest) < 5 or rest[4] not in UID_SIZES or len(rest) < 5 + rest[4]:
        raise MalformedTargets(f"a target is cut short: {rest.hex()}")
    end = 5 + rest[4]
    uid, sak = rest[5:end], rest[3]
    ats = b""
    if sak & SAK_ISO_DEP:
        ats_size = rest[end] if len(rest) > end else 0
        if ats_size < 1 or len(rest) < end + ats_size:
            raise MalformedTargets(f"a target's ATS is cut short: {rest.hex()}")
        ats, end = rest[end + 1 : end + ats_size], end + ats_size
    return Target(number=rest[0], atqa=rest[1:3], sak=sak, uid=uid, ats=ats), rest[end:]
