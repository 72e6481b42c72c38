"""The browser's pages: closed to strangers, complete in both languages, nothing from another host."""

from __future__ import annotations

import ast
import gettext
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.management import call_command
from django.utils import timezone

import server
from firmware.config import read_config
from onecard.bundle import NO_TAG
from onecard.clock import LOCAL_ZONE, Instant, business_day
from onecard.kinds import ClockQuality, Outcome
from onecard.money import Fen
from onecard.records import Gap, Seal
from server.ledger.posting import post_next
from server.pages.templatetags.money import card_text, in_yuan
from server.pages.today import open_day
from server.sites.models import Site, Terminal

PATHS = ("/", "/flows/", "/terminals/", "/cases/", "/desk/")


@pytest.fixture
def manager(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture
def filled(client, enrol, issue, sale):
    teller, card = enrol("WDK"), issue(10_000)
    sale(teller, card, 3000)
    sale(teller, card, 500, Outcome.ABANDONED)
    sale(teller, card, 250)
    client.post("/sync/v1/bundle", teller.bundle(), content_type="application/cbor")
    while post_next(timezone.now()):
        pass
    return card


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 30, "9" * 5000])
@pytest.mark.parametrize("asked", ["terminal={}", "before={}.1", "before=1.{}", "before={}"])
def test_a_number_beyond_all_numbers_narrows_nothing(manager, filled, asked, digits):
    page = manager.get(f"/flows/?{asked.format(digits)}")
    assert page.status_code == 200
    assert page.content.decode().count("<tr>") == 4  # the head and three flows


@pytest.mark.parametrize("path", [*PATHS, "/cards/", "/cards/100000000007/"])
def test_a_page_is_closed_to_strangers(client, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


def test_the_right_password_lets_in(client):
    get_user_model().objects.create_superuser("boss", password="a-Long-pass-1")
    response = client.post("/login/", {"username": "boss", "password": "a-Long-pass-1"})
    assert response["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_wrong_password_is_told_in_words(client):
    response = client.post("/login/", {"username": "boss", "password": "x"}, headers={"Accept-Language": "en"})
    assert b"The user name or the password is wrong." in response.content


def test_today_shows_the_totals_by_cinema_and_terminal(manager, filled):
    page = manager.get("/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "五道口" in page
    assert "32.50" in page  # 30.00 + 2.50 of sales
    assert "5.00" in page  # the refund
    assert card_text(filled.number) in page
    assert "今日" in page


def test_a_cards_page_shows_its_purse_certificates_and_flows(manager, filled):
    page = manager.get(f"/cards/{filled.number}/", headers={"Accept-Language": "en"}).content.decode()
    assert "¥67.50" in page  # 100.00 + 5.00 − 37.50
    assert page.count("refund") >= 1
    assert filled.uid.hex(" ").upper() in page


def test_a_card_is_found_by_its_number_as_printed(manager, filled):
    response = manager.get("/cards/", {"number": card_text(filled.number)})
    assert response["Location"] == f"/cards/{filled.number}/"


@pytest.mark.parametrize("typed", ["", "123", "1234 5678 9012", "abcdefghijkl"])
def test_a_number_that_is_none_is_explained(manager, typed):
    assert manager.get("/cards/", {"number": typed}).status_code == 404


def test_flows_can_be_narrowed_and_paged(manager, filled):
    day = open_day(timezone.now())
    assert manager.get("/flows/?site=WDK").content.count(b'<span class="badge') == 3
    assert manager.get("/flows/?site=JSG").content.count(b'<span class="badge') == 0
    assert manager.get(f"/flows/?day={day}&terminal=x&before=1.x").status_code == 200
    assert manager.get("/flows/?before=0.0").content.count(b'<span class="badge') == 0
    assert manager.get("/flows/?day=2026-99-99").status_code == 200


@pytest.mark.parametrize(
    ("language", "lost", "apart"),
    [
        ("zh-hans", "终端丢失 03-02 20:00: seg-1 at byte 7", "已隔离"),
        ("en", "lost at the terminal 03-02 20:00", "in quarantine"),
    ],
)
def test_a_loss_is_told_with_its_range_time_and_reason(manager, enrol, language, lost, apart):
    teller = enrol("WDK")
    at = int(datetime(2026, 3, 2, 20, 0, tzinfo=LOCAL_ZONE).timestamp())
    for _ in range(7):
        teller.add(Seal(at))
    teller.add(Gap(at, 3, 4, "seg-1 at byte 7"))
    alone = teller.bundle(5, 5, previous_tag=NO_TAG)
    for raw in (teller.bundle(1, 1), alone, teller.bundle(7)):
        manager.post("/sync/v1/bundle", raw, content_type="application/cbor")
    page = manager.get("/terminals/", headers={"Accept-Language": language}).content.decode()
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    places = [text.index(part) for part in ("2–2", "3–4", lost, "5–5", apart, "6–6")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (301, ("", "")),
        (300, ("filling", "将满")),
        (101, ("filling", "将满")),
        (100, ("collect now", "须采集")),
        (1, ("collect now", "须采集")),
        (0, ("full", "已满")),
    ],
)
def test_a_journal_that_fills_is_told_at_the_terminals_own_watermarks(manager, enrol, left, told):
    teller = enrol("WDK")
    manager.post("/sync/v1/bundle", teller.bundle(1, 0, status=(0, 0, left, 0)), content_type="application/cbor")
    for place, language in enumerate(("en", "zh-hans")):
        page = manager.get("/terminals/", headers={"Accept-Language": language}).content.decode()
        (cell,) = re.findall(r'<td class="number">(\d+) %(.*?)</td>', page)
        assert re.sub(r"<[^>]*>", "", cell[1]).strip() == told[place]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_asks_nothing_of_another_host_and_runs_nothing_inline(manager, filled, path, language):
    response = manager.get(path, headers={"Accept-Language": language})
    assert response.status_code == 200
    page = response.content.decode()
    assert f'<html lang="{language}">' in page
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    assert "default-src 'none'" in response["Content-Security-Policy"]
    if language == "zh-hans":
        text = re.sub(r"<[^>]*>", " ", page)
        assert not re.search(r"\b(cinema|terminal|amount|alarms|Today|Sign out)\b", text)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ("old", "battery", "reader silent", "journal 3")),
        ("zh-hans", ("陈旧", "电池", "读卡器无应答", "流水 3")),
    ],
)
def test_the_terminals_page_tells_what_needs_somebody(language, told, manager, enrol):
    now = timezone.now()
    Terminal.objects.filter(number=enrol().number).update(
        contact_at=now,
        hotlist_at=now - timedelta(days=2),
        on_mains=False,
        battery_per_mille=420,
        reader_answers=False,
        journal_faults=3,
    )
    page = manager.get("/terminals/", headers={"Accept-Language": language}).content.decode()
    assert all(f">{text}</span>" in page for text in told)
    assert "42 %" in page


def test_the_language_stays_as_chosen(manager):
    manager.post("/language/", {"language": "en", "next": "/"})
    assert b"Sign out" in manager.get("/").content
    manager.post("/language/", {"language": "zh-hans", "next": "/"})
    assert "退出" in manager.get("/").content.decode()


def test_the_pages_own_files_are_served(client):
    for name in ("site.css", "refresh.js", "mark.svg"):
        assert client.get(f"/static/pages/{name}").status_code == 200


def test_every_text_is_translated_and_the_compiled_catalogue_is_the_source():
    folder = Path(server.__file__).parent / "locale" / "zh_Hans" / "LC_MESSAGES"
    source = re.findall(r'^msgid (".+")\nmsgstr (".*")$', (folder / "django.po").read_text(), re.MULTILINE)
    texts = {ast.literal_eval(key): ast.literal_eval(value) for key, value in source if key != '""'}
    assert all(texts.values())
    with (folder / "django.mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert {key: catalogue.gettext(key) for key in texts} == texts


def test_no_migration_is_missing(database):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_deployment_check_finds_nothing(database):
    assert checks.run_checks(include_deployment_checks=True) == []


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0.00"), (5, "0.05"), (123456789, "1,234,567.89"), (-5, "-0.05"), (-123456, "-1,234.56"), (None, "")],
)
def test_fen_are_shown_as_yuan(fen, text):
    assert in_yuan(None if fen is None else Fen(fen)) == text


def test_the_day_turns_at_the_server_when_it_turns_at_a_terminal(database, tmp_path):
    """Else a sale at five in the morning would stand under a day that the page does not show."""
    text = f'[terminal]\ndata="{tmp_path}"\n[reader]\ndevice="r"\n[keypad]\ndevice="k"\n[sale]\nmode="show"\n'
    set_up = read_config(text, "terminal.toml")
    assert set(Site.objects.values_list("cut_off_hour", flat=True)) == {set_up.cut_off_hour}
    for hour in (set_up.cut_off_hour - 1, set_up.cut_off_hour):
        moment = datetime(2026, 3, 2, hour, 30, tzinfo=LOCAL_ZONE)
        here = Instant(int(moment.timestamp()), ClockQuality.TRUSTED)
        assert open_day(moment) == business_day(here, set_up.cut_off_hour)
