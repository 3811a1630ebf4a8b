"""Headers: which can be sent, which are masked, and how layers are merged."""

from __future__ import annotations

import pprint
import types
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.headers import HeaderList, check_header, mask_header, merge_headers, parse_headers

SECRET = "s3cret-value-0123456789"


@pytest.mark.parametrize(
    ("value", "sent"),
    [("x", "x"), ("  x\t", "x"), ("", ""), ("   ", ""), ("a\tb c", "a\tb c"), ("!~{}", "!~{}")],
)
def test_usable_value_is_trimmed(value: str, sent: str) -> None:
    """A value loses its outer blanks and nothing else."""
    assert check_header("X-A", value, origin="here") == ("X-A", sent)


@pytest.mark.parametrize(
    "ending",
    ["\n", "\r\nX-Evil: 1", "\r", "\x00", "\x7f", "\x0b", "\x1b[0m", "\u0100", "\xe9", "\u2028", "\ud800", "\u200b"],
)
def test_unusable_value_is_refused_and_not_quoted(ending: str) -> None:
    """A line break, a control character or one outside ASCII is refused, without showing the value."""
    with pytest.raises(InvalidSettingError, match=r"^here: the value of header X-A") as caught:
        check_header("X-A", SECRET + ending, origin="here")
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert isinstance(caught.value, ValueError)


@given(st.text(max_size=8))
def test_checked_value_survives_httpx(value: str) -> None:
    """Whatever passes the check is a header that httpx can encode, on one line."""
    try:
        pair = check_header("X-A", value, origin="here")
    except InvalidSettingError:
        return
    ((_, raw),) = httpx.Headers([pair]).raw
    assert not {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in raw}


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\n", "\xe9", "a\r\nb", 5, None, b"a", "(x)", "\ud800"])
def test_unusable_name_is_refused(name: Any) -> None:
    """What is no token of HTTP is refused as a name."""
    with pytest.raises(InvalidSettingError, match="is not an HTTP header name"):
        check_header(name, "x", origin="here")


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING"])
def test_framing_headers_are_refused(name: str) -> None:
    """A caller cannot say where the body ends."""
    with pytest.raises(InvalidSettingError, match="written by the HTTP layer"):
        check_header(name, "5", origin="here")


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], True])
def test_value_that_is_no_string_is_refused(value: Any) -> None:
    """Only text is a header value; the message names the type."""
    with pytest.raises(InvalidSettingError, match=f"must be a string, not {type(value).__name__}"):
        check_header("X-A", value, origin="here")


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "X-Proxy-Auth",
        "X-Auth-User",
        "X-API-Key",
        "api_key",
        "X-Token",
        "Cookie",
        "Set-Cookie",
        "Client-Secret",
        "X-Password",
        "X-Passwd",
        "X-Credentials",
    ],
)
def test_secret_names_are_masked(name: str) -> None:
    """A header whose name sounds like a secret is never shown, in whatever case it is written."""
    assert mask_header(name, SECRET) == "***"
    assert mask_header(name.upper(), SECRET) == "***"


@pytest.mark.parametrize("name", ["X-Author", "X-Title", "X-KiloCode-TaskId", "Accept", "User-Agent"])
def test_other_names_are_shown(name: str) -> None:
    """An ordinary header is shown as it is."""
    assert mask_header(name, "x") == "x"


def test_repr_of_a_header_list_holds_no_secret() -> None:
    """Neither repr, str, pprint nor formatting shows the bearer, and the rest is shown."""
    headers = HeaderList([("Authorization", f"Bearer {SECRET}"), ("Accept", "application/json")])
    for text in (repr(headers), str(headers), f"{headers}", pprint.pformat(headers), repr([headers])):
        assert SECRET not in text
        assert "application/json" in text


@pytest.mark.parametrize(
    ("layers", "merged"),
    [
        ([], []),
        ([{"A": "1"}, {"B": "2"}], [("A", "1"), ("B", "2")]),
        ([{"x-a": "1"}, {"X-A": "2"}], [("X-A", "2")]),
        ([{"X-A": "1", "x-a": "2"}], [("x-a", "2")]),
        ([{"a": "1", "b": "2"}, {"A": "3"}], [("b", "2"), ("A", "3")]),
        ([{"a": "1"}, {}, {"A": "2"}, {"a": "3"}], [("a", "3")]),
    ],
)
def test_later_layer_wins_with_its_spelling(layers: list[dict[str, str]], merged: list[tuple[str, str]]) -> None:
    """One header per name, compared without case; the last value and spelling stay."""
    assert merge_headers(*layers) == merged


def test_merging_changes_no_layer() -> None:
    """Layers are read, never written."""
    layers = types.MappingProxyType({"A": "1"}), types.MappingProxyType({"a": "2"})
    assert merge_headers(*layers) == [("a", "2")]
    assert [dict(layer) for layer in layers] == [{"A": "1"}, {"a": "2"}]


@pytest.mark.parametrize("value", [[("a", "b")], "a: b", 5, None, {"a"}])
def test_headers_are_a_mapping(value: Any) -> None:
    """Anything but a mapping is refused by a message that names the place and the type."""
    with pytest.raises(InvalidSettingError, match=f"^here must map .* not be a {type(value).__name__}"):
        parse_headers(value, origin="here")


def test_any_mapping_will_do() -> None:
    """Headers of httpx and read-only mappings are taken like dicts."""
    assert parse_headers(httpx.Headers({"a": " b "}), origin="here") == {"a": "b"}
    assert parse_headers(types.MappingProxyType({"A": "b"}), origin="here") == {"A": "b"}
