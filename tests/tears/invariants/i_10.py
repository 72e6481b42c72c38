"""I-10: no secret held by a terminal can raise *loaded*: what a card says was loaded, the issuer said."""

from __future__ import annotations

from tests.tears.history import History, certificate_of


def violation(history: History) -> str | None:
    """Every certificate that the card can be read to hold, in force or not, is byte for byte one the issuer made."""
    for sighting in history.sightings:
        for image in sighting.reading.copies:
            if image not in history.world.certificates and certificate_of(image) is not None:
                return "I-10: the card holds a certificate that the issuer never made"
    return None
