"""The desk's work on a blank DESFire: applications, contents, keys; interruptible at any command.

Rules:

- The card's own key is changed last: a card that opens with ours is finished. It is compared and never written, let
  alone formatted: what was debited would be lost with it.
- A card that opens with the factory's key and has no application but ours is what a cut left: FormatPICC, and begun
  anew. Before that it is looked at: a terminal takes a purse as soon as its debit key is ours, and what was debited
  from a card that a clerk gave away unfinished is never lowered. Such a card is named, and nothing is written.
- Anything else of somebody else is named, and nothing is written.
- In an application: files, certificate and records while its keys are the factory's, then keys 1, 2 and last 0.
- Each command is whole or not at all on the card, so there is nothing like a Classic's torn trailer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardware.cards.desfire import administration
from hardware.cards.desfire.layout import (
    APPLICATION_KEYS,
    APPLICATION_SETTINGS,
    CARD_LEVEL,
    CARD_SETTINGS,
    CERTIFICATE_FILE,
    DEBIT_FILE,
    DEBIT_KEY,
    FILES,
    ISSUER_KEY,
    MASTER_KEY,
    RING_FILE,
    START_VALUE,
    application,
    purse_of,
)
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.opening import opens, opens_as_from_factory
from hardware.cards.desfire.purse import (
    COMMIT_TRANSACTION,
    GET_VALUE,
    READ_DATA,
    READ_RECORDS,
    WRITE_DATA,
    WRITE_RECORD,
)
from hardware.cards.desfire.script import ApplicationKeys, DesfireScript, PurseContents
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.personalisation_errors import CardInUse, ForeignCard, NotAsWritten, PersonalisationCut, WrongCard
from hardware.reader import CardError, Reader, ReaderError, Target
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.record import RECORD_SIZE

_KEY_VERSION = 1
"""Of every key of ours; the factory's have 0. Nothing is believed of it: a key is known by what it opens."""
_ZERO = administration.FACTORY_APPLICATION_KEY.secret
_WHOLE_CERTIFICATE = bytes(3) + CERTIFICATE_SIZE.to_bytes(3, "little")
_WHOLE_RECORD = bytes(3) + RECORD_SIZE.to_bytes(3, "little")
_VERDICTS = (ForeignCard, CardInUse, NotAsWritten)


def personalise(reader: Reader, target: Target, script: DesfireScript, random: Callable[[int], bytes]) -> None:
    """Bring the selected card to what `script` says, from blank or from wherever an earlier run was cut; `random(n)`
    gives n unpredictable bytes.

    Raises `WrongCard`, `ForeignCard`, `CardInUse`, `PersonalisationCut`.
    """
    if target.uid != script.uid:
        raise WrongCard(script.uid, target.uid)
    session = DesfireSession(reader, target, random)
    done: list[int] = []
    try:
        if _is_finished(session, script):
            return
        for purse, contents in script.contents.items():
            _make_purse(session, purse, script.keys.purses[purse], contents)
            done.append(purse)
        _open_blank(session)
        administration.change_key_settings(session, CARD_SETTINGS)
        administration.change_card_key(session, script.keys.card, _KEY_VERSION)
    except _VERDICTS:
        raise
    except (CardError, ReaderError) as cause:
        words = f"at least {len(done)} of {len(script.contents)} applications"
        raise PersonalisationCut(script.uid, words, cause) from cause


def verify(reader: Reader, target: Target, script: DesfireScript, random: Callable[[int], bytes]) -> None:
    """Read everything back with the script's own keys, each of them. Raises `WrongCard`, `NotAsWritten`, and `CardGone`
    and the reader's errors when the reading itself fails.
    """
    if target.uid != script.uid:
        raise WrongCard(script.uid, target.uid)
    difference = next(_differences(DesfireSession(reader, target, random), script), None)
    if difference is not None:
        raise NotAsWritten(script.uid, difference)


def is_blank(reader: Reader, target: Target, random: Callable[[int], bytes]) -> bool:
    """Whether the card `reader.poll` just selected is as from the factory: its key, and no application. Nothing is
    written. Raises `CardError`s and the reader's errors."""
    session = DesfireSession(reader, target, random)
    session.select_application(CARD_LEVEL)
    return opens_as_from_factory(session) and not administration.application_ids(session)


def _is_finished(session: DesfireSession, script: DesfireScript) -> bool:
    """Whether an earlier run came to its end; if not, the card is blank now. Errors for a card that is not to have."""
    session.select_application(CARD_LEVEL)
    if opens(session, MASTER_KEY, script.keys.card):
        difference = next(_differences(session, script), None)
        if difference is not None:
            raise CardInUse(script.uid, difference)
        return True
    _open_blank(session)
    listed = administration.application_ids(session)
    foreign = [each for each in listed if purse_of(each) is None]
    if foreign:
        raise ForeignCard(script.uid, f"application {foreign[0][::-1].hex()}")
    if listed:
        for each in listed:
            _refuse_if_used(session, script, each)
        _open_blank(session)
        administration.format_card(session)
    return False


def _refuse_if_used(session: DesfireSession, script: DesfireScript, number: bytes) -> None:
    """Errors for an application that a terminal may have debited."""
    session.select_application(number)
    if opens(session, DEBIT_KEY, _ZERO):
        return
    purse = purse_of(number)
    if purse is None or purse not in script.contents or not opens(session, DEBIT_KEY, script.keys.purses[purse].debit):
        raise ForeignCard(session.uid, f"key {DEBIT_KEY} of application {number[::-1].hex()}")
    used = next(_differences_in_use(session, script.contents[purse]), None)
    if used is not None:
        raise CardInUse(session.uid, f"{used} of purse {purse}")


def _open_blank(session: DesfireSession) -> None:
    session.select_application(CARD_LEVEL)
    if not opens_as_from_factory(session):
        raise ForeignCard(session.uid, "its master key")


def _make_purse(session: DesfireSession, purse: int, keys: ApplicationKeys, contents: PurseContents) -> None:
    _open_blank(session)
    administration.create_application(session, application(purse), APPLICATION_SETTINGS, APPLICATION_KEYS)
    session.select_application(application(purse))
    _open_new(session, MASTER_KEY)
    for making in FILES:
        administration.create_file(session, making)
    _open_new(session, DEBIT_KEY)
    certificate = bytes([CERTIFICATE_FILE]) + _WHOLE_CERTIFICATE
    session.command(WRITE_DATA, certificate, contents.certificate, mode=CommMode.PLAIN)
    for record in contents.records():  # the first commit takes the certificate along
        session.command(WRITE_RECORD, bytes([RING_FILE]) + _WHOLE_RECORD, record, mode=CommMode.MACED)
        session.command(COMMIT_TRANSACTION)
    _open_new(session, MASTER_KEY)
    administration.change_key(session, DEBIT_KEY, keys.debit, _KEY_VERSION, _ZERO)
    administration.change_key(session, ISSUER_KEY, keys.issuer, _KEY_VERSION, _ZERO)
    administration.change_key(session, MASTER_KEY, keys.master, _KEY_VERSION, None)


def _open_new(session: DesfireSession, number: int) -> None:
    """Authenticate with a key of an application that this run made."""
    if not opens(session, number, _ZERO):
        raise ForeignCard(session.uid, f"key {number} of an application just made")


def _differences(session: DesfireSession, script: DesfireScript) -> Iterator[str]:
    """What of the card is not as the script says, by name."""
    session.select_application(CARD_LEVEL)
    if not opens(session, MASTER_KEY, script.keys.card):
        yield "its master key"
        return
    if administration.key_settings(session)[0] != CARD_SETTINGS:
        yield "its settings"
    expected = {application(purse): purse for purse in script.contents}
    if set(administration.application_ids(session)) != expected.keys():
        yield "its applications"
        return
    for number, purse in expected.items():
        session.select_application(number)
        for part in _differences_of_purse(session, script.keys.purses[purse], script.contents[purse]):
            yield f"{part} of purse {purse}"


def _differences_of_purse(session: DesfireSession, keys: ApplicationKeys, contents: PurseContents) -> Iterator[str]:
    if not opens(session, MASTER_KEY, keys.master):
        yield "key 0"
        return
    if administration.key_settings(session) != (APPLICATION_SETTINGS, APPLICATION_KEYS):
        yield "the settings"
    for making in FILES:
        number = making.parameters[0]
        told = administration.file_settings(session, number)
        if told[1:4] != making.parameters[1:4]:
            yield f"the rights of file {number}"
    if not opens(session, ISSUER_KEY, keys.issuer):
        yield "key 2"
    if not opens(session, DEBIT_KEY, keys.debit):
        yield "key 1"
        return
    certificate = bytes([CERTIFICATE_FILE]) + _WHOLE_CERTIFICATE
    if session.command(READ_DATA, certificate, mode=CommMode.PLAIN, answer_size=None) != contents.certificate:
        yield "the certificate"
    yield from _differences_in_use(session, contents)


def _differences_in_use(session: DesfireSession, contents: PurseContents) -> Iterator[str]:
    """What a terminal changed of the purse that is open under its debit key."""
    value = session.command(GET_VALUE, bytes([DEBIT_FILE]), mode=CommMode.MACED, answer_size=4)
    if int.from_bytes(value, "little") != START_VALUE:
        yield "the debited"
    records = session.command(READ_RECORDS, bytes([RING_FILE]) + bytes(6), mode=CommMode.MACED, answer_size=None)
    if records != b"".join(contents.records()):
        yield "the ring"
