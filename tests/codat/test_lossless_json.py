"""Numbers come out as they went in, every digit and every sign of them; those that nobody could read come as texts."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.lossless_json import MOST_DIGITS

NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=9) | st.sampled_from(["-0", "a,-0", "1e-000", "9" * 5000])


def through(text: str) -> str:
    """Return JSON that was decoded and encoded."""
    encoded: bytes = lossless_json.encode(lossless_json.decode(text.encode()))
    return encoded.decode()


@pytest.mark.parametrize("number", ["5e-07", "1.10", "1E+5", "-0", "-0.0", "0e10", "12", "1.0"])
def test_how_a_number_is_spelled(number: str) -> None:
    for text in (number, f"[{number}]", f'{{"a":{number},"b":[{number},{number}]}}'):
        assert through(text) == text


@given(st.recursive(NUMBERS | TEXTS.map(lambda t: msgspec.json.encode(t).decode()), lambda some: st.lists(some).map(
    lambda parts: f"[{','.join(parts)}]"
)))  # fmt: skip
@pytest.mark.slow
def test_numbers_stay_what_they_are_and_texts_too(text: str) -> None:
    assert through(text) == text


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("digits", "readable"), [(MOST_DIGITS - 1, True), (MOST_DIGITS, True), (MOST_DIGITS + 1, False)]
)
def test_the_longest_whole_number(digits: int, sign: str, *, readable: bool) -> None:
    number = sign + "7" * (digits - len(sign))
    for text in (number, f'["a",{number}]', "[" + "1," * 1000 + number + "]"):
        assert through(text) == (text if readable else text.replace(number, f'"{number}"'))


@pytest.mark.parametrize("number", ["1e9999999999999999999999", "-1.5E9999999999999999999999"])
def test_numbers_beyond_all_decimals_come_as_texts(number: str) -> None:
    assert through(f"[{number}]") == f'["{number}"]'


def test_what_decimals_are_for_those_who_count() -> None:
    value = lossless_json.decode(b"5e-07")
    assert isinstance(value, Decimal)
    assert value + 1 == Decimal("1.0000005")
    assert str(lossless_json.decode(b"1e9999999999999999999999")) == "1e9999999999999999999999"


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object is not a JSON type"):
        lossless_json.encode(object())
    for text in (b"01", b"+1", b".5", b"1.", b"NaN", b'"\xff"', b"[1,]"):
        with pytest.raises(ValueError, match=r"JSON|UTF-8|utf-8|Invalid|malformed"):
            lossless_json.decode(text)
    with pytest.raises(msgspec.ValidationError):
        lossless_json.decode_object(b"[]")


@pytest.mark.parametrize(("digits", "found"), [(MOST_DIGITS, False), (2 * MOST_DIGITS, True)])
def test_where_a_long_number_may_be(digits: int, *, found: bool) -> None:
    assert lossless_json.has_long_number(b"7" * digits) is found
    assert not lossless_json.has_long_number(b"7," * digits)
    assert lossless_json.has_long_number(b"7," * digits + b"7" * digits) is (digits >= MOST_DIGITS)
