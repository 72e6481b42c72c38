"""The feed of certificates to deliver: a downlink table whose version is the highest feed number.

A certificate that a later one of its purse supersedes is not sent: P is absolute, the highest L counts (P-R14).
"""

from __future__ import annotations

from django.db.models import F

from server.cards.models import Certificate


def feed_version() -> int:
    """The highest feed number issued, 0 for none."""
    return Certificate.objects.order_by("-feed").values_list("feed", flat=True).first() or 0


def certificates_after(base: int, most: int) -> list[tuple[int, bytes]]:
    """Feed number and 96 bytes of the next certificates in force after `base`, `most` at most."""
    rows = (
        Certificate.objects.filter(feed__gt=base, load_sequence=F("purse__load_sequence"))
        .order_by("feed")
        .values_list("feed", "image")[:most]
    )
    return [(feed, bytes(image)) for feed, image in rows]
