"""The headers of a request: the feature, the bearer, and everything that is never added."""

from __future__ import annotations

import getpass
import platform
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.errors import InvalidSettingError, MissingKeyError
from kilo_gateway.settings.auth import USER_AGENT, check_key, has_credential, render_headers, resolve_feature
from kilo_gateway.settings.settings import Settings, resolve_settings

KEY = "sk3y-0123456789abcdef"
FEATURE = "X-KILOCODE-FEATURE"


def headers_of(
    arguments: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    *,
    extra: Any = None,
    has_body: bool = True,
) -> dict[str, str]:
    """Return the rendered headers as a dict, after checking that no name is there twice in any case."""
    settings = resolve_settings({"api_key": KEY} if arguments is None else arguments, {})
    pairs = render_headers(settings, environ=environ or {}, extra=extra, has_body=has_body)
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_exact_headers() -> None:
    """These five headers are sent and nothing else: no attribution, no telemetry, no identity of any other client."""
    assert headers_of() == {
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "Content-Type": "application/json",
        FEATURE: "direct-gateway",
        "Authorization": f"Bearer {KEY}",
    }
    assert "Content-Type" not in headers_of(has_body=False)


@pytest.mark.parametrize(
    "name",
    [
        *("HTTP-Referer", "Referer", "X-Title", "X-OpenRouter-Title", "X-OpenRouter-Categories", "originator"),
        *("version", "X-Stainless-Lang", "OpenAI-Organization", "OpenAI-Project", "OpenAI-Beta", "anthropic-beta"),
        *("X-KiloCode-OrganizationId", "X-KiloCode-TaskId", "x-kilocode-mode", "X-KiloCode-Version"),
        *("X-KiloCode-ProjectId", "x-kilocode-editorname", "x-kilocode-machineid", "X-KILOCODE-TESTER"),
        *("x-kilo-session", "x-kilo-request", "x-forwarded-for", "Content-Encoding", "Cookie"),
    ],
)
def test_header_is_never_added(name: str) -> None:
    """A header that nobody asked for is not sent."""
    assert name.lower() not in {sent.lower() for sent in headers_of()}


def test_no_header_tells_where_it_was_sent_from() -> None:
    """No header has the host's name, the user's name, a path of this machine or the system's version in it."""
    text = " ".join(headers_of().values()).lower()
    private = [socket.gethostname(), getpass.getuser(), str(Path.cwd()), str(Path.home()), platform.release()]
    assert [word for word in private if len(word) > 3 and word.lower() in text] == []


def test_user_agent_is_our_own() -> None:
    """The user agent is this package's, not the prefix that switches legacy behaviour on, nor anybody else's name."""
    assert USER_AGENT.startswith("kilo-gateway-python/")
    assert "kilo-code" not in USER_AGENT.lower()
    assert "openclaw" not in USER_AGENT.lower()


@pytest.mark.parametrize(
    ("variable", "sent"),
    [
        (None, "direct-gateway"),
        ("custom-feature", "custom-feature"),
        ("  x  ", "x"),
        ("x\n", "x"),
        ("", "direct-gateway"),
        ("   ", "direct-gateway"),
        (" \n", "direct-gateway"),
    ],
)
@pytest.mark.parametrize("model", ["kilo/auto", "x-ai/grok-4", "google/gemini-3-pro", "anthropic/claude-sonnet-4"])
def test_feature_of_the_environment(variable: str | None, sent: str, model: str) -> None:
    """The variable is trimmed and blank counts as unset; the header is sent whatever the model is."""
    environ = {} if variable is None else {"KILOCODE_FEATURE": variable}
    assert headers_of({"api_key": KEY, "model": model}, environ)[FEATURE] == sent


@pytest.mark.parametrize(
    ("argument", "variable", "sent"),
    [
        (None, None, "direct-gateway"),
        (None, "cli", "cli"),
        ("slack", None, "slack"),
        ("slack", "cli", "slack"),
        ("", "cli", "cli"),
        ("  ", None, "direct-gateway"),
    ],
)
def test_feature_precedence(argument: str | None, variable: str | None, sent: str) -> None:
    """Argument, then variable, then our default; no header of the caller's beats them, and one name is sent."""
    environ = {} if variable is None else {"KILOCODE_FEATURE": variable}
    for spelling in (None, FEATURE, "x-kilocode-feature", "X-KiloCode-Feature"):
        own = {} if spelling is None else {spelling: "spoof", "X-Custom": "1"}
        for default, extra in ((own, None), (None, own)):
            arguments = {"api_key": KEY, "feature": argument, "default_headers": default}
            headers = headers_of(arguments, environ, extra=extra)
            features = {name: value for name, value in headers.items() if name.lower() == FEATURE.lower()}
            assert features == {FEATURE: sent}
            assert headers.get("X-Custom") == (None if spelling is None else "1")


def test_feature_is_read_at_each_request() -> None:
    """One client follows the variable from request to request."""
    settings = resolve_settings({"api_key": KEY}, {"KILOCODE_FEATURE": "at-construction"})
    environ: dict[str, str] = {}
    seen = []
    for word in ("one", "two", None):
        environ = {} if word is None else {"KILOCODE_FEATURE": word}
        seen.append(dict(render_headers(settings, environ=environ))[FEATURE])
    assert seen == ["one", "two", "direct-gateway"]
    assert resolve_feature(settings, {"KILOCODE_FEATURE": "three"}) == "three"


@pytest.mark.parametrize("word", ["a\r\nX-Evil: 1", "a\nb", "\xe9", "a\x00b", "\udc80"])
def test_feature_that_would_forge_a_header_is_refused(word: str) -> None:
    """A variable that cannot be a header value is named in a clear error."""
    with pytest.raises(InvalidSettingError, match=r"^KILOCODE_FEATURE: "):
        headers_of(environ={"KILOCODE_FEATURE": word})


def test_settings_become_headers_in_the_official_spelling() -> None:
    """Organization, task, mode, session, project and who calls are sent under their own names, only when set."""
    arguments = {"organization_id": "org", "task_id": "task", "mode": "plan", "client_version": "1.2.3"}
    arguments |= {"session": "s-1", "project_id": "p-1", "editor": "My App/1.2", "machine_id": "m-1"}
    headers = headers_of({"api_key": KEY, **arguments})
    assert {
        name: value for name, value in headers.items() if name.lower().startswith("x-kilo") and name != FEATURE
    } == {
        "X-KiloCode-OrganizationId": "org",
        "X-KiloCode-TaskId": "task",
        "x-kilocode-mode": "plan",
        "X-KiloCode-Version": "1.2.3",
        "x-kilo-session": "s-1",
        "X-KiloCode-ProjectId": "p-1",
        "x-kilocode-editorname": "My App/1.2",
        "x-kilocode-machineid": "m-1",
    }


def test_layers_of_ordinary_headers() -> None:
    """Headers of one call beat settings, settings beat default headers, and all beat the standard ones."""
    default = {"x-kilocode-taskid": "default", "accept": "text/plain", "X-A": "default"}
    headers = headers_of(
        {"api_key": KEY, "task_id": "setting", "default_headers": default},
        extra={"X-KILOCODE-TASKID": "call", "x-a": "call"},
    )
    assert (headers["X-KILOCODE-TASKID"], headers["x-a"], headers["accept"]) == ("call", "call", "text/plain")
    without = headers_of({"api_key": KEY, "task_id": "setting", "default_headers": default})
    assert (without["X-KiloCode-TaskId"], without["X-A"]) == ("setting", "default")


@pytest.mark.parametrize("spelling", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("place", ["default_headers", "extra"])
def test_key_beats_an_authorization_of_the_caller(spelling: str, place: str) -> None:
    """With a key, the bearer is the key, once."""
    own = {spelling: "Bearer other"}
    headers = headers_of(
        {"api_key": KEY, "default_headers": own if place == "default_headers" else {}},
        extra=own if place == "extra" else None,
    )
    assert [value for name, value in headers.items() if name.lower() == "authorization"] == [f"Bearer {KEY}"]


@pytest.mark.parametrize("place", ["default_headers", "extra"])
@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({"authorization": "Bearer other"}, ["Bearer other"]),
        ({"Authorization": "  "}, ["Bearer anonymous"]),
        ({}, ["Bearer anonymous"]),
    ],
)
def test_bearer_without_a_key(place: str, own: dict[str, str], sent: list[str]) -> None:
    """Without a key the caller's own authorization is sent, else the anonymous bearer; never an empty one."""
    headers = headers_of(
        {"default_headers": own if place == "default_headers" else {}}, extra=own if place == "extra" else None
    )
    assert [value for name, value in headers.items() if name.lower() == "authorization"] == sent


@pytest.mark.parametrize(
    "extra",
    [
        {"X-A": "a\r\nX-Evil: 1"},
        {"X-A": "a\nb"},
        {"X-A": None},
        {"X-A": 5},
        {"X-A": "\xe9"},
        {"a b": "c"},
        {"a\r\nX-Evil": "1"},
        {5: "x"},
        {"Content-Length": "0"},
        [("X-A", "b")],
        "X-A: b",
    ],
)
def test_unusable_headers_of_a_call_are_refused(extra: Any) -> None:
    """A header of one call that cannot be sent is a clear ValueError about `extra_headers`, and injects nothing."""
    with pytest.raises(InvalidSettingError, match=r"^extra_headers"):
        headers_of(extra=extra)


def test_inputs_are_not_changed() -> None:
    """Rendering changes neither the settings nor the headers of the call."""
    settings = resolve_settings({"api_key": KEY, "default_headers": {"x-kilocode-feature": "spoof"}}, {})
    extra = {"authorization": "Bearer other"}
    before = settings.model_copy(deep=True)
    render_headers(settings, environ={}, extra=extra)
    assert settings == before
    assert extra == {"authorization": "Bearer other"}


def test_rendered_headers_do_not_show_the_key() -> None:
    """The list that is handed to the transport masks the bearer wherever it is printed."""
    headers = render_headers(resolve_settings({"api_key": KEY}, {}), environ={})
    assert KEY in dict(headers)["Authorization"]
    assert KEY not in f"{headers!r} {headers} {[headers]}"


@pytest.mark.parametrize(
    ("settings", "extra"),
    [
        (Settings(base_url="http://example.com/", api_key=KEY), None),
        (
            resolve_settings({"base_url": "http://example.com/"}, {}).model_copy(
                update={"api_key": Settings(api_key=KEY).api_key}
            ),
            None,
        ),
        (resolve_settings({"base_url": "http://example.com/"}, {}), {"authorization": f"Bearer {KEY}"}),
    ],
)
def test_no_credential_leaves_in_the_clear(settings: Settings, extra: dict[str, str] | None) -> None:
    """However the credential got there, it is not sent over plain http to another machine, nor shown in the error."""
    with pytest.raises(InvalidSettingError, match=r"unencrypted") as caught:
        render_headers(settings, environ={}, extra=extra)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    through_proxy = render_headers(settings, environ={"HTTP_PROXY": "http://127.0.0.1:1"}, extra=extra)
    assert KEY in {name.lower(): value for name, value in through_proxy}["authorization"]


def test_anonymous_may_leave_in_the_clear() -> None:
    """Without any credential there is nothing to protect, so plain http is no error."""
    assert headers_of({"base_url": "http://example.com/"})["Authorization"] == "Bearer anonymous"


@pytest.mark.parametrize(
    ("arguments", "has_one"),
    [
        ({}, False),
        ({"api_key": KEY}, True),
        ({"api_key": "anonymous"}, False),
        ({"api_key": "Anonymous"}, True),
        ({"default_headers": {"authorization": "Bearer x"}}, True),
        ({"default_headers": {"Authorization": ""}}, False),
    ],
)
def test_credential(arguments: dict[str, Any], has_one: bool) -> None:
    """Anything but the anonymous bearer counts as a credential."""
    assert has_credential(resolve_settings(arguments, {})) is has_one


def test_paid_model_without_a_key_says_how_to_get_one() -> None:
    """The error names the model, the steps to a key, and the variable; free models and keys pass."""
    keyless = resolve_settings({}, {"KILOCODE_API_KEY": " "})
    with pytest.raises(
        MissingKeyError, match=r"app\.kilo\.ai, open API Keys, generate one.*KILOCODE_API_KEY"
    ) as caught:
        check_key(keyless, model="kilocode/openai/gpt-5", is_free=False)
    assert caught.value.model == "kilocode/openai/gpt-5"
    assert "kilocode/openai/gpt-5" in str(caught.value)
    check_key(keyless, model="kilocode/z-ai/glm-5:free", is_free=True)
    check_key(resolve_settings({"api_key": KEY}, {}), model="kilocode/openai/gpt-5", is_free=False)
    check_key(resolve_settings({"default_headers": {"Authorization": "x"}}, {}), model="m", is_free=False)
