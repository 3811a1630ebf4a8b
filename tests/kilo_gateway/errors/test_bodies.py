"""What error answers may look like beside the catalog: edges, noise, providers, errors inside a 200."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway import errors
from kilo_gateway.errors import GatewayError
from kilo_gateway.errors.bodies import find_error, parse_error, parse_error_object, without_error

DATA = Path(__file__).parents[2] / "data"


def read(status: int, body: Any, headers: dict[str, str] | None = None, **options: Any) -> GatewayError:
    """Read a body given as JSON or as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_error(status, headers or {}, data, **options)


@pytest.mark.parametrize(
    ("status", "cls", "advice"),
    [
        (400, "BadRequestError", "never"),
        (401, "AuthenticationError", "never"),
        (402, "InsufficientCreditsError", "never"),
        (403, "PermissionDeniedError", "never"),
        (404, "NotFoundError", "never"),
        (405, "BadRequestError", "never"),
        (408, "ServiceUnavailableError", "soon"),
        (409, "ConflictError", "never"),
        (410, "NotFoundError", "never"),
        (413, "RequestTooLargeError", "never"),
        (418, "BadRequestError", "never"),
        (422, "BadRequestError", "never"),
        (426, "BadRequestError", "never"),
        (429, "RateLimitError", "soon"),
        (499, "BadRequestError", "never"),
        (500, "ServerError", "soon"),
        (502, "ServiceUnavailableError", "soon"),
        (503, "ServiceUnavailableError", "soon"),
        (504, "ServiceUnavailableError", "soon"),
        (524, "ServiceUnavailableError", "soon"),
        (529, "ServiceUnavailableError", "soon"),
        (599, "ServerError", "soon"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html><title>Oops</title></html>", b"\xff\x00\x01", b'{"error":"Oops"}', b'{"error":{"code":"x"}}']
)
def test_the_status_decides_when_the_body_says_nothing(status: int, cls: str, advice: str, body: bytes) -> None:
    """An edge's page, an empty body or an unknown word gets class and advice from the status."""
    error = read(status, body)

    assert (type(error).__name__, error.retry, error.status, error.http_status) == (cls, advice, status, status)


@pytest.mark.parametrize(
    ("body", "words", "kept"),
    [
        (b"<!DOCTYPE html><html><head><title>502 Bad\nGateway</title>", "an HTML page titled '502 Bad Gateway'", str),
        (b"\n  <HTML><body><h1>a &amp; b</h1>", "an HTML page titled 'a & b'", str),
        (b"<html><body>nothing", "an HTML page (", str),
        (b"", "an empty body", str),
        (b" \r\n\t", "an empty body", str),
        (b"upstream\r\nconnect error", "upstream connect error", str),
        (b"\x89PNG\x00\x01\x02\xff\xfe", "9 bytes that are not text", str),
        (b'{"error":"caf\xe9"}', "caf\ufffd", dict),
        (b'\xef\xbb\xbf{"error":"after a BOM"}', "after a BOM", dict),
        (b'   \n\n{"error":"padded"}', "padded", dict),
        (b'{"error":"cut', '{"error":"cut', str),
        (b'[{"error":{"code":503,"message":"in a list"}}]', "in a list", list),
        (b'["one","two"]', "one", list),
        (b"[]", "gave no reason", list),
        (b"{}", "gave no reason", dict),
        (b"null", "gave no reason", type(None)),
        (b"true", "gave no reason", bool),
        (b"17", "17", int),
        (b'"just a string"', "just a string", str),
        (b'{"error":null,"message":"beside"}', "beside", dict),
        (b'{"detail":[{"msg":"field required","loc":["body"]}]}', "field required", dict),
        (b'{"message":"top"}', "top", dict),
        (b'{"error":17}', "17", dict),
        (b'{"error":true,"message":"m"}', "m", dict),
        (b'{"error":["first","second"]}', "first", dict),
        (b'{"error":{"message":{"text":1,"message":"deep"}}}', "deep", dict),
        (b'{"error":{"message":null,"metadata":[],"code":[]}}', "gave no reason", dict),
        (b'{"error":"{\\"error\\":{\\"message\\":\\"JSON in text\\",\\"code\\":400}}"}', "JSON in text", dict),
        (b'{"error":{"message":"lone \\ud800 half","code":NaN}}', "lone", dict),
        (b'{"errors":[{"message":"plural"}]}', "plural", dict),
        (b"\x1b[31mred\x07", "[31mred", str),
    ],
)
def test_any_body_is_read(body: bytes, words: str, kept: type) -> None:
    """HTML, nothing, noise, lists and odd types: the text says what can be said, and the body is kept."""
    error = read(503, body)

    assert words in str(error)
    assert str(error).isprintable()
    assert isinstance(error.body, kept)


@pytest.mark.parametrize("depth", [20, 200, 5_000, 100_000])
def test_deep_nesting_is_harmless(depth: int) -> None:
    """A body nested to any depth gives an error that can be printed."""
    for opening, closing in ((b"[", b"]"), (b'{"error":', b"}")):
        error = read(500, opening * depth + b"1" + closing * depth)
        assert type(error) is errors.ServerError
        assert repr(error.body)


def test_huge_bodies_are_cut_and_marked() -> None:
    """Text and message stay bounded, and both show that something is missing."""
    for body in (b"x" * 1_000_000, {"error": "y " * 500_000}, {"error": {"metadata": {"raw": "z" * 500_000}}}):
        error = read(500, body)
        assert len(str(error)) < 2500
        assert len(error.body) <= 64 * 1024
        assert error.body.endswith("[cut]")
        assert "[cut]" in str(error)
        assert len(error.upstream or "") <= 64 * 1024


@pytest.mark.parametrize(
    ("body", "status", "cls"),
    [
        ({"message": "The model `gpt-9` does not exist"}, 404, "ModelNotFoundError"),
        ({"message": "kilo/auto is not a valid model ID", "code": 400}, 400, "ModelNotFoundError"),
        ({"message": "No endpoints found for lab/x:free.", "code": 404}, 404, "ModelNotFoundError"),
        ({"message": "No endpoints found that support tool use.", "code": 404}, 404, "NotFoundError"),
        ({"message": "No allowed providers are available for the selected model."}, 404, "NotFoundError"),
        ({"message": "Requested model does not support tools"}, 400, "BadRequestError"),
        ({"message": "This endpoint's maximum context length is 8,192 tokens."}, 500, "ContextLengthError"),
        ({"message": "MAXIMUM CONTEXT LENGTH IS 8192 TOKENS"}, 422, "ContextLengthError"),
        ({"message": "prompt is too long: 300000 tokens > 200000 maximum"}, 400, "ContextLengthError"),
        ({"message": "exceeds the model's context window"}, 413, "ContextLengthError"),
        ({"message": "The context window service is down"}, 503, "ServiceUnavailableError"),
        ({"message": "Provider returned error", "metadata": {"raw": "prompt is too long"}}, 400, "ContextLengthError"),
        (
            {
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"maximum context length is 9 tokens"}}'},
            },
            502,
            "ContextLengthError",
        ),
        ({"message": "Token limit reached", "code": 400}, 400, "BadRequestError"),
        ({"message": "Rate limit exceeded: free-models-per-day."}, 429, "RateLimitError"),
    ],
)
def test_texts_that_have_no_other_marker(body: dict[str, Any], status: int, cls: str) -> None:
    """Where providers say it in words only, the words decide, and only where they can mean it."""
    assert type(read(status, {"error": body})).__name__ == cls


def test_a_text_never_overrules_a_word() -> None:
    """A type that the gateway states outweighs what a sentence seems to say, and may only be narrowed by it."""
    policy = read(404, {"error": "The model is unavailable", "error_type": "model_not_allowed"})
    narrowed = read(400, {"error": "prompt is too long", "error_type": "invalid_request"})
    unknown = read(404, {"error": {"code": "INVALID_TOKEN"}, "error_type": "brand_new_type"})

    assert type(policy) is errors.PermissionDeniedError
    assert type(narrowed) is errors.ContextLengthError
    assert type(unknown) is errors.AuthenticationError


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://other.example:8443/path?token=t0psecret", "redirects to https://other.example:8443 ("),
        ("https://user:pw@other.example/", "redirects to https://other.example ("),
        ("//other.example/x", "redirects to https://other.example ("),
        ("/elsewhere", "redirects to another path ("),
        ("https://[broken", "redirects to another path ("),
        ("https://host:notaport/", "redirects to another path ("),
        (None, "redirects to another path ("),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_names_the_host_only(status: int, location: str | None, named: str) -> None:
    """The text names where the answer pointed, without path, query or user, and says to mend base_url."""
    error = read(status, b"<html>moved</html>", {"Location": location} if location else {})

    assert type(error) is errors.BadRequestError
    assert error.retry == "never"
    assert named in str(error)
    assert "base_url" in str(error)
    assert not any(part in str(error) for part in ("t0psecret", "pw@", "/path", "elsewhere"))


@pytest.mark.parametrize(
    ("headers", "body", "request_id"),
    [
        ({"X-Vercel-Id": "fra1::a", "request-id": "b"}, {"vercel_request_id": "c"}, "fra1::a"),
        ({"Request-Id": "b", "x-request-id": "d"}, {}, "b"),
        ({"x-request-id": "d"}, {}, "d"),
        ({}, {"vercel_request_id": "c"}, "c"),
        ({}, {"vercel_request_id": 17}, None),
        ({}, {}, None),
    ],
)
def test_the_request_id_is_found_and_quoted(
    headers: dict[str, str], body: dict[str, Any], request_id: str | None
) -> None:
    """A server error tells which id to name in a report."""
    error = read(500, {"error": "Oops", **body}, headers)

    assert error.request_id == request_id
    assert (f"request id '{request_id}'" in str(error)) is (request_id is not None)


def test_cookies_are_not_kept() -> None:
    """What a server stores at its clients is nobody's business in a log."""
    error = read(500, b"", {"Set-Cookie": "session=1", "Date": "now"})

    assert error.headers == {"date": "now"}


@pytest.mark.parametrize(
    ("headers", "wait", "advice"),
    [
        ({"Retry-After": "5"}, 5.0, "soon"),
        ({"Retry-After": "3600"}, 3600.0, "later"),
        ({"Retry-After": "Fri, 07 Mar 2025 00:00:03 GMT"}, 3.0, "soon"),
        ({}, None, "soon"),
    ],
)
def test_a_rate_limit_shows_its_wait(headers: dict[str, str], wait: float | None, advice: str) -> None:
    """The wait is in the text and the attribute, and an hour is `later`, not `soon`."""
    error = read(429, {"error": "Slow"}, headers, now=datetime(2025, 3, 7, tzinfo=UTC))

    assert error.retry_after_seconds == wait
    assert error.retry == advice
    assert ("wait at least" in str(error)) is (wait is not None)


def test_a_relayed_rate_limit_repeats_its_reset_in_the_body() -> None:
    """The gateway drops OpenRouter's headers; the body's copy of them tells the wait."""
    metadata = {"headers": {"X-RateLimit-Reset": "1741305660000"}, "provider_name": None}
    error = read(
        429, {"error": {"code": 429, "message": "m", "metadata": metadata}}, now=datetime(2025, 3, 7, tzinfo=UTC)
    )

    assert error.retry_after_seconds == 60.0


def test_a_recorded_rate_limit() -> None:
    """A recorded 429 of OpenRouter names the provider and quotes it."""
    error = parse_error(429, {}, (DATA / "errors_raised.429.json").read_bytes())

    assert (type(error), error.code, error.provider) == (errors.RateLimitError, 429, "Google")
    assert error.upstream is not None
    assert error.upstream.startswith("google/gemini-2.0-flash-exp:free is temporarily")
    assert f"provider Google: {error.upstream}" in str(error)


@pytest.mark.parametrize(
    ("raw", "said", "kept"),
    [
        ("plain words", "provider P: plain words)", "plain words"),
        ('{"error":{"message":"inside"}}', "provider P: inside)", '{"error":{"message":"inside"}}'),
        ('[{"error":{"message":"listed"}}]', "provider P: listed)", '[{"error":{"message":"listed"}}]'),
        ({"error": {"message": "object"}}, "provider P: object)", '{"error":{"message":"object"}}'),
        ('{"no":"message"}', 'provider P: {"no":"message"})', '{"no":"message"}'),
        ("", "provider P)", None),
        (None, "provider P)", None),
        (2**80, "provider P)", None),
    ],
)
def test_the_providers_own_words(raw: object, said: str, kept: str | None) -> None:
    """The message is dug out of nested JSON for the text, and the raw text stays as it came."""
    body = {"error": {"message": "Provider returned error", "metadata": {"provider_name": "P", "raw": raw}}}
    error = read(502, body)

    assert said in str(error)
    assert error.upstream == kept


@pytest.mark.parametrize(
    ("code", "kept", "status"),
    [
        (502, 502, 502),
        ("502", "502", 502),
        (502.0, 502, 502),
        (502.5, None, None),
        (True, None, None),
        (-502, -502, None),
        (200, 200, None),
        (302, 302, None),
        (10**400, None, None),
        ("٥٠٢", "٥٠٢", None),
        ("rate_limit_error", "rate_limit_error", 429),
        ("RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", 429),
        ("no_such_word", "no_such_word", None),
        ([502], None, None),
        (None, None, None),
    ],
)
def test_the_code_of_an_error_inside_a_200(code: object, kept: object, status: int | None) -> None:
    """A number, a number as text or a known word is a status; anything else leaves it unknown."""
    error = parse_error_object({"error": {"message": "m", "code": code}})

    assert error.code == kept
    assert error.status == status
    assert error.http_status == 200


@pytest.mark.parametrize(
    ("event", "cls", "status", "advice"),
    [
        ({"error": {"code": 503, "message": "m", "type": "timeout"}}, "ServiceUnavailableError", 503, "soon"),
        ({"error": {"message": "m", "type": "upstream_disconnect"}}, "ServiceUnavailableError", 503, "soon"),
        (
            {"type": "error", "error": {"type": "api_error", "error_type": "timeout"}},
            "ServiceUnavailableError",
            503,
            "soon",
        ),
        ({"error": {"type": "overloaded_error", "message": "m"}}, "ServiceUnavailableError", 529, "soon"),
        ({"error": "Model not found", "error_type": "model_not_found"}, "ModelNotFoundError", 404, "never"),
        ({"error": {"code": 400, "message": "prompt is too long"}}, "ContextLengthError", 400, "never"),
        ({"error": {"code": 404, "message": "Model not found"}}, "ModelNotFoundError", 404, "never"),
        ({"error": "text"}, "ServerError", None, "soon"),
        ({"error": "text", "code": 429}, "RateLimitError", 429, "soon"),
        ({"error": ["text"]}, "ServerError", None, "soon"),
        ({"error": {}}, "ServerError", None, "soon"),
        ({"code": 502, "message": "the object itself"}, "ServiceUnavailableError", 502, "soon"),
        ({"choices": [{"finish_reason": "error"}]}, "ServerError", None, "soon"),
        ({"choices": [{"error": {"code": 429, "message": "m"}}]}, "RateLimitError", 429, "soon"),
    ],
)
def test_an_error_inside_a_200(event: dict[str, Any], cls: str, status: int | None, advice: str) -> None:
    """An error in a body, an event or a choice is as typed as one with a status."""
    error = parse_error_object(event, model="lab/x")

    assert (type(error).__name__, error.status, error.http_status, error.retry) == (cls, status, 200, advice)
    assert error.body == event


def test_an_error_inside_a_200_names_the_model_that_failed() -> None:
    """Without a model asked for, the one in the event is named; the provider too."""
    error = parse_error_object({"error": {"code": 502, "message": "gone"}, "model": "lab/y", "provider": "Acme"})

    assert (error.model, error.provider) == ("lab/y", "Acme")
    assert "(model 'lab/y', HTTP 200, code 502, provider Acme)" in str(error)


def test_the_gateways_own_empty_account_is_not_blamed_on_the_user() -> None:
    """A 402 that OpenRouter wrote is about the gateway's account, and the text says it may be."""
    own = parse_error_object(
        {"error": {"message": "Insufficient credits", "code": 402, "metadata": {"provider_name": None}}, "user_id": "u"}
    )
    users = read(402, {"error": {"message": "Add credits to continue", "buyCreditsUrl": "https://app.kilo.ai/profile"}})

    assert type(own) is type(users) is errors.InsufficientCreditsError
    assert (own.status, own.code, own.http_status) == (402, 402, 200)
    assert "may be the gateway's own" in str(own)
    assert "may be the gateway's own" not in str(users)
    assert "Add credits at https://app.kilo.ai/profile" in str(users)


def test_a_refusal_by_moderation_gives_the_reasons() -> None:
    """What moderation flagged is in the text; the details stay in the body."""
    body = {"error": {"code": 403, "message": "Flagged", "metadata": {"reasons": ["violence", 1, "hate"]}}}

    assert "Moderation refused the input (violence, hate)" in str(read(403, body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}, None),
        ({"choices": [], "usage": {}}, None),
        ({"choices": None}, None),
        ({"choices": [None, 17, "x"]}, None),
        ({"choices": {"error": "x"}}, None),
        ({"error": None, "choices": [{"message": {}}]}, None),
        ({"error": False, "data": []}, None),
        ({"error": {}, "choices": [{"message": {}}]}, None),
        ({"error": "", "data": [{"id": "m"}]}, None),
        ({"choices": [{"error": None, "finish_reason": "stop"}]}, None),
        ({}, None),
        ({"error": {}}, {}),
        ({"error": "text"}, {"message": "text"}),
        ({"error": {"code": 1}}, {"code": 1}),
        ({"error": {"code": 1}, "choices": [{"error": {"code": 2}}]}, {"code": 1}),
        ({"choices": [{"error": {"code": 2}, "finish_reason": None}]}, {"code": 2}),
        ({"choices": [{}, {"error": "late"}]}, {"message": "late"}),
        (
            {"choices": [{"finish_reason": "error", "native_finish_reason": "MALFORMED"}]},
            {"message": "The provider ended the answer with an error (native finish reason 'MALFORMED')"},
        ),
        ({"choices": [{"finish_reason": "error"}]}, {"message": "The provider ended the answer with an error"}),
    ],
)
def test_find_error(body: dict[str, Any], found: dict[str, Any] | None) -> None:
    """An error is found wherever it stands, and a good answer has none."""
    assert find_error(body) == found


@pytest.mark.parametrize(
    ("event", "name", "said", "cls", "status", "advice"),
    [
        (
            {"object": "error", "message": "Capacity is exhausted", "code": 400},
            None,
            "Capacity is exhausted",
            "BadRequestError",
            400,
            "never",
        ),
        ({"object": "error", "message": "m", "type": "rate_limit_error"}, None, "m", "RateLimitError", 429, "soon"),
        ({"message": "Overloaded"}, "error", "Overloaded", "ServiceUnavailableError", None, "soon"),
        ({"code": 1302, "msg": "m", "success": False}, None, "m", "RateLimitError", 429, "soon"),
        (
            {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
            None,
            "rate",
            "RateLimitError",
            None,
            "soon",
        ),
        (
            {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]},
            None,
            "code 10000",
            "AuthenticationError",
            None,
            "never",
        ),
        (
            {"success": False, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]},
            None,
            "code 3040",
            "ServiceUnavailableError",
            None,
            "soon",
        ),
        ({"throttlingException": {"message": "m"}}, None, "m", "RateLimitError", 429, "soon"),
        ({"modelStreamErrorException": {"message": "m"}}, None, "m", "ServerError", None, "soon"),
        ({"err": {"message": "m", "code": 429}}, None, "m", "RateLimitError", 429, "soon"),
        ({"header": {"code": 11200, "message": "m"}}, None, "m", "ServerError", None, "soon"),
        ({"Response": {"Error": {"Code": "LimitExceeded", "Message": "m"}}}, None, "m", "ServerError", None, "soon"),
        (
            {"ResponseMetadata": {"Error": {"Code": "AccessDenied", "Message": "m"}}},
            None,
            "m",
            "PermissionDeniedError",
            403,
            "never",
        ),
        ({"error": {"error": {"message": "m", "code": 429}}}, None, "m", "RateLimitError", 429, "soon"),
        ({"error": {"message": '{"error":{"message":"m","code":429}}'}}, None, "m", "RateLimitError", 429, "soon"),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}},
            None,
            "code server_error",
            "ServerError",
            500,
            "soon",
        ),
        ({"errno": 401, "errmsg": "m"}, None, "m", "AuthenticationError", 401, "never"),
        (
            {"error_code": 17, "error_msg": "Open api daily request limit reached"},
            None,
            "daily",
            "RateLimitError",
            None,
            "soon",
        ),
        (
            {"error": {"message": "bad response status code 503", "code": "bad_response_status_code"}},
            None,
            "503",
            "ServiceUnavailableError",
            502,
            "soon",
        ),
        ({"id": "x", "type": "t", "text": "?", "code": 503}, "error", "", "ServiceUnavailableError", 503, "soon"),
        ({"type": "error", "message": "m", "code": "429"}, None, "m", "RateLimitError", 429, "soon"),
        ({"type": "invalid_request_error", "message": "m"}, None, "m", "BadRequestError", 400, "never"),
        ({"type": "response.failed", "response": {"error": {"message": "m"}}}, None, "m", "ServerError", None, "soon"),
        ({"detail": "Not Found", "status": 404}, None, "Not Found", "NotFoundError", 404, "never"),
        ({"detail": [{"loc": ["body", "top_p"], "msg": "m"}]}, None, "top_p: m", "ServerError", None, "soon"),
        ({"errors": [{"message": "m", "code": 7003}], "success": False}, None, "m", "ServerError", None, "soon"),
        ({"status": "error", "msg": "prompt is too long"}, None, "prompt", "ContextLengthError", None, "never"),
        ({"success": False, "message": "m"}, None, "m", "ServerError", None, "soon"),
        ({"code": 1234, "message": "m"}, None, "m", "ServerError", None, "soon"),
        ({"statusCode": 503, "message": "m"}, None, "m", "ServiceUnavailableError", 503, "soon"),
        ({"message": "Too Many Requests"}, None, "Too Many Requests", "RateLimitError", None, "soon"),
        ({"detail": "Not authenticated"}, None, "Not auth", "AuthenticationError", None, "never"),
        ({"fault": {"faultstring": "m"}}, None, "m", "ServerError", None, "soon"),
        ({"error_msg": "m", "error_code": 336501}, None, "m", "ServerError", None, "soon"),
        ({"base_resp": {"status_code": 1002, "status_msg": "m"}}, None, "m", "ServerError", None, "soon"),
        ({"choices": None, "message": "m", "code": 500}, None, "m", "ServerError", 500, "soon"),
    ],
)
def test_an_object_that_is_no_answer_states_an_error(
    event: dict[str, Any], name: str | None, said: str, cls: str, status: int | None, advice: str
) -> None:
    """Whichever server's shape it has: its words, its status and the advice that follows from it."""
    assert find_error(event, name) is not None
    error = parse_error_object(event, model="lab/x", event_name=name)

    assert said in str(error)
    assert (type(error).__name__, error.status, error.retry) == (cls, status, advice)
    assert error.body == event


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "message_start", "message": {"role": "assistant"}},
        {"object": "chat.completion.chunk", "id": "x", "model": "m"},
        {"choices": [], "object": "error-free"},
        {"choices": [], "usage": {"cost": 1}, "message": "m"},
        {"status": "processing", "message": "queue position 3"},
        {"status": "completed"},
        {"code": 200, "message": "ok", "success": True},
        {"code": 0, "msg": "ok", "id": "x"},
        {"base_resp": {"status_code": 0, "status_msg": ""}, "id": "x"},
        {"errors": [], "success": True, "messages": []},
        {"object": "list", "data": [{"embedding": [1.0]}], "message": "m"},
        {"type": "message", "content": [{"type": "text", "text": "an error"}], "role": "assistant"},
        {"model": "m", "message": {"content": "hi"}, "done": True},
        {"usage": {"total_tokens": 3}},
    ],
)
def test_what_is_in_doubt_is_no_error(event: dict[str, Any]) -> None:
    """Pings, progress, usage and answers of other APIs are not taken for an error."""
    assert find_error(event) is None
    assert find_error(event, "message") is None


@pytest.mark.parametrize("key", ["delta", "message"])
def test_an_error_in_a_delta_is_no_content(key: str) -> None:
    """What holds nothing but an error leaves nothing of an answer, so that nothing is taken for billed."""
    held = {"role": "assistant", "error": {"message": "overloaded", "code": 503}}
    bare = without_error({"choices": [{"index": 0, key: held}]})
    assert bare == {"choices": [{"index": 0, key: {"role": "assistant"}}]}


def test_a_cache_that_says_not_modified_does_not_redirect() -> None:
    """A 304 has no other address; what was asked for, or what stands between, is to be looked at."""
    error = read(304, b"")

    assert type(error) is errors.BadRequestError
    assert (error.retry, error.status) == ("never", 304)
    assert "redirect" not in str(error).lower()
    assert "base_url" in str(error)
