"""Nothing secret stays: headers, addresses, fields by name, key-shaped texts, and keys cut over events of a stream."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from vcr.request import Request

from kilo_gateway.errors.redaction import REDACTED
from kilo_gateway.testing.cassettes import secret_shapes
from kilo_gateway.testing.cassettes.document import Document, render_document
from kilo_gateway.testing.cassettes.origin import CassetteOrigin
from kilo_gateway.testing.cassettes.scrubbing import Scrubber
from kilo_gateway.testing.cassettes.secret_shapes import Span, find_shapes

KEY = "my-own-kilo-key-0123"
SHAPED = "sk-or-v1-0123456789abcdef0123456789abcdef"
JSON = {"content-type": ["application/json"]}
STREAM = {"content-type": ["text/event-stream"]}

MIXED = "a1B2c3D4e5F6g7H8i9J0" * 2

KEY_SHAPED = [
    SHAPED,
    "sk-abcdefghijklmnopqrstuvwxyz",
    "sk-ant-api03-AbCdEf_GhIj-KlMnOpQr123",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11ABCDEFG0123456789_abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "AIza" + "Sy0123456789abcdefghijklmnopqrstuvw",
    "xoxb-1234567890-abcdefghij",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "gsk_abcdefghijklmnopqrstuvwxyz",
    "xai-abcdefghijklmnopqrstuv",
    "lsv2_pt_0123456789abcdef0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\ncut off",
    *(f"{start}{MIXED}" for start in ("nvapi-", "shpat_", "jina_", "pa-", "whsec_", "ntn_", "secret_", "hvs.", "AQ.")),
    f"SG.{MIXED[:22]}.{MIXED}",
    "SK" + "0123456789abcdef" * 2,
    "123456789:" + MIXED[:35],
    f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{MIXED[:27]}",
    "xapp-1-" + MIXED,
    "FwoGZXIvYXdzE" + MIXED,
]
HARMLESS = [
    "sk-learn-is-a-library-name",
    "the task-based approach, ask-me-anything",
    "Bearer authentication-is-described-here",
    "a password=short",
    "http://example.com:8080/path",
    "eyJ is the beginning of base64",
    "[redacted]",
    "gen-1787000000-6b86b273ff34fce19d6b",
    "toolu_6b86b273ff34fce19d6b12",
    "Write BEGIN and END, then a private key is explained",
    "secret_santa_name_generator_for_everyone",
    "The password: ask the porter, who knows everything.",
    "Basic knowledge of programming",
    "git clone ssh://git@host.example/x",
]


def answer(body: Any, headers: dict[str, list[str]] = JSON, status: int = 200, **more: Any) -> dict[str, Any]:
    """Return an answer as vcrpy shapes it."""
    data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return {"status": {"code": status, "message": "OK"}, "headers": headers, "body": {"string": data, **more}}


def cleaned(body: Any, headers: dict[str, list[str]] = JSON, secrets: tuple[str, ...] = ()) -> Any:
    """Return the JSON of the body as it would be written."""
    return json.loads(Scrubber(secrets).response(answer(body, headers))["body"]["string"])


@pytest.mark.parametrize("text", KEY_SHAPED)
def test_key_shaped_texts_go(text: str) -> None:
    """Whatever looks like a key is taken out, wherever it stands in a text."""
    scrubbed = Scrubber().text(f"Here: {text} and more ({text}).")
    assert text not in scrubbed
    assert REDACTED in scrubbed
    assert scrubbed.startswith("Here: ")
    assert not list(find_shapes(scrubbed))


STARTS = (
    *("sk-", "gsk_", "hf-", "r8_", "npm_", "kilo-", "pplx-", "fw_", "xai-", "tvly-", "pypi-", "glpat-", "csk-"),
    *("sk_live_", "pk_test_", "rk_live_", "lsv2_pt_", "lsv2_sk_", "nvapi-", "shpca_", "shpss_", "dop_v1_", "tgp_v1_"),
    *("jina_", "pa-", "whsec_", "lin_api_", "ntn_", "figd_", "dckr_pat_", "pscale_tkn_", "sbp_", "hvs.", "dp.pt."),
    *("PMAK-", "ATATT3x", "secret_", "AQ.", "ya29.", "FwoGZXIvYXdzE", "IQoJb3JpZ2lu", "gho_", "ghp_", "ghu_", "ghs_"),
    *("ghr_", "github_pat_", "xoxb-", "xapp-", "Bearer ", "bearer ", "Basic ", "basic ", "://x:", "://", "?sig="),
    *(
        "API_KEY=",
        "account\u212aey=",
        "auth-Token=",
        "client\u017fecret=",
        "PASSWORD=",
        "&X-Signature=",
        ";credential=",
    ),
    *("signing KEY: ", "Private-Token>", "acces\u017f Secret provided: ", "PASSWD=", "pas\u017fword: "),
)


def _find_the_plain_way(text: str) -> list[Span]:
    return [
        Span(*match.span("secret" if "secret" in pattern.groupindex else 0), kind)
        for kind, _, pattern in secret_shapes._PATTERNS
        for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize("text", [*KEY_SHAPED, *HARMLESS, "ASIA" + "IOSFODNN7EXAMPLE", "://:b@", "?key=12345678"])
def test_a_quick_look_overlooks_nothing(text: str) -> None:
    """Looking for a shape's clues first finds in every part of a text, however short, what its pattern finds."""
    for cut in range(len(text) + 1):
        for part in (text[:cut], text[cut:]):
            assert list(find_shapes(part)) == _find_the_plain_way(part)


@pytest.mark.parametrize("start", STARTS)
def test_a_quick_look_knows_every_start(start: str) -> None:
    """Each way in which a shape begins, in small letters, in capitals and in those that count as them, has its clue."""
    found = list(find_shapes(f"{start}{MIXED}@"))
    assert found
    assert found == _find_the_plain_way(f"{start}{MIXED}@")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_texts_stay(text: str) -> None:
    """Ordinary words are left alone."""
    assert Scrubber([KEY]).text(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdef0123456789xyz", "Authorization: Bearer [redacted]"),
        ("postgres://user:pa55word@db.example/x", "postgres://[redacted]@db.example/x"),
        ("call ?api_key=abcdefgh1234&x=1", "call ?api_key=[redacted]&x=1"),
        ("https://a.example/?key=abcdefgh1234", "https://a.example/?key=[redacted]"),
        ("https://a.example/?X-Goog-Signature=abcdef1234&b=1", "https://a.example/?X-Goog-Signature=[redacted]&b=1"),
        ("redis://:pa55word@h and https://token1234@h/x", "redis://[redacted]@h and https://[redacted]@h/x"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [redacted]"),
        ("api_key: abcdefgh1 and password=abcdefgh2", "api_key: [redacted] and password=[redacted]"),
        ("Incorrect API key provided: abcdefgh1.", "Incorrect API key provided: [redacted]"),
        ('{"api_key": "abcdefgh1", "b": 1}', '{"api_key": "[redacted]", "b": 1}'),
        ("<apiKey>abcdefgh1</apiKey>", "<apiKey>[redacted]</apiKey>"),
        ('name="api_key"\r\n\r\nabcdefgh1\r\n--b', 'name="api_key"\r\n\r\n[redacted]\r\n--b'),
        ("AccountKey=abcdefgh1==;Endpoint=x", "AccountKey=[redacted]"),
    ],
)
def test_what_surrounds_a_secret_stays(text: str, expected: str) -> None:
    """Only the secret goes; what it was for can still be read."""
    assert Scrubber().text(text) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(b"x:" + KEY.encode()).decode(),
    ],
)
def test_keys_of_the_session_go_in_every_spelling(spelling: str) -> None:
    """The key in use is taken out whatever it looks like: plain, URL-encoded or in base64."""
    scrubbed = Scrubber([KEY]).text(f"before {spelling} after")
    assert KEY not in scrubbed
    assert spelling not in scrubbed


def test_headers_are_kept_by_allow_list() -> None:
    """Of the headers only those are written that a test needs."""
    scrubber = Scrubber()
    asked = {
        "Authorization": f"Bearer {KEY}",
        "Cookie": "session=1",
        "X-KiloCode-OrganizationId": "org",
        "X-KILOCODE-FEATURE": "direct-gateway",
        "User-Agent": "x",
        "Content-Type": "application/json",
    }
    request = scrubber.request(Request("POST", "https://api.kilo.ai/api/gateway/x", b"{}", asked))
    assert dict(request.headers) == {"x-kilocode-feature": "direct-gateway", "content-type": "application/json"}
    headers = {
        "Set-Cookie": ["a=b"],
        "X-Request-Id": ["1"],
        "Retry-After": ["3"],
        "X-Balance": ["4"],
        "Date": ["today"],
    }
    assert scrubber.response(answer({}, headers))["headers"] == {"retry-after": ["3"]}


def test_headers_of_other_servers_are_learned_too() -> None:
    """A header whose name says that it carries a credential gives a secret to look for, unless it is too short."""
    scrubber = Scrubber()
    scrubber.learn_headers({"cf-aig-authorization": "Bearer plainwords", "X-Goog-Api-Key": "goldfish", "x-auth": "no"})
    assert scrubber.text("plainwords goldfish no") == f"{REDACTED} {REDACTED} no"


def test_credentials_of_a_request_are_learned() -> None:
    """A key seen in a header is taken out of everything after."""
    scrubber = Scrubber()
    scrubber.learn_headers({"Authorization": f"Bearer {KEY}", "Cookie": "session=cookie-value-1; b=2"})
    assert scrubber.text(f"{KEY} cookie-value-1") == f"{REDACTED} {REDACTED}"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://api.kilo.ai/a?b=1&c=", "https://api.kilo.ai/a?b=1&c="),
        ("https://user:secret@api.kilo.ai/a", "https://api.kilo.ai/a"),
        ("https://api.kilo.ai/a?api_key=x&b=1", "https://api.kilo.ai/a?api_key=redacted&b=1"),
        ("https://api.kilo.ai/a?token=x#top", "https://api.kilo.ai/a?token=redacted"),
        (f"https://api.kilo.ai/{SHAPED}/a", "https://api.kilo.ai/redacted/a"),
        (f"https://api.kilo.ai/a?q={SHAPED}", "https://api.kilo.ai/a?q=redacted"),
        ("https://api.kilo.ai/api/organizations/1-2-3/models", "https://api.kilo.ai/api/organizations/redacted/models"),
        ("https://api.kilo.ai/api/users/u-1/models", "https://api.kilo.ai/api/users/redacted/models"),
        ("https://a.example/accounts/1a2b/ai", "https://a.example/accounts/redacted/ai"),
        ("https://a.example/a?X-Amz-Credential=x", "https://a.example/a?X-Amz-Credential=redacted"),
        ("https://a.example/a?sid=x&state=y", "https://a.example/a?sid=redacted&state=y"),
        ("http://127.0.0.1:4711/a", "http://127.0.0.1/a"),
        ("http://[::1]:4711/a", "http://[::1]/a"),
        ("http://localhost:4711/a", "http://localhost/a"),
    ],
)
def test_addresses(uri: str, expected: str) -> None:
    """An address is kept without credentials, secret parameters, organizations and this machine's ports."""
    assert Scrubber().address(uri) == expected


def test_redirects() -> None:
    """The target of a redirect is cleaned as an address."""
    headers = {"location": [f"https://other.example/?api_key={SHAPED}"]}
    assert Scrubber().response(answer({}, headers))["headers"] == {
        "location": ["https://other.example/?api_key=redacted"]
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user_id": "u-1", "organization_id": 7}, {"user_id": REDACTED, "organization_id": 0}),
        ({"accountId": "a"}, {"accountId": REDACTED}),
        ({"user": "end-user", "x": {"api-key": "k"}}, {"user": REDACTED, "x": {"api-key": REDACTED}}),
        ({"user": {"id": "1", "role": "x"}}, {"user": {"id": REDACTED, "role": "x"}}),
        ({"profile": {"email": "a@b.c"}}, {"profile": {"email": REDACTED}}),
        ({"organizations": [{"id": "1", "name": "Acme"}]}, {"organizations": [{"id": REDACTED, "name": REDACTED}]}),
        ({"balance": 12.5, "isDepleted": False}, {"balance": 0, "isDepleted": False}),
        ({"credit_balance": "3.50"}, {"credit_balance": "0"}),
        ({"error": {"balance": -0.01, "title": "Low"}}, {"error": {"balance": 0, "title": "Low"}}),
        ({"error": {"message": "Your balance is $-0.12 now"}}, {"error": {"message": "Your balance is $0 now"}}),
        ({"error": "you can only afford 332."}, {"error": "you can only afford 0."}),
        ({"text": "the balance is $5"}, {"text": "the balance is $5"}),
        ({"properties": {"password": {"type": "string"}}}, {"properties": {"password": {"type": "string"}}}),
        ({"openai_api_key": "k", "awsAccessKeyId": "k"}, {"openai_api_key": REDACTED, "awsAccessKeyId": REDACTED}),
        ({"x-goog-api-key": "k", "hf_token": "k"}, {"x-goog-api-key": REDACTED, "hf_token": REDACTED}),
        ({"webhook_secret": "k", "session_id": "s"}, {"webhook_secret": REDACTED, "session_id": REDACTED}),
        ({"client_ip": "10.0.0.1", "phone": "555"}, {"client_ip": REDACTED, "phone": REDACTED}),
        ({"headers": [["X-Api-Key", "k"], ["A", "b"]]}, {"headers": [["X-Api-Key", REDACTED], ["A", "b"]]}),
        ([{"name": "Authorization", "value": "k"}], [{"name": "Authorization", "value": REDACTED}]),
        ({"eos_token": "</s>", "max_tokens": 3}, {"eos_token": "</s>", "max_tokens": 3}),
        ({"logprobs": [{"token": "Hello"}]}, {"logprobs": [{"token": "Hello"}]}),
        ({"role": "user", "user_id": None}, {"role": "user", "user_id": None}),
        ({SHAPED: 1}, {REDACTED: 1}),
        ({"deep": [[{"x": f"my {SHAPED}"}]]}, {"deep": [[{"x": f"my {REDACTED}"}]]}),
    ],
)  # fmt: skip
def test_fields_by_name(body: Any, expected: Any) -> None:
    """Credentials, ids and balances are known by the names of their fields; schemas and answers are left alone."""
    assert cleaned(body) == expected


def test_requests_are_cleaned_like_answers() -> None:
    """A key in a message, or a user's id, does not reach the disk from a request either."""
    body = json.dumps({"user": "u-1", "messages": [{"role": "user", "content": f"my key is {SHAPED}"}]}).encode()
    request = Scrubber().request(Request("POST", "https://api.kilo.ai/", body, {"content-type": "application/json"}))
    text = request.body.decode()
    assert "u-1" not in text
    assert "my key is [redacted]" in text


@pytest.mark.parametrize(
    "body",
    [
        f"<html>{SHAPED}</html>".encode(),
        f'{{"a":"\\/","k":"{SHAPED}"}}'.encode(),
        f'{{"a":"\\/","k":"\\u0073{SHAPED[1:]}"}}'.encode(),
        b"\xff\xfe" + SHAPED.encode(),
        f'"{SHAPED}"'.encode(),
        f'{{"broken": "{SHAPED}"'.encode(),
    ],
)
def test_odd_bodies_are_cleaned_too(body: bytes) -> None:
    """HTML, JSON in an unusual spelling, broken JSON and binary data hold no key afterwards."""
    scrubbed = Scrubber().response(answer(body))["body"]["string"]
    assert SHAPED.encode() not in scrubbed
    assert SHAPED[1:].encode() not in scrubbed


def chunk(text: str | None = None, *, choice: int = 0, **delta: Any) -> str:
    """Return one event of a stream."""
    fields = {**({} if text is None else {"content": text}), **delta}
    return "data: " + json.dumps({"choices": [{"index": choice, "delta": fields}]}, separators=(",", ":"))


def said(data: bytes, choice: int = 0) -> str:
    """Return the text that a stream says."""
    events = [json.loads(event[6:]) for event in data.decode().split("\n\n") if event.startswith("data: {")]
    deltas = [one["choices"][0] for event in [events] for one in event]
    return "".join(one["delta"].get("content", "") for one in deltas if one["index"] == choice)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 100])
def test_a_key_cut_over_events_goes(size: int) -> None:
    """A key that a model sends in pieces is found in the text as a whole, and every event stays an event."""
    text = f"Your key is {SHAPED}, and again {SHAPED}."
    events = [chunk(text[at : at + size]) for at in range(0, len(text), size)]
    data = "\n\n".join([": KILO PROCESSING", *events, "data: [DONE]", ""]).encode()
    scrubbed = Scrubber().response(answer(data, STREAM))["body"]["string"]
    assert said(scrubbed) == f"Your key is {REDACTED}, and again {REDACTED}."
    assert scrubbed.count(b"\n\n") == data.count(b"\n\n")


def test_choices_that_interleave_are_kept_apart() -> None:
    """A key cut over the events of one choice is found between the events of another."""
    halves = [SHAPED[:20], SHAPED[20:]]
    events = [event for half in halves for event in (chunk(half), chunk("nothing here", choice=1))]
    scrubbed = Scrubber().response(answer("\n\n".join([*events, ""]).encode(), STREAM))["body"]["string"]
    assert said(scrubbed) == REDACTED
    assert said(scrubbed, 1) == "nothing herenothing here"


def test_a_key_cut_over_tool_arguments_goes() -> None:
    """The same holds for the arguments of a tool call."""
    parts = ['{"key":"', SHAPED[:9], SHAPED[9:], '"}']
    events = [chunk(tool_calls=[{"index": 0, "function": {"arguments": part}}]) for part in parts]
    scrubbed = Scrubber().response(answer("\n\n".join([*events, ""]).encode(), STREAM))["body"]["string"]
    assert SHAPED[9:].encode() not in scrubbed
    assert b"[redacted]" in scrubbed


@pytest.mark.parametrize("size", [1, 5, 30, 64, 500])
def test_pieces_fit_after_cleaning(size: int) -> None:
    """The recorded pieces still add up to the body after a key was taken out."""
    data = "\n\n".join([chunk("a"), chunk(SHAPED), chunk("é"), "data: [DONE]", ""]).encode()
    sizes = [len(data[at : at + size]) for at in range(0, len(data), size)]
    body = Scrubber().response(answer(data, STREAM, pieces=sizes))["body"]
    assert sum(body["pieces"]) == len(body["string"]) < len(data)
    assert all(one > 0 for one in body["pieces"])


def test_clean_answers_keep_their_bytes() -> None:
    """What holds no secret is kept byte for byte, JSON in its compact form."""
    for data in (b'{"a":1.5}', b'{"a":1,"a":2}', b"data: {}\r\n\r\n", b"\xff", b""):
        assert Scrubber([KEY]).response(answer(data))["body"]["string"] == data


def test_scrubbing_is_stable() -> None:
    """Scrubbing what was scrubbed changes nothing: a check can compare."""
    scrubber = Scrubber([KEY])
    once = scrubber.response(answer({"a": f"{SHAPED} {KEY}", "balance": 3, "user_id": "x", "error": "balance: $3"}))
    assert scrubber.response(once) == once


def test_a_secret_never_reaches_the_text_of_a_document() -> None:
    """The text of a cassette made of scrubbed messages holds none of the secrets."""
    scrubber = Scrubber([KEY])
    asked = {"method": "POST", "uri": f"https://x.example/?key={KEY}", "headers": {"authorization": [KEY]}}
    raw = {"request": {**asked, "body": KEY.encode()}, "response": answer({"echo": KEY, "more": SHAPED})}
    text = render_document(
        Document([scrubber.interaction(raw)], CassetteOrigin("Kilo Gateway", "https://api.kilo.ai/"))
    )
    assert KEY not in text
    assert SHAPED not in text


@pytest.mark.parametrize(
    "text", ["-eyJ" * 20_000, "-sk-" * 20_000, "sk-" + "a-" * 20_000, "://" * 20_000, "bearer " * 10_000, "x" * 200_000]
)
def test_hostile_texts_cost_little(text: str) -> None:
    """No text makes the search take the square of its length."""
    started = time.perf_counter()
    list(find_shapes(text))
    assert time.perf_counter() - started < 5
