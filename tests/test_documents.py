"""The code of README and docs runs as it stands, against the embedded gateway; what they link to is there."""

import ast
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

import kilo_gateway
import langchain_kilo
import llama_index_kilo
from kilo_gateway import batch, testing
from kilo_gateway.catalog import discovery
from kilo_gateway.testing import EmbeddedGateway

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
OWN_TEST = {"testing-with-cassettes.md", "ray.md"}
"""Pages whose blocks belong together and have a test of their own."""


def _blocks() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        if page.name not in OWN_TEST:
            blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
            found += [(f"{page.name}-{number}", code) for number, code in enumerate(blocks, 1)]
    return found


@pytest.mark.usefixtures("brief_waits")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the frameworks, about themselves
@pytest.mark.parametrize(("name", "code"), _blocks(), ids=lambda value: value if len(value) < 60 else "")
def test_every_block_runs(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block can be pasted and run, in any folder: none needs a file of the repository."""
    for variable in [variable for variable in os.environ if variable.startswith("KILO")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    _own_tracers(monkeypatch)
    discovery.forget()
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    discovery.forget()
    assert capsys.readouterr().out or "assert " in code


def _own_tracers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a block set up OpenTelemetry, which a process can do once, for itself only."""
    from opentelemetry import trace

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", type(trace._TRACER_PROVIDER_SET_ONCE)())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """What a page links to within the repository is there, with the heading that it names."""
    for link in re.findall(r"\]\(([^):\s]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _public_names_of_ray() -> list[str]:
    """Return the names as the source states them: Ray itself need not be installed."""
    source = (ROOT / "shared" / "kilo_gateway" / "ray" / "__init__.py").read_text()
    return list(ast.literal_eval(source.partition("__all__ = ")[2]))


@pytest.mark.parametrize(
    ("package", "names"),
    [
        *((one.__name__, one.__all__) for one in (batch, kilo_gateway, langchain_kilo, llama_index_kilo, testing)),
        ("kilo_gateway.ray", _public_names_of_ray()),
    ],
)
def test_every_public_name_is_in_the_reference(package: str, names: Sequence[str]) -> None:
    """The reference has every name that a package makes public."""
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    found = set(re.findall(rf"^::: {package}\.(\w+)$", pages, re.MULTILINE))
    assert found == set(names) - {"__version__"}


def test_every_page_is_in_the_site() -> None:
    """A page that no menu leads to is found by nobody."""
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    pages = re.findall(r"[\w/-]+\.md", str(nav))
    assert sorted(pages) == sorted(str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md"))
