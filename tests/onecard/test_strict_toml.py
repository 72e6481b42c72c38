"""Settings are read strictly: file, table, key and what is allowed are named (Klipper's way)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onecard.strict_toml import MAX_LINE, MAX_SIZE, BadConfig, Section, parse

FILE = "/etc/onecard/x.toml"


def refused(text: str, read: Callable[[Section], Any]) -> str:
    with pytest.raises(BadConfig) as caught:
        read(parse(text, FILE))
    return str(caught.value)


def test_unknown_key_is_named_with_those_allowed() -> None:
    root = parse("[sync]\nidle_seconds = 3\nidel = 4\n", FILE)
    root.table("sync").integer("idle_seconds", 1, 9)
    with pytest.raises(BadConfig) as caught:
        root.finish()
    assert str(caught.value) == f"{FILE}: [sync] idel: this key is not known; allowed here: idle_seconds"
    assert (caught.value.file, caught.value.table, caught.value.key) == (FILE, "sync", "idel")


def test_unknown_table_is_refused() -> None:
    root = parse("[sync]\n[extra]\n", FILE)
    root.table("sync")
    with pytest.raises(BadConfig, match=r"x\.toml: extra: this key is not known; allowed here: sync"):
        root.finish()


def test_unknown_key_two_tables_down_is_found_from_the_top() -> None:
    root = parse("[a.b]\nc = 1\n", FILE)
    root.table("a").table("b")
    with pytest.raises(BadConfig, match=r"\[a\.b\] c: this key is not known; allowed here: nothing"):
        root.finish()


@pytest.mark.parametrize("value", ["0", "10", "true", "1.0", '"3"', "[]"])
def test_number_out_of_range_or_of_another_type_is_refused(value: str) -> None:
    why = refused(f"[t]\nn = {value}\n", lambda root: root.table("t").integer("n", 1, 9))
    assert why.startswith(f"{FILE}: [t] n: ")
    assert why.endswith("is given; a whole number from 1 to 9 is allowed")


def test_number_at_both_ends_of_its_range_is_taken() -> None:
    root = parse("a = 1\nb = 9\n", FILE)
    assert (root.integer("a", 1, 9), root.integer("b", 1, 9)) == (1, 9)


@pytest.mark.parametrize("value", ['""', '"' + "x" * 201 + '"', "1"])
def test_empty_or_too_long_text_is_refused(value: str) -> None:
    assert "a text of 1 to 200 characters is allowed" in refused(f"t = {value}\n", lambda root: root.text("t"))


def test_choice_outside_its_list_is_refused() -> None:
    why = refused('c = "z"\n', lambda root: root.choice("c", ("x", "y")))
    assert why == f'{FILE}: c: \'z\' is given; "x" or "y" is allowed'


def test_missing_setting_without_default_says_what_to_give() -> None:
    assert (
        refused("", lambda root: root.text("url")) == f"{FILE}: url: it is missing; give a text of 1 to 200 characters"
    )


def test_missing_table_is_an_empty_one() -> None:
    assert (
        refused("", lambda root: root.table("server").path("ca")) == f"{FILE}: [server] ca: it is missing; give a path"
    )
    assert parse("", FILE).table("sync").integer("n", 1, 9, default=4) == 4


def test_value_in_place_of_a_table_is_refused() -> None:
    assert "a table [sync] is allowed here" in refused("sync = 3\n", lambda root: root.table("sync"))


def test_text_that_is_not_toml_is_told_with_its_line() -> None:
    assert refused("a = \n", lambda root: root).startswith(f"{FILE}: it is not TOML: ")
    assert "line 1" in refused("a = \n", lambda root: root)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a = " + "9" * 5000, id="a number too long for Python"),
        pytest.param("a = " + ("[" * 900 + "\n") * 2, id="brackets deeper than the stack"),
        pytest.param("a = " + "{a=" * 300, id="tables deeper than the stack"),
    ],
)
def test_text_that_the_parser_stumbles_over_is_told_as_no_toml(text: str) -> None:
    assert f"{FILE}: " in refused(text, Section.finish)


def test_a_long_line_is_refused_because_a_dotted_key_costs_the_square_of_its_length() -> None:
    assert parse(f"#{' ' * (MAX_LINE - 1)}\n", FILE)
    assert f"{MAX_LINE} in a line" in refused("a" + ".a" * MAX_LINE + " = 1", Section.finish)


def test_a_long_file_is_refused() -> None:
    lines = ("#" * 63 + "\n") * (MAX_SIZE // 64)
    assert parse(lines, FILE)
    assert f"at most {MAX_SIZE} characters" in refused(lines + "#", Section.finish)


def test_a_number_is_never_too_long_to_be_shown() -> None:
    message = refused("a = 0x" + "f" * (MAX_LINE - 6), lambda root: root.integer("a", 0, 1))
    assert "a whole number from 0 to 1 is allowed" in message


@pytest.mark.parametrize("value", ['""', '"a\\u0000b"', "1"])
def test_what_cannot_name_a_file_is_no_path(value: str) -> None:
    assert "a path is allowed" in refused(f"data = {value}", lambda root: root.path("data"))


def test_relative_path_is_seen_from_the_file() -> None:
    root = parse('a = "data"\nb = "/srv/data"\n', FILE)
    assert (root.path("a"), root.path("b")) == (Path("/etc/onecard/data"), Path("/srv/data"))


def test_a_reader_refuses_what_only_it_can_judge() -> None:
    root = parse("[t]\nn = 2\n", FILE)
    assert str(root.table("t").refuse("n", "it must be odd")) == f"{FILE}: [t] n: it must be odd"
    assert root.has("t")
    assert not root.has("u")
