"""The key is shown in no form, wherever a server or a gateway puts it; and nothing that a terminal would obey."""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_mock.faults import Fault
from conftest import API_KEY
from tap_codat_commerce.codat import errors, redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Stage

ODD_KEY = "k?>ey/with+signs~ü🔑"  # in base64 it has both + and /


def forms(key: str) -> dict[str, str]:
    """Return the forms in which a key may come back."""
    encoded = base64.b64encode(key.encode()).decode()
    texts = {"raw": key, "base64": encoded, "unpadded": encoded.rstrip("=")}
    texts["for URLs"] = encoded.replace("+", "-").replace("/", "_")
    texts |= {f"{name}, in percents": quote(text, safe="") for name, text in texts.items()}
    texts["all in percents"] = "".join(f"%{byte:02x}" for byte in key.encode())
    texts["percents twice"] = quote(quote(encoded, safe=""), safe="")
    return texts


@pytest.fixture
def hidden() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    for key in (API_KEY, ODD_KEY):
        redaction.hide("Basic " + base64.b64encode(key.encode()).decode())
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("hidden")
class TestClean:
    """What is done to a text."""

    @pytest.mark.parametrize("key", [API_KEY, ODD_KEY])
    def test_every_form_goes(self, key: str) -> None:
        for name, form in forms(key).items():
            assert redaction.clean(f"<Basic {form}>") == "<Basic ***>", name

    @pytest.mark.parametrize("form", forms(API_KEY).values(), ids=forms(API_KEY))
    @pytest.mark.parametrize("before", range(280, 305, 3))
    def test_what_is_cut_is_cut_after_that(self, form: str, before: int) -> None:
        shown = redaction.quoted("x" * before + " " + form + " and more")
        for other in forms(API_KEY).values():
            assert other[:5] not in shown

    @pytest.mark.parametrize("key", [API_KEY, ODD_KEY])
    def test_a_piece_of_it_goes_too(self, key: str) -> None:
        encoded = base64.b64encode(key.encode()).decode()
        for form in (key, encoded):
            for text in (form[:12], form[-12:], form[:14].upper(), f"{form[:10]}\n{form[10:]}", form[:11] + "\u200b"):
                assert form[:8].casefold() not in redaction.clean(text).casefold()
                assert "***" in redaction.clean(text)
        assert redaction.clean("a key is a key") == "a key is a key"

    @pytest.mark.parametrize("password", ["secret", "se#cret", "se/cret", "s@cret", "s:cret"])
    def test_a_password_in_an_address_goes(self, password: str) -> None:
        shown = redaction.clean(f"Failed to parse: http://robot:{password}@127.0.0.1:99999, see http://a:1/b?c=d@e")
        assert shown == "Failed to parse: http://***@127.0.0.1:99999, see http://a:1/b?c=d@e"

    @pytest.mark.parametrize(
        "link",
        [
            "https://link.example/companies/1/start?otp=123456",
            "'https://link.example/otp/123456',",
            "https://link.example/#123456",
            "//link.example/123456",
            "link.example/123456",
            "link.example:443?otp=123456",
            "https%3A%2F%2Flink.example%2F123456",
            "HTTPS%253a%252f%252fLINK.EXAMPLE%252f123456",
            "link.example%2F123456",
        ],
    )
    def test_a_link_of_codats_is_left_out(self, link: str) -> None:
        assert redaction.quoted(f"Open {link} or not: /companies/1, 1.5/2.0, 2026-01-31T06:00:00Z") == (
            "Open (link) or not: /companies/1, 1.5/2.0, 2026-01-31T06:00:00Z"
        )

    @pytest.mark.parametrize(
        ("link", "shown"),
        [
            ("https://user:secret@evil.example:8443/123456?otp=1#2", "https://evil.example:8443"),
            ("//evil.example/123456", "//evil.example"),
            ("/elsewhere/123456", "another path"),
            ("", "nowhere"),
        ],
    )
    def test_of_where_it_leads_the_host_is_shown(self, link: str, shown: str) -> None:
        assert redaction.host(link) == shown

    @pytest.mark.parametrize("piece", ["://", "x ", " ", "a.b/", "%3a", "\n", API_KEY, "://a:"])
    def test_a_text_of_any_length_takes_as_long(self, piece: str) -> None:
        """Bounds are bounds of work: twenty megabytes are looked at no more than four kilobytes."""
        text = piece * (20 * 2**20 // len(piece))
        began = time.process_time()
        assert len(redaction.quoted(text)) <= redaction.SHOWN + 1
        assert time.process_time() - began < 1

    def test_what_a_terminal_obeys_is_shown(self) -> None:
        text = "a\x1b[2J\x9b\x07\r\b\x7f \u202eb\u2066 c\ud83d"
        assert redaction.clean(text) == r"a\x1b[2J\x9b\x07\r\x08\x7f \u202eb\u2066 c\ud83d"
        assert redaction.clean("two\nlines\tüß😀") == "two\nlines\tüß😀"

    @given(st.text())
    def test_twice_is_once(self, text: str) -> None:
        once = redaction.clean(text)
        assert redaction.clean(once) == once

    def test_an_error_is_clean_when_it_is_made(self) -> None:
        error = errors.NotFound(f"no {API_KEY}", status=404, message=API_KEY, correlation_id=API_KEY)
        error.at(f"company {API_KEY}\x1b")
        assert API_KEY not in str(error) + error.what + error.message + error.correlation_id + repr(error)
        assert "\x1b" not in str(error)

    def test_a_line_of_any_logger_is_clean(self, caplog: pytest.LogCaptureFixture) -> None:
        logger = logging.getLogger("somebody.else")
        logger.warning("a %s", API_KEY)
        logger.warning(API_KEY)
        error = ValueError(API_KEY)
        error.__cause__ = KeyError(API_KEY)
        logger.error("%s", API_KEY, exc_info=error)
        assert caplog.text.count("***") == 5
        assert API_KEY not in caplog.text


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_gateway_that_echoes_the_key(stage: Callable[..., Stage], level: str) -> None:
    """In its words, its headers, a link, a company's id."""
    shops = stage(companies=2, connections=1)
    told = " ".join(forms(API_KEY).values())
    link = json.dumps({"results": [], "totalResults": 3, "_links": {"next": {"href": f"https://evil.example/{told}"}}})
    shops.gate.faults += [
        Fault(path="/companies$", status=503, message="x" * 285 + told),
        Fault("spoil", "/companies$", find=r'(?<="id": )"[^"]*"', body=f'"{API_KEY}"'),
        Fault("json", "commerce-locations", body=link),
        Fault(path="commerce-orders", status=302, headers={"Location": f"https://evil.example/{told}"}),
        Fault(path="commerce-info", status=418, message=f"\x1b[2J\u202e {told}", headers={"X-Rate-Limit-Reset": told}),
    ]
    run = shops.run(max_retry_wait=0, env={"TAP_CODAT_COMMERCE_LOGLEVEL": level})
    assert run.code == 1
    assert "evil.example" in run.log
    assert ("Traceback" in run.log) == (level == "debug")
    for form in forms(API_KEY).values():
        assert form[:6] not in run.log
    assert "\x1b" not in run.log
    assert "\u202e" not in run.log
    assert r"\x1b[2J\u202e" in run.log


@pytest.mark.parametrize(("key", "shown"), [("abc", "<abc>"), ("abcd", "<***>"), ("abcde", "<***>")])
def test_a_key_of_three_characters_is_none(
    key: str, shown: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redaction, "_keys", {})
    monkeypatch.setattr(redaction, "_pieces", set())
    monkeypatch.setattr(logging, "setLogRecordFactory", lambda _: caplog.handler)
    redaction.hide("Basic " + base64.b64encode(key.encode()).decode())
    assert redaction.clean(f"<{key}>") == shown


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("small", [True, False])
def test_pieces_of_ten_characters_go_wherever_they_stand(*, small: bool) -> None:
    for start in range(len(API_KEY) - 9):
        piece = API_KEY[start : start + 10]
        piece = piece if small else piece.upper()
        for text in (f"<{piece}>", piece):
            assert redaction.clean(text) == text.replace(piece, "***")
        nine = piece[:9]
        assert redaction.clean(f"<{nine}>") == f"<{nine}>"


@pytest.mark.usefixtures("hidden")
def test_a_record_without_arguments_is_clean_as_it_is() -> None:
    record = logging.getLogRecordFactory()("a", logging.INFO, "p", 1, f"the key\n{API_KEY}", (), None)
    assert record.msg == record.getMessage() == "the key\\n***"
    record = logging.getLogRecordFactory()("a", logging.INFO, "p", 1, "the key %s %%", (API_KEY,), None)
    assert (record.msg, record.getMessage()) == ("the key %s %%", "the key *** %")
