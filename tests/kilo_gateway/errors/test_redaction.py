"""No error shows a key, in whatever spelling it came back."""

from __future__ import annotations

import base64
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import ConnectionFailedError, GatewayError, MalformedAnswerError
from kilo_gateway.errors.bodies import parse_error
from kilo_gateway.errors.redaction import redact, redact_error

KEY = 'kilo+"/key=9f8e7d6c5b4a'
ORDINARY_KEY = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXBheWxvYWQ.sigSIGsig-_0"


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        f"Bearer {KEY}",
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"x:{KEY}".encode()).decode(),
        base64.b64encode(f"user:{KEY}:more".encode()).decode(),
        base64.urlsafe_b64encode(f"us:{KEY}".encode()).decode(),
    ],
)
def test_a_key_is_found_in_every_spelling(spelling: str) -> None:
    """Plain, URL-encoded, escaped and in base64 at any position: nothing that gives the key away remains."""
    cleaned = redact(f"before {spelling} after", [KEY])

    assert "[redacted]" in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert KEY[:8] not in cleaned
    assert spelling[8:] not in cleaned


@pytest.mark.parametrize("secret", ["", " ", "short", "1234567", "anonymous", " anonymous "])
def test_what_is_no_secret_stays(secret: str) -> None:
    """Short words and the placeholder key are left in place, or messages would be unreadable."""
    text = "an anonymous short message 1234567 "

    assert redact(text, [secret]) == text


def test_of_two_keys_the_longer_goes_first() -> None:
    """A key that begins another leaves no tail of it behind."""
    assert redact("abcdefgh-ijkl", ["abcdefgh", "abcdefgh-ijkl"]) == "[redacted]"


@given(st.integers(8, len(ORDINARY_KEY)), st.text(alphabet="ab \n", max_size=30))
def test_a_key_that_was_cut_off_is_found(length: int, before: str) -> None:
    """Where a long text was shortened in the middle of a key, its first half is taken out too."""
    cleaned = redact(f"{before}{ORDINARY_KEY[:length]}… [cut] and more", [ORDINARY_KEY])

    assert cleaned == f"{before}[redacted]… [cut] and more"


@pytest.mark.parametrize("padding", range(440, 505, 3))
def test_no_cut_of_an_echo_shows_half_a_key(padding: int) -> None:
    """Wherever the message is cut, no eight characters of an echoed key are left."""
    error = parse_error(401, {}, json.dumps({"error": "x" * padding + ORDINARY_KEY + "y" * 600}).encode())

    redact_error(error, [ORDINARY_KEY])

    assert not any(ORDINARY_KEY[i : i + 8] in str(error) for i in range(len(ORDINARY_KEY) - 8))


def test_an_error_that_echoes_the_key_is_clean_everywhere() -> None:
    """Text, repr, attributes, nested body, headers and pickle of an error hold no key."""
    body = {
        "error": {
            "message": f"Bad key {KEY}",
            "code": f"BAD {KEY}",
            "title": KEY,
            "buyCreditsUrl": f"https://x.example/?k={quote(KEY, safe='')}",
            "metadata": {"provider_name": KEY, "raw": {"message": KEY, KEY: [KEY]}, "headers": {"a": KEY}},
        },
        "error_type": KEY,
        "list": [[{"deep": KEY}]],
    }
    headers = {"x-echo": f"Bearer {KEY}", "x-request-id": KEY}
    error = parse_error(401, headers, json.dumps(body).encode(), model=f"lab/{KEY}")

    redact_error(error, [KEY, "anonymous"])

    shown = " ".join([str(error), repr(error), repr(error.args), repr(vars(error)), repr(pickle.dumps(error))])
    assert "9f8e7d6c" not in shown
    assert quote(KEY, safe="") not in shown
    assert error.body["list"] == [[{"deep": "[redacted]"}]]
    assert error.headers["x-echo"] == "Bearer [redacted]"
    assert error.retry == "never"


def test_the_errors_that_caused_it_are_cleaned_too() -> None:
    """A traceback shows the whole chain, so the chain is cleaned, circles included."""
    inner = ValueError(f"Illegal header value b'Bearer {KEY}'", KEY.encode(), 17)
    middle = RuntimeError(f"while sending {KEY}")
    middle.__context__ = inner
    error = ConnectionFailedError(f"failed with {KEY}")
    error.__cause__ = middle
    inner.__context__ = error

    redact_error(error, [KEY])

    assert error.message == str(error) == "failed with [redacted]"
    assert middle.args == ("while sending [redacted]",)
    assert inner.args == ("Illegal header value b'Bearer [redacted]'", b"[redacted]", 17)


def test_other_errors_and_odd_bodies_are_cleaned() -> None:
    """A snippet, a note, a tuple and a body too deep to look into keep no key either."""
    malformed = MalformedAnswerError("m", status=200, snippet=f"<p>{KEY}")
    malformed.add_note(KEY)
    body: object = KEY
    for _ in range(500):
        body = [body]
    deep = GatewayError("m", body={"deep": body, "tuple": (KEY, None, 1.5)})

    redact_error(malformed, [KEY])
    redact_error(deep, [KEY])

    assert malformed.snippet == "<p>[redacted]"
    assert malformed.__notes__ == ["[redacted]"]
    assert KEY not in repr(deep.body)
    assert deep.body["tuple"] == ("[redacted]", None, 1.5)


def test_without_secrets_nothing_changes() -> None:
    """An error of an anonymous call is the same object with the same contents."""
    body = {"error": "You are anonymous"}
    error = GatewayError("You are anonymous", body=body)

    redact_error(error, ["anonymous", ""])

    assert error.body is body
    assert error.args == ("You are anonymous",)


@given(st.text(min_size=8, max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_secret_survives_between_any_texts(secret: str, before: str, after: str) -> None:
    """Whatever surrounds a key, a redacted text does not contain it."""
    key = secret.strip()
    cleaned = redact(f"{before}{secret}{after}", [secret])

    assert len(key) < 8 or key == "anonymous" or key not in cleaned or key in "[redacted]"
