"""The checks of values that options and files share."""

from __future__ import annotations

import math

import pytest

from confluence_groups_sdk._support.validation import is_fraction, is_number, is_text, is_whole_number

NO_NUMBERS: list[object] = [None, "1", True, False, [], math.nan]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_none_of_these_is_a_number(value: object) -> None:
    assert not is_whole_number(value)
    assert not is_number(value)
    assert not is_fraction(value)


def test_whole_numbers_have_a_minimum() -> None:
    assert is_whole_number(0)
    assert is_whole_number(10**400)
    assert not is_whole_number(-1)
    assert not is_whole_number(1.0)
    assert is_whole_number(1, minimum=1)
    assert not is_whole_number(0, minimum=1)


def test_numbers_are_finite_and_in_their_range() -> None:
    assert is_number(0)
    assert is_number(1.5)
    assert is_number(10**400)
    assert not is_number(-0.1)
    assert not is_number(math.inf)
    assert not is_number(-math.inf, minimum=-math.inf)
    assert not is_number(2, maximum=1)


def test_fractions_go_from_0_to_1() -> None:
    assert is_fraction(0)
    assert is_fraction(0.5)
    assert is_fraction(1)
    assert not is_fraction(1.01)
    assert not is_fraction(-0.01)


def test_texts_are_strings_that_are_not_empty() -> None:
    assert is_text("x")
    assert not is_text("")
    assert not is_text(b"x")
