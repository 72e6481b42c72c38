"""The centre in this process: the server's own views behind Django's client, its database, its key process's code."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from django.db import transaction
from django.test import Client

from hardware.virtual.desfire.contents import Generation
from onecard.identity import card_number
from onecard.keys import Role
from onecard.kinds import CardKind, DeclineReason
from onecard.purse.certificate import Flags
from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, HotlistEntry, Purse
from server.cards.register import NewCard, register_card
from server.ingest.models import Alarm, DeclinedTap
from server.keyd import store
from server.ledger.load import post_load
from server.ledger.posting import post_next
from server.ledger.verify import Recount, verify_ledger
from server.sites.models import Site
from sync_daemon.uplink import Rejected
from tests.server.conftest import DATA
from tests.system.attack.plastic import Card
from tools.bench.till import Issuer

SITE = "WDK"
_EXPIRY = date(2099, 12, 31)


class Centre:
    """What a manager of the chain sees and does, and the line to it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        secrets = store.load(DATA / "keys")
        masters = (
            Role.DEBIT_MAC,
            Role.CLASSIC_READ_WRITE,
            Role.CLASSIC_PERSONALISE,
            Role.DESFIRE_DEBIT,
            Role.DESFIRE_PERSONALISE,
        )
        self._issuer = Issuer(masters={role: secrets.newest(role)[1] for role in masters})

    def post(self, path: str, body: bytes) -> bytes:
        """As `Uplink.post`. Raises `Rejected`."""
        response = self._client.post(path, body, content_type="application/cbor")
        if response.status_code != 200:
            raise Rejected(path, response.status_code, response.content.decode())
        return bytes(response.content)

    def issue(self, file: Path, uid: bytes, loaded: int) -> Card:
        """A new Classic in the patron's hand, its first load paid for in cash."""
        self._issuer.write_card(file, uid, self._entered(uid, loaded))
        return Card(file)

    def issue_desfire(self, file: Path, uid: bytes, loaded: int) -> Card:
        """A new DESFire likewise."""
        self._issuer.write_desfire_card(file, uid, self._entered(uid, loaded), Generation.EV2)
        return Card(file)

    def load(self, card: Card, amount: int) -> bytes:
        """Money is paid in; the certificate reaches the card by way of some terminal."""
        now = datetime.now(UTC)
        with transaction.atomic():
            purse = Purse.objects.select_for_update(of=("self",)).select_related("card").get(uid=card.uid)
            certificate = issue_next_certificate(purse, amount, Certificate.Reason.LOAD, now)
            post_load(purse, amount, Site.objects.get(code=SITE), certificate, now)
        return bytes(certificate.image)

    def refuse(self, card: Card) -> None:
        """The card goes on the hotlist."""
        purse = Purse.objects.get(uid=card.uid)
        HotlistEntry.objects.create(card_id=purse.card_id, refused=True, listed_at=datetime.now(UTC))

    def settle(self) -> Recount:
        """Everything received is posted; the books, which must agree with their own recount."""
        while post_next(datetime.now(UTC)):
            pass
        recount = verify_ledger()
        assert recount.differences == ()
        return recount

    def loaded(self, card: Card) -> int:
        """P of the newest certificate, fen."""
        return Purse.objects.get(uid=card.uid).loaded

    def certificate(self, card: Card) -> bytes:
        """The newest certificate's 96 bytes."""
        newest = Certificate.objects.filter(purse__uid=card.uid).order_by("load_sequence").last()
        assert newest is not None
        return bytes(newest.image)

    @property
    def alarms(self) -> set[str]:
        """The kinds of alarm raised."""
        return set(Alarm.objects.values_list("kind", flat=True))

    @property
    def declined(self) -> list[DeclineReason]:
        """Why cards were refused at terminals, as far as their journals came in."""
        return [DeclineReason(reason) for reason in DeclinedTap.objects.order_by("pk").values_list("reason", flat=True)]

    def _entered(self, uid: bytes, loaded: int) -> bytes:
        now = datetime.now(UTC)
        site = Site.objects.get(code=SITE)
        with transaction.atomic():
            number = card_number(int.from_bytes(uid[:4], "big"))
            new = NewCard(number, uid, CardKind.STORED_VALUE, 1, Flags.NONE, _EXPIRY, site)
            purse = register_card(new, now)
            certificate = issue_next_certificate(purse, loaded, Certificate.Reason.ISSUE, now)
            post_load(purse, loaded, site, certificate, now)
        return bytes(certificate.image)
