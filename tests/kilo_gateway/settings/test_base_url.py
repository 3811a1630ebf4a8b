"""The base URL: what is refused before anything is sent, how it is normalised, and where a key may go in the clear."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.base_url import (
    DEFAULT_BASE_URL,
    check_cleartext,
    is_loopback,
    parse_base_url,
    parse_proxies,
)


def test_default() -> None:
    """The default is the documented gateway, and is left as it is."""
    assert DEFAULT_BASE_URL == "https://api.kilo.ai/api/gateway/"
    assert parse_base_url(DEFAULT_BASE_URL) == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    ("given_url", "base_url"),
    [
        ("https://api.kilo.ai/api/gateway", "https://api.kilo.ai/api/gateway/"),
        ("https://api.kilo.ai/api/gateway//", "https://api.kilo.ai/api/gateway/"),
        ("  https://h/x/ \n", "https://h/x/"),
        ("https://h", "https://h/"),
        ("HTTPS://API.Kilo.AI/Api", "https://api.kilo.ai/Api/"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        ("https://h:/x", "https://h/x/"),
        ("https://a_b.corp.:443/x", "https://a_b.corp.:443/x/"),
        ("https://xn--exmple-cua.com/", "https://xn--exmple-cua.com/"),
        ("https://h/@team/v1", "https://h/@team/v1/"),
    ],
)
def test_usable_url_ends_with_one_slash(given_url: str, base_url: str) -> None:
    """Scheme and host are lower case, one slash is at the end, and paths are joined without a double slash."""
    parsed = parse_base_url(given_url)
    assert parsed == base_url
    assert parse_base_url(parsed) == parsed
    assert "//" not in f"{parsed}chat/completions".partition("://")[2]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "not a url",
            "api.kilo.ai",
            "api.kilo.ai/api",
            "localhost:8000",
            "//h/x",
            "https:/h/x",
            "/x",
            "https",
        ),
        *("ftp://h/", "file:///etc/passwd", "javascript:alert(1)", "ws://h", "unix:///run/x"),
        *("https://", "http:///x", "https://:443/", "https://./", "https://a..b/", "https://*/", "https://%00/"),
        *("https://h h/", "https://h/a b", "https://h\n/", "https://h/\x00", "https://h\u200b/", "https://h\ud800/"),
        *("https://h\\evil/", "https://x<y/", 'https://a"b/', "https://h;x/", "https://ex\xe4mple.com/", "https://☃/"),
        *("https://[::1", "https://::1/", "https://[v1.a]/", "https://[h]/", "https://[1.2.3.4]/"),
        *("https://123.456.1.1/", "https://1.2.3/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"),
        *("https://h:abc/", "https://h:99999/", "https://h:-1/", "https://h:0/"),
        *("https://h/?a=1", "https://h/x?", "https://h/#f", "https://h/x#"),
        "https://" + "a" * 300 + "/",
        *(None, 5, b"https://h/", [], httpx.URL("https://h/")),
    ],
)
def test_unusable_url_is_refused(value: Any) -> None:
    """A URL that cannot work is refused at once by a message about base_url, never by a bare error of httpx."""
    with pytest.raises(InvalidSettingError, match=r"^base_url "):
        parse_base_url(value)


@given(st.text(alphabet="htps:/@.[]%?#\\-a1 \té٣\ud800", max_size=14).map(lambda text: f"https://{text}"))
def test_accepted_url_is_one_that_httpx_takes(text: str) -> None:
    """Whatever is accepted, httpx accepts too, and reads the same host from it."""
    try:
        base_url = parse_base_url(text)
    except InvalidSettingError:
        return
    url = httpx.URL(f"{base_url}models")
    host, _, port = urlsplit(base_url).netloc.partition("]" if "[" in base_url else ":")
    assert host.strip("[]") == url.host
    assert port.strip(":") in ("", str(url.port or 443))
    assert url.userinfo == b""


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter22@h/",
        "https://hunter22@h/",
        "http://user:hunter22@127.0.0.1:8/x",
        "ftp://user:hunter22@h/",
        "user:hunter22@h",
        "https:///user:hunter22@h",
        "https://user:hunt/hunter22@h/",
        "https://user:[hunter22@h/",
        "https://user:\u2100hunter22@h/",
        "https://h/?key=hunter22",
        "https://h/#hunter22",
        "ftp://h/?key=hunter22",
    ],
)
def test_password_in_a_url_is_refused_and_not_quoted(url: str) -> None:
    """A user, password or query is refused, and no text of the error shows it."""
    with pytest.raises(InvalidSettingError) as caught:
        parse_base_url(url)
    assert "hunter22" not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "http://127.0.0.1:8000/",
        "http://127.9.9.9/",
        "http://[::1]:8000/",
        "http://localhost/",
        "http://LOCALHOST:1/",
        "http://kilo.localhost/",
    ],
)
def test_key_may_go_over_tls_and_to_this_machine(url: str) -> None:
    """Without any proxy, TLS and loopback are fine."""
    check_cleartext(url, proxies={})


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "localhost.example.com",
        "notlocalhost",
        "127.0.0.1.example.com",
        "10.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "[::]",
        "[fe80::1]",
    ],
)
def test_key_may_not_go_to_another_machine_in_the_clear(host: str) -> None:
    """Plain http to anything but this machine is refused by a message that says what to do."""
    with pytest.raises(InvalidSettingError, match=r"unencrypted\. Use https://"):
        check_cleartext(f"http://{host}/", proxies={})


@pytest.mark.parametrize(
    ("environ", "is_fine"),
    [
        ({"HTTP_PROXY": "http://127.0.0.1:3128"}, True),
        ({"http_proxy": "http://[::1]:3128"}, True),
        ({"http_proxy": "localhost:3128"}, True),
        ({"ALL_PROXY": "socks5://localhost:1080"}, True),
        ({"HTTPS_PROXY": "http://127.0.0.1:3128"}, False),
        ({"HTTP_PROXY": "http://proxy.corp:3128"}, False),
        ({"HTTP_PROXY": "http://proxy.corp", "ALL_PROXY": "http://localhost"}, False),
        ({"HTTP_PROXY": "http://localhost", "http_proxy": "http://proxy.corp"}, False),
        ({"http_proxy": "http://proxy.corp", "HTTP_PROXY": "http://localhost"}, False),
        ({"HTTP_PROXY": "http://localhost", "http_proxy": ""}, False),
        ({"HTTP_PROXY": "http://localhost", "REQUEST_METHOD": "GET"}, False),
        ({"http_proxy": "http://localhost", "REQUEST_METHOD": "GET"}, True),
        ({"HTTP_PROXY": "http://[::1"}, False),
        ({"HTTP_PROXY": ""}, False),
        ({}, False),
    ],
)
def test_proxy_on_this_machine_may_see_the_key(environ: dict[str, str], is_fine: bool) -> None:
    """Plain http through a proxy on this machine is fine; through or without any other it is not."""
    proxies = parse_proxies(environ)
    if is_fine:
        check_cleartext("http://example.invalid/", proxies=proxies)
        return
    with pytest.raises(InvalidSettingError):
        check_cleartext("http://example.invalid/", proxies=proxies)


@pytest.mark.parametrize(
    ("no_proxy", "bypasses"),
    [
        ("example.invalid", True),
        ("EXAMPLE.INVALID", True),
        (".invalid", True),
        ("*.invalid", True),
        ("invalid", True),
        ("*", True),
        ("other, example.invalid", True),
        ("example.invalid:8080", True),
        ("http://example.invalid", True),
        ("http://example.invalid:8080", True),
        ("all://*example.invalid", True),
        ("ample.invalid", False),
        ("example.invalid.org", False),
        ("other.invalid", False),
        ("10.0.0.0/8", False),
        ("::1", False),
        ("", False),
        (",, ,", False),
    ],
)
def test_no_proxy_takes_the_local_proxy_away(no_proxy: str, bypasses: bool) -> None:
    """A host that NO_PROXY may send past the local proxy, under any reading of it, gets no key in the clear."""
    proxies = parse_proxies({"HTTP_PROXY": "http://127.0.0.1:3128", "NO_PROXY": no_proxy})
    if not bypasses:
        check_cleartext("http://example.invalid:8080/", proxies=proxies)
        return
    with pytest.raises(InvalidSettingError):
        check_cleartext("http://example.invalid:8080/", proxies=proxies)


@pytest.mark.parametrize(
    "no_proxy", ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:8080", "http://[2001:db8::1]:8080"]
)
def test_no_proxy_names_addresses_too(no_proxy: str) -> None:
    """An IPv6 host is found in NO_PROXY with and without brackets and port."""
    proxies = {"http": "http://localhost", "no": no_proxy}
    with pytest.raises(InvalidSettingError):
        check_cleartext("http://[2001:db8::1]:8080/", proxies=proxies)


@given(
    st.dictionaries(
        st.sampled_from(["HTTP_PROXY", "http_proxy", "Http_Proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "PATH"]),
        st.sampled_from(["", "a", "b"]),
    )
)
def test_proxies_are_read_as_the_standard_library_reads_them(environ: dict[str, str]) -> None:
    """Where upper and lower case disagree, the rules are those that httpx inherits from urllib."""
    if "Http_Proxy" in environ and "HTTP_PROXY" in environ:
        del environ["Http_Proxy"]
    with patch.dict("os.environ", environ, clear=True):
        assert parse_proxies(environ) == getproxies_environment()


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        *(("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True)),
        *(("", False), ("example", False), ("::ffff:10.0.0.1", False)),
    ],
)
def test_loopback_is_judged_by_the_name(host: str, is_own: bool) -> None:
    """No name is resolved to find out whether it is this machine."""
    assert is_loopback(host) is is_own
