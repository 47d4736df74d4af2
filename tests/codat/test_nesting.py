"""How deeply JSON may be nested: by a bound of our own, the same in each version of Python."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_codat_commerce.codat import answers, envelope, errors, lossless_json, nesting, refusals
from tap_codat_commerce.codat.client import decoded
from tap_codat_commerce.codat.nesting import MOST_LEVELS
from tap_codat_commerce.codat.transport import Answer

BRACKETS = st.text(st.sampled_from('[]{}"\\,:n '), max_size=12)
json_values = st.recursive(
    st.none() | st.integers() | BRACKETS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(BRACKETS, inner, max_size=4),
    max_leaves=20,
)


def levels(value: Any) -> int:
    """Return how deeply a value is nested, counted the slow way."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if within is None else 1 + max(map(levels, within), default=0)


def nested(number: int, value: Any = None) -> Any:
    """Return a value within so many arrays and objects."""
    for level in range(number):
        value = {"a": value} if level % 3 else [1, value, "]"]
    return value


def gate(value: bytes) -> Any:
    return decoded("GET /any", Answer(200, {}, value, whole=True), lossless_json.decode)


@settings(deadline=None)
@given(json_values, st.integers(-3, 3), st.sampled_from([None, 1]))
def test_levels_are_counted_and_brackets_in_strings_are_not(value: Any, beside: int, indent: int | None) -> None:
    around = max(0, MOST_LEVELS - levels(value) + beside)
    body = json.dumps(nested(around, value), indent=indent).encode()
    assert nesting.is_too_deep(body) is (around + levels(value) > MOST_LEVELS)


@pytest.mark.parametrize("bracket", ["[", "{", "]", "}", '\\"[', "\\\\", "[" * 300])
def test_strings_may_hold_anything(bracket: str) -> None:
    strings = ",".join([f'"{bracket}"'] * 300)
    assert not nesting.is_too_deep(f"[{strings}]".encode())
    assert nesting.is_too_deep(f"[{strings},{'[' * MOST_LEVELS}{']' * MOST_LEVELS}]".encode())


@settings(deadline=None)
@given(json_values, st.integers(1, 9))
def test_it_does_not_matter_where_the_text_is_cut(value: Any, piece: int) -> None:
    body = json.dumps(nested(MOST_LEVELS - 3, [value, value])).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nesting, "PIECE", piece)
        assert nesting.is_too_deep(body) is (MOST_LEVELS - 2 + levels(value) > MOST_LEVELS)


def test_what_is_refused_at_the_gate() -> None:
    assert gate(json.dumps(nested(MOST_LEVELS)).encode()) == nested(MOST_LEVELS)
    for body in (json.dumps(nested(MOST_LEVELS + 1)), "[" * 100_000):
        with pytest.raises(errors.UnreadableAnswer, match="nested too deeply"):
            gate(body.encode())


@pytest.mark.parametrize("number", [MOST_LEVELS + 1, 980, 984, 985, 990, 20_000])
def test_an_entry_that_is_nested_too_deeply_costs_no_other(number: int) -> None:
    body = b'{"results":[{"id":"1"},%b%b,{"id":"3"}],"totalResults":3}' % (b"[" * number, b"]" * number)
    page = decoded("GET /any", Answer(200, {}, body, whole=True), envelope.decode)
    first, odd, last = page.results
    assert [answers.id_of(first), answers.id_of(last)] == ["1", "3"]
    with pytest.raises(errors.UnexpectedAnswer):
        answers.id_of(odd)


@pytest.mark.parametrize(("number", "said"), [(MOST_LEVELS - 1, "'Because'"), (MOST_LEVELS, "no word")])
def test_an_error_that_is_nested_too_deeply_has_no_words(number: int, said: str) -> None:
    body = json.dumps({"error": "Because", "more": nested(number)}).encode()
    assert said in str(refusals.refusal("GET /any", Answer(400, {}, body, whole=True), 1.0))


@pytest.mark.parametrize("body", [b"", b'"', b"]" * 1000, b'"' + b"[" * 999, b'\\"' * 999, b"\xff" * 999])
def test_what_is_no_json_is_not_too_deep(body: bytes) -> None:
    assert not nesting.is_too_deep(body)
