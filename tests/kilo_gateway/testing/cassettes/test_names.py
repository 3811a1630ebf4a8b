"""Names, modes and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_gateway.testing
from kilo_gateway.testing.cassettes.errors import CassetteError
from kilo_gateway.testing.cassettes.modes import MODES, may_record, resolve_mode
from kilo_gateway.testing.cassettes.naming import cassette_path, file_name, named_path
from kilo_gateway.testing.cassettes.origin import (
    EMBEDDED,
    OTHER,
    REAL,
    CassetteOrigin,
    is_gateway,
    is_local_address,
    origin_of,
)

BASE = "https://api.kilo.ai/api/gateway/"


def test_public_names_of_the_testing_package() -> None:
    """Every public name can be imported; type checkers see the same ones."""
    package = kilo_gateway.testing
    assert list(package.__all__) == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    block = next(node for node in ast.parse(Path(package.__file__).read_text()).body if isinstance(node, ast.If))
    declared = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Casette'"):
        package.Casette  # noqa: B018 - the look-up is the test


def test_what_importing_costs_and_needs() -> None:
    """Names are loaded when first used; a missing part of the extra is named; replays need no pytest and no server."""
    code = """
import sys, kilo_gateway.testing.pytest_plugin
del sys.modules["pytest"]
heavy = {'vcr', 'yaml', 'starlette', 'uvicorn', 'httpx', 'pydantic', 'langchain_core', 'llama_index', 'pytest'}
print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))
sys.modules['pytest'] = None
for word in sys.argv[1:]:
    name, _, missing = word.partition('=')
    sys.modules[missing] = None
    try:
        getattr(kilo_gateway.testing, name)
    except ImportError as error:
        print(error)
    del sys.modules[missing]
before = set(sys.modules)
with kilo_gateway.testing.use_cassette('none', record='none'):
    pass
print(sorted({'starlette', 'uvicorn'} & set(sys.modules) - before))
"""
    needs = {"use_cassette": "vcr", "serve": "uvicorn", "EmbeddedGateway": "uvicorn", "check_cassettes": "yaml"}
    words = [f"{name}={missing}" for name, missing in needs.items()]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    told = 'kilo_gateway.testing needs {}: pip install "kilo-gateway[testing]"'
    assert done.stdout.splitlines() == ["[]", *map(told.format, needs.values()), "[]"]


@pytest.mark.parametrize(
    ("environ", "commands", "defaults", "expected"),
    [
        ({}, (), (), "once"),
        ({}, (None, None), (None, None), "once"),
        ({}, (), ("none",), "none"),
        ({}, (), (None, "all"), "all"),
        ({"CI": "true"}, (), ("all",), "none"),
        ({"CI": ""}, (), (), "once"),
        ({"CI": "0"}, (), (), "once"),
        ({"BUILD_NUMBER": "7"}, (), (), "none"),
        ({"KILO_RECORD": " Rewrite "}, (), ("none",), "rewrite"),
        ({"KILO_RECORD": "all", "CI": "1"}, (), (), "all"),
        ({"KILO_RECORD": "all"}, (None, "none"), (), "none"),
        ({"KILO_RECORD": "all"}, ("new_episodes", "none"), (), "new_episodes"),
    ],
)
def test_who_decides_the_mode(
    environ: dict[str, str], commands: tuple[str | None, ...], defaults: tuple[str | None, ...], expected: str
) -> None:
    """Commands win over the variable, that over CI, and CI over what code and configuration say."""
    assert resolve_mode(environ, *commands, defaults=defaults) == expected


def test_unknown_modes() -> None:
    """An unknown mode is refused with the known ones."""
    with pytest.raises(CassetteError, match=", ".join(MODES)):
        resolve_mode({"KILO_RECORD": "always"})


def test_which_modes_may_record() -> None:
    """`none` never does, `once` when there is no file."""
    assert [mode for mode in MODES if may_record(mode, exists=True)] == ["new_episodes", "all", "rewrite"]
    assert [mode for mode in MODES if may_record(mode, exists=False)] == ["once", "new_episodes", "all", "rewrite"]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("test_a", "test_a.kilo.yaml"),
        ("TestA.test_b[1-x]", "TestA.test_b[1-x].kilo.yaml"),
        ("test_ü", "test_ü.kilo.yaml"),
    ],
)
def test_file_names(test: str, expected: str) -> None:
    """A cassette is called as its test."""
    assert file_name(test) == expected


def test_file_names_never_collide_and_always_fit() -> None:
    """What no file system takes is replaced, and told apart by a hash."""
    tests = ["a/b", "a:b", "a-b", "a?b", "x" * 400, "x" * 401, "ü" * 200, "a\nb"]
    names = [file_name(test) for test in tests]
    assert len(set(names)) == len(tests)
    assert all(len(name.encode()) < 200 and not set("/:?\n") & set(name) for name in names)


def test_where_cassettes_lie() -> None:
    """Beside the module, in a folder of its name; a name of one's own is a path below that."""
    module = Path("tests/test_x.py")
    assert cassette_path(module, "test_a") == Path("tests/cassettes/test_x/test_a.kilo.yaml")
    assert named_path(Path("home"), "sub/name") == Path("home/sub/name.kilo.yaml")
    assert named_path(Path("home"), "../other.yaml") == Path("home/../other.yaml")


@pytest.mark.parametrize(
    ("uri", "headers", "expected"),
    [
        (f"{BASE}chat/completions", {}, True),
        ("http://127.0.0.1:99/api/gateway/models", {}, True),
        ("http://localhost/api/openrouter/v1/chat/completions", {}, True),
        ("https://llm.corp.example/v1/chat/completions", {"X-KILOCODE-FEATURE": "x"}, True),
        ("https://llm.corp.example/v1/chat/completions", {}, False),
        ("https://api.openai.example/api/gateway/models", {}, False),
        ("http://testserver/api/gateway/models", {}, False),
        ("http://127.0.0.1:99/health", {}, False),
    ],
)
def test_what_belongs_to_a_gateway(uri: str, headers: dict[str, str], expected: bool) -> None:
    """A gateway's address, or this package's own header, makes a request the cassette's business."""
    assert is_gateway(uri, headers, BASE) is expected


@pytest.mark.parametrize(
    ("uri", "headers", "expected"),
    [
        (f"{BASE}models", {}, CassetteOrigin(REAL, BASE, recorded="2026-01-02")),
        (
            "http://127.0.0.1/api/gateway/models",
            {"X-Vercel-Id": "iad1::embedded-3"},
            CassetteOrigin(EMBEDDED, "http://127.0.0.1/api/gateway/", version=kilo_gateway.__version__),
        ),
        (
            "https://llm.example/x/chat/completions",
            {},
            CassetteOrigin(OTHER, "https://llm.example/x/", recorded="2026-01-02"),
        ),
    ],
)
def test_where_answers_come_from(uri: str, headers: dict[str, str], expected: CassetteOrigin) -> None:
    """The origin tells the embedded gateway, with its version, from the real one and from others."""
    assert origin_of(uri, headers, base_url=BASE, today="2026-01-02") == expected


_MINE = ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost", "", "0.0.0.0"]
_OTHERS = ["10.0.0.1", "example.com", "localhost.example", "fe80::1%eth0"]


@pytest.mark.parametrize(
    ("host", "expected"), [*((host, True) for host in _MINE), *((host, False) for host in _OTHERS)]
)
def test_what_this_machine_is(host: str, expected: bool) -> None:
    """Loopback is this machine; private networks are not."""
    assert is_local_address(host) is expected
