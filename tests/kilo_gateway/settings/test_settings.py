"""Settings: where each value comes from, what is refused, and that no key ever shows."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import traceback
import types
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kilo_gateway.errors import InvalidModelError, InvalidSettingError, KiloError, MissingKeyError
from kilo_gateway.settings.settings import READ_PER_REQUEST, ROWS, VARIABLES, Settings, resolve_settings
from kilo_gateway.settings.timeouts import Timeouts

KEY = "sk3y-0123456789abcdef"
OTHER = "0ther-0123456789abcdef"

SAMPLES: dict[str, tuple[Any, str, Any]] = {
    "api_key": (KEY, OTHER, OTHER),
    "organization_id": ("org-a", "org-b", "org-b"),
    "model": ("anthropic/a", "kilocode/openai/b", "kilocode/openai/b"),
    "base_url": ("https://a/x", "https://b/y", "https://b/y/"),
    "timeout": (7, "8.5", Timeouts(8.5, 8.5, 85.0, None)),
    "max_retries": (5, " 6 ", 6),
    "task_id": ("task-a", "task-b", "task-b"),
    "mode": ("code", " plan ", "plan"),
    "client_version": ("1.2.3", "4.5.6", "4.5.6"),
    "session": ("session-a", " session-b ", "session-b"),
    "project_id": ("project-a", "https://example.org/a/b.git", "https://example.org/a/b.git"),
    "editor": ("My App/1.2", "Your App/3.4", "Your App/3.4"),
    "machine_id": ("machine-a", "machine-b", "machine-b"),
    "default_headers": ({"X-A": "1"}, '{"X-B": "2"}', {"X-B": "2"}),
    "discover": ("lazy", "startup", "startup"),
    "shared_pause": (True, " off ", False),
}
"""Setting -> an argument, a variable's text, and what the text means."""


def value_of(settings: Settings, name: str) -> Any:
    """Return the value of a setting, the key in the clear."""
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def test_every_setting_has_a_sample() -> None:
    """The tables below leave out no setting but the one that is read per request."""
    assert {*SAMPLES, *READ_PER_REQUEST} == set(VARIABLES)


def test_defaults() -> None:
    """Without arguments and variables, the documented defaults hold, and say so."""
    settings = resolve_settings({}, {})
    assert {name: value_of(settings, name) for name in VARIABLES} == {
        "api_key": None,
        "organization_id": None,
        "model": "kilocode/kilo/auto",
        "base_url": "https://api.kilo.ai/api/gateway/",
        "timeout": Timeouts(10, 120, 600, None),
        "max_retries": 2,
        "feature": None,
        "task_id": None,
        "mode": None,
        "client_version": None,
        "session": None,
        "project_id": None,
        "editor": None,
        "machine_id": None,
        "default_headers": {},
        "discover": "lazy",
        "shared_pause": True,
    }
    assert settings.timeout_is_given is False
    assert {fact["from"] for name, fact in settings.describe().items() if name != "feature"} == {"default"}


@pytest.mark.parametrize(("name", "variable"), [(name, variable) for name in SAMPLES for variable in VARIABLES[name]])
def test_variable_is_read_and_argument_wins(name: str, variable: str) -> None:
    """Every setting has a constructor argument and a variable; the argument wins, and `describe` names the winner."""
    argument, text, meaning = SAMPLES[name]
    from_variable = resolve_settings({}, {variable: text})
    assert value_of(from_variable, name) == meaning
    assert from_variable.describe()[name]["from"] == variable
    from_argument = resolve_settings({name: argument}, {variable: text})
    assert value_of(from_argument, name) != meaning
    assert from_argument.describe()[name]["from"] == f"argument {name}"
    assert resolve_settings({name: None}, {variable: text}) == from_variable


@pytest.mark.parametrize(
    ("first", "second"), [("KILOCODE_API_KEY", "KILO_API_KEY"), ("KILOCODE_ORGANIZATION_ID", "KILO_ORGANIZATION_ID")]
)
def test_kilocode_variable_comes_first(first: str, second: str) -> None:
    """Of the two names of a variable, the document's own is read first; blank counts as unset."""
    name = "api_key" if "KEY" in first else "organization_id"
    assert value_of(resolve_settings({}, {second: OTHER, first: KEY}), name) == KEY
    assert value_of(resolve_settings({}, {second: OTHER, first: " \n"}), name) == OTHER
    assert value_of(resolve_settings({}, {second: "", first: "  "}), name) is None


def test_feature_is_left_to_the_request() -> None:
    """`KILOCODE_FEATURE` is not read here, because it is read when a request is made; `describe` says so."""
    settings = resolve_settings({}, {"KILOCODE_FEATURE": "cli"})
    assert settings.feature is None
    assert settings.describe()["feature"]["from"].startswith("KILOCODE_FEATURE at each request")
    given = resolve_settings({"feature": " cli\n"}, {})
    assert given.describe()["feature"] == {"value": "cli", "from": "argument feature"}
    assert resolve_settings({"feature": "  "}, {}).feature is None


def test_inputs_are_only_read() -> None:
    """Read-only arguments and a read-only environment are enough, and later changes to them change nothing."""
    headers = {"X-A": "1"}
    arguments = types.MappingProxyType({"default_headers": headers})
    settings = resolve_settings(arguments, types.MappingProxyType({"KILOCODE_API_KEY": KEY}))
    headers["X-A"] = "2"
    assert settings.default_headers == {"X-A": "1"}


@pytest.mark.parametrize(
    "key", ["k\r\nX-Evil: 1", "k\nX-Evil: 1", "a b", "a\tb", "k\x00x", "\u043a\u043b\u044e\u0447", "k\ud800", "\ufeffk"]
)
@pytest.mark.parametrize("place", ["argument", "variable"])
def test_key_that_would_forge_a_header_is_refused(key: str, place: str) -> None:
    """A key with anything odd inside is a clear ValueError that does not show the key, also not in its traceback."""
    key = KEY + key
    arguments, environ = ({"api_key": key}, {}) if place == "argument" else ({}, {"KILOCODE_API_KEY": key})
    with pytest.raises(InvalidSettingError, match=r"copy the key again") as caught:
        resolve_settings(arguments, environ)
    assert isinstance(caught.value, ValueError)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\n", f"  {KEY}\t", SecretStr(f"{KEY}\n"), SecretStr(KEY)])
def test_key_read_from_a_file_loses_its_line_end(key: Any) -> None:
    """Blanks around a key, such as the newline of a file, do not belong to it."""
    assert value_of(resolve_settings({"api_key": key}, {}), "api_key") == KEY


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u00a0"])
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.header])
def test_variable_read_from_a_file_loses_its_line_end(name: str, end: str) -> None:
    """Blanks around a variable that becomes a header, such as the newline of a mounted file, do not belong to it."""
    assert value_of(resolve_settings({}, {VARIABLES[name][0]: f"value-1{end}"}), name) == "value-1"


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.read_per_request])
def test_variable_in_quotes_says_so(name: str, quote: str) -> None:
    """Quotes that an env file left around a value are refused with a sentence that does not quote the value."""
    variable = VARIABLES[name][0]
    with pytest.raises(InvalidSettingError, match=f"{variable} holds quotes around its value") as caught:
        resolve_settings({}, {variable: f"{quote}{KEY}{quote}\n"})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "\n", SecretStr(""), SecretStr(" ")])
def test_blank_key_says_how_to_get_one(key: Any) -> None:
    """A blank key is refused by a message that names the variable and the steps, even when the variable is set."""
    with pytest.raises(MissingKeyError, match=r"https://app\.kilo\.ai, open API Keys.*KILOCODE_API_KEY"):
        resolve_settings({"api_key": key}, {"KILOCODE_API_KEY": KEY})


@pytest.mark.parametrize("key", [5, b"key", ["key"], True, {"key": "x"}])
def test_key_is_text(key: Any) -> None:
    """A key of another type is refused by its type alone."""
    with pytest.raises(InvalidSettingError, match=f"must be a string, not {type(key).__name__}"):
        resolve_settings({"api_key": key}, {})


@pytest.mark.parametrize(
    ("arguments", "environ", "names"),
    [
        ({"timeout": 0}, {}, "timeout"),
        ({"timeout": -1}, {}, "timeout"),
        ({"timeout": "abc"}, {}, "timeout"),
        ({"timeout": "5"}, {}, "timeout"),
        ({}, {"KILOCODE_TIMEOUT": "0"}, "KILOCODE_TIMEOUT"),
        ({}, {"KILOCODE_TIMEOUT": "abc"}, "KILOCODE_TIMEOUT"),
        ({}, {"KILOCODE_TIMEOUT": "nan"}, "KILOCODE_TIMEOUT"),
        ({}, {"KILOCODE_TIMEOUT": "1e400"}, "KILOCODE_TIMEOUT"),
        ({"max_retries": -1}, {}, "max_retries"),
        ({"max_retries": 1.5}, {}, "max_retries"),
        ({"max_retries": True}, {}, "max_retries"),
        ({"max_retries": "2"}, {}, "max_retries"),
        ({}, {"KILOCODE_MAX_RETRIES": "-1"}, "KILOCODE_MAX_RETRIES"),
        ({}, {"KILOCODE_MAX_RETRIES": "many"}, "KILOCODE_MAX_RETRIES"),
        ({"base_url": "ftp://h"}, {}, "base_url"),
        ({"base_url": ""}, {}, "base_url"),
        ({}, {"KILOCODE_BASE_URL": "api.kilo.ai"}, "KILOCODE_BASE_URL"),
        ({}, {"KILOCODE_BASE_URL": "a" * 100_000}, "KILOCODE_BASE_URL"),
        ({}, {"KILOCODE_BASE_URL": f"https://{'a' * 100_000}/"}, "KILOCODE_BASE_URL"),
        ({}, {"KILOCODE_BASE_URL": f"https://h/{'a ' * 100_000}"}, "KILOCODE_BASE_URL"),
        ({"discover": "eager"}, {}, "discover"),
        ({"discover": []}, {}, "discover"),
        ({}, {"KILOCODE_DISCOVERY": "yes"}, "KILOCODE_DISCOVERY"),
        ({"organization_id": ""}, {}, "organization_id"),
        ({"task_id": "a\r\nX: 1"}, {}, "task_id"),
        ({"mode": 5}, {}, "mode"),
        ({"client_version": "\xe9"}, {}, "client_version"),
        ({"feature": "a\r\nX: 1"}, {}, "feature"),
        ({}, {"KILOCODE_TASK_ID": "a\nb"}, "KILOCODE_TASK_ID"),
        ({"default_headers": [("a", "b")]}, {}, "default_headers"),
        ({"default_headers": {"a": "b\r\nX: 1"}}, {}, "default_headers"),
        ({"default_headers": {"a": None}}, {}, "default_headers"),
        ({"default_headers": {"a b": "c"}}, {}, "default_headers"),
        ({}, {"KILOCODE_DEFAULT_HEADERS": "X-A: 1"}, "KILOCODE_DEFAULT_HEADERS"),
        ({}, {"KILOCODE_DEFAULT_HEADERS": "[]"}, "KILOCODE_DEFAULT_HEADERS"),
        ({}, {"KILOCODE_DEFAULT_HEADERS": '{"a": 1}'}, "KILOCODE_DEFAULT_HEADERS"),
        ({}, {"KILOCODE_DEFAULT_HEADERS": "[" * 100_000}, "KILOCODE_DEFAULT_HEADERS"),
        ({}, {"KILOCODE_DEFAULT_HEADERS": '{"Authorization": "Bearer x\\ny"}'}, "KILOCODE_DEFAULT_HEADERS"),
    ],
)
def test_unusable_value_names_where_it_came_from(
    arguments: dict[str, Any], environ: dict[str, str], names: str
) -> None:
    """A value that cannot work is a ValueError before any request, and says which argument or variable it was."""
    with pytest.raises(InvalidSettingError, match=names) as caught:
        resolve_settings(arguments, environ)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("model", ["", "  ", "kilocode/", "/x", 5, [], "a\nb"])
def test_unusable_model_is_refused(model: Any) -> None:
    """A model that names none is refused, with the place it came from."""
    with pytest.raises(InvalidModelError, match=r"^argument model: "):
        resolve_settings({"model": model}, {})
    with pytest.raises(InvalidModelError, match=r"^KILOCODE_MODEL: "):
        resolve_settings({}, {"KILOCODE_MODEL": "kilocode/"})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("modl", "model"), ("apikey", "api_key"), ("baseurl", "base_url"), ("timout", "timeout"), ("x" * 9999, None)],
)
def test_unknown_setting_names_the_nearest(name: str, nearest: str | None) -> None:
    """A misspelt setting is refused, never dropped; the message has the nearest and all names, and no value."""
    with pytest.raises(InvalidSettingError, match=r"^There is no setting") as caught:
        resolve_settings({name: KEY}, {})
    text = str(caught.value)
    assert KEY not in text
    assert ("Did you mean" in text) is (nearest is not None)
    assert nearest is None or f"Did you mean {nearest!r}?" in text
    assert "organization_id" in text


@pytest.mark.parametrize("base_url", ["http://example.com/", "http://10.0.0.1:8000/", "http://localhost.evil.com/"])
def test_key_is_not_taken_for_cleartext(base_url: str) -> None:
    """A key, or an `Authorization` of the caller's, is refused together with plain http to another machine."""
    for arguments in ({"api_key": KEY}, {"default_headers": {"authorization": f"Bearer {KEY}"}}):
        with pytest.raises(InvalidSettingError, match=r"unencrypted") as caught:
            resolve_settings({**arguments, "base_url": base_url}, {})
        assert KEY not in str(caught.value)
    assert resolve_settings({"base_url": base_url}, {}).base_url == base_url


@pytest.mark.parametrize(
    ("base_url", "environ"),
    [
        ("https://example.com/", {}),
        ("http://127.0.0.1:8000/", {}),
        ("http://localhost/", {"HTTP_PROXY": "http://proxy.corp"}),
        ("http://example.com/", {"HTTP_PROXY": "http://127.0.0.1:1"}),
    ],
)
def test_key_is_taken_for_tls_and_this_machine(base_url: str, environ: dict[str, str]) -> None:
    """TLS, loopback and a proxy on this machine take a key."""
    assert resolve_settings({"base_url": base_url, "api_key": KEY}, environ).base_url == base_url


def secret_settings() -> Settings:
    """Return settings full of secrets: the key, a credential in a secret header, and the key in an ordinary one."""
    headers = {"Authorization": f"Bearer {OTHER}", "X-Proxy-Auth": OTHER, "X-Trace": f"of {KEY}", "X-Title": "seen"}
    return resolve_settings({"api_key": KEY, "default_headers": headers}, {})


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        pprint.pformat,
        lambda settings: f"{settings}",
        lambda settings: repr(settings.describe()),
        lambda settings: repr(settings.model_dump()),
        lambda settings: repr(settings.model_dump(mode="json")),
        lambda settings: settings.model_dump_json(),
        lambda settings: repr(dict(settings.model_dump())),
        lambda settings: json.dumps(settings.model_json_schema()),
        lambda settings: repr(list(settings.__repr_args__())),
        lambda settings: pickle.dumps(settings).decode("latin-1"),
        lambda settings: pickle.dumps(settings, protocol=0).decode("latin-1"),
        lambda settings: repr(settings.__getstate__()),
    ],
)
def test_no_form_of_settings_shows_a_secret(show: Any) -> None:
    """No text, dump, schema or pickle of the settings holds the key or a header's credential."""
    text = show(secret_settings())
    assert KEY not in text
    assert OTHER not in text


def test_describe_shows_what_is_no_secret() -> None:
    """What is not secret is described as it is: value and origin of every setting."""
    described = secret_settings().describe()
    assert set(described) == set(VARIABLES)
    assert described["api_key"] == {"value": "***", "from": "argument api_key"}
    shown = {"Authorization": "***", "X-Proxy-Auth": "***", "X-Trace": "***", "X-Title": "seen"}
    assert described["default_headers"]["value"] == shown
    assert resolve_settings({}, {}).describe()["api_key"]["value"] is None


def test_secrets_are_listed_for_redaction() -> None:
    """The list of what must appear nowhere has the key, secret headers, and their credentials without the scheme."""
    settings = resolve_settings({"api_key": KEY, "default_headers": {"Proxy-Authorization": "Basic Zm9vOmJhcg=="}}, {})
    assert {KEY, "Basic Zm9vOmJhcg==", "Zm9vOmJhcg=="} <= set(settings.secrets())
    assert resolve_settings({"default_headers": {"X-Title": "x"}}, {}).secrets() == []


def test_pickled_copy_has_no_secret_and_all_else() -> None:
    """A pickle's copy is the same but for the secrets, and the original keeps them."""
    settings = secret_settings()
    restored = pickle.loads(pickle.dumps(settings))
    assert restored.api_key is None
    assert restored.default_headers == {"X-Title": "seen"}
    assert restored.describe()["api_key"] == {"value": None, "from": "the process that pickled this object"}
    assert value_of(settings, "api_key") == KEY
    assert settings.default_headers["Authorization"] == f"Bearer {OTHER}"
    assert {name: getattr(restored, name) for name in SAMPLES if name not in {"api_key", "default_headers"}} == {
        name: getattr(settings, name) for name in SAMPLES if name not in {"api_key", "default_headers"}
    }


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda settings: settings.model_copy()])
def test_copy_within_the_process_keeps_the_key(duplicate: Any) -> None:
    """A copy that does not leave the process works as the original does."""
    assert duplicate(secret_settings()) == secret_settings()


def test_settings_are_frozen() -> None:
    """Effective settings cannot be changed."""
    with pytest.raises(ValueError, match=r"frozen"):
        resolve_settings({}, {}).model = "x"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"api_key": f"{KEY}\r\nX-Evil: 1"}, InvalidSettingError),
        ({"api_key": " "}, MissingKeyError),
        ({"base_url": "api.kilo.ai"}, InvalidSettingError),
        ({"model": ""}, InvalidModelError),
        ({"timeout": 0}, InvalidSettingError),
        ({"default_headers": {"X-A": "a\nb"}}, InvalidSettingError),
    ],
)
def test_settings_made_by_hand_are_checked_too(values: dict[str, Any], error: type[KiloError]) -> None:
    """The class itself takes nothing that `resolve_settings` would refuse, and shows no secret when it refuses."""
    with pytest.raises(error) as caught:
        Settings(**values)
    assert KEY not in str(caught.value)


def test_settings_made_by_hand_are_normalised_too() -> None:
    """The class itself gives what `resolve_settings` gives."""
    made = Settings(api_key=f"{KEY}\n", base_url="https://H/x", model="a/b", timeout=3, default_headers={"A": " b "})
    arguments = {
        "api_key": KEY,
        "base_url": "https://h/x/",
        "model": "a/b",
        "timeout": 3,
        "default_headers": {"A": "b"},
    }
    resolved = resolve_settings(arguments, {})
    assert {name: value_of(made, name) for name in VARIABLES} == {name: value_of(resolved, name) for name in VARIABLES}


def test_unknown_field_does_not_show_its_value() -> None:
    """A misspelt field of the class is refused without showing what was in it."""
    with pytest.raises(ValueError, match=r"apikey") as caught:
        Settings(apikey=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "environ", "is_given"),
    [
        ({}, {}, False),
        ({"timeout": 120}, {}, True),
        ({}, {"KILOCODE_TIMEOUT": "9"}, True),
        ({"timeout": None}, {}, False),
    ],
)
def test_a_chosen_timeout_is_told_from_a_default(
    arguments: dict[str, Any], environ: dict[str, str], is_given: bool
) -> None:
    """Whether somebody chose the timeout decides whether a caller's own httpx client keeps its own."""
    assert resolve_settings(arguments, environ).timeout_is_given is is_given


@pytest.mark.parametrize(
    ("headers", "has_own"),
    [
        ({}, False),
        ({"Authorization": "Bearer x"}, True),
        ({"AUTHORIZATION": "x"}, True),
        ({"authorization": " "}, False),
    ],
)
def test_own_authorization_is_found_in_any_case(headers: dict[str, str], has_own: bool) -> None:
    """An `Authorization` of the caller's counts however it is spelt, but not when it is blank."""
    assert resolve_settings({"default_headers": headers}, {}).has_own_authorization is has_own


def test_httpx_values_are_taken() -> None:
    """Timeouts and headers of httpx are understood."""
    settings = resolve_settings({"timeout": httpx.Timeout(9), "default_headers": httpx.Headers({"x-a": "1"})}, {})
    assert settings.timeout.read == 9
    assert settings.default_headers == {"x-a": "1"}


def test_every_value_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument or a variable's text goes through the parser of its row, and through no other look."""
    parsed: list[str] = []
    for name, row in ROWS.items():
        plain = row.parse
        monkeypatch.setattr(
            row, "parse", lambda value, origin, name=name, plain=plain: (parsed.append(name), plain(value, origin))[1]
        )
    resolve_settings({"api_key": KEY, "timeout": 5}, {"KILOCODE_MAX_RETRIES": "3"})
    assert sorted(parsed) == ["api_key", "max_retries", "timeout"]


def test_every_row_names_its_variables() -> None:
    """Each setting is a row with a parser and at least one variable of its own."""
    names = [variable for row in ROWS.values() for variable in row.variables]
    assert len(names) == len(set(names))
    assert all(row.variables and callable(row.parse) for row in ROWS.values())
