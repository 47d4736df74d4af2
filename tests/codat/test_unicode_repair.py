"""One broken character costs nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_codat_commerce.codat import lossless_json
from tap_codat_commerce.codat.unicode_repair import mended


@pytest.mark.parametrize(
    ("body", "value", "count"),
    [
        (rb'"\ud83d"', r"\ud83d", 1),
        (rb'"\uDE00 and more"', r"\uDE00 and more", 1),
        (rb'"\ud83dA"', r"\ud83dA", 1),
        (rb'"\ud83d\ud83d\ude00"', r"\ud83d😀", 1),
        (rb'"\ud83d\n\ude00"', "\\ud83d\n\\ude00", 2),
        (rb'"\ud83d\ude00"', "😀", 0),
        (rb'"\\ud83d"', r"\ud83d", 0),
        (rb'"\\\ud83d"', r"\\ud83d", 1),
        (b'"\xff"', r"\xff", 1),
        (b'"caf\xe9"', r"caf\xe9", 1),
        ('"café � 😀"'.encode(), "café � 😀", 0),
        ('"café'.encode() + b'\xff \\ud83d"', r"café\xff \ud83d", 2),
        (b'\xef\xbb\xbf"a"', "a", 0),
    ],
)
def test_what_becomes_of_a_text(body: bytes, value: str, count: int) -> None:
    whole, found = mended(body)
    assert (lossless_json.decode(whole), found) == (value, count)


def test_a_character_that_spans_two_pieces_is_whole() -> None:
    body = b'"' + b"x" * (2**16 - 2) + '😀"'.encode()
    assert mended(body) == (body, 0)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_as_it_is_but_for_halves(text: str) -> None:
    whole, count = mended(json.dumps(text).encode())
    by_python = json.loads(json.dumps(text))  # joins two halves that stand side by side
    halves = sum("\ud800" <= c <= "\udfff" for c in by_python)
    shown = "".join(rf"\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in by_python)
    assert lossless_json.decode(whole) == shown
    assert count == halves


@given(st.binary())
def test_any_bytes_become_utf8_and_good_ones_stay(body: bytes) -> None:
    whole, count = mended(body)
    whole.decode()
    if count == 0:
        assert whole == body.removeprefix(b"\xef\xbb\xbf")
