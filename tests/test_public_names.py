"""What can be imported from the top of each package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_gateway
import langchain_kilo
import llama_index_kilo

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "package", [kilo_gateway, langchain_kilo, llama_index_kilo], ids=lambda package: package.__name__
)
def test_public_names_are_sorted_and_there(package: object) -> None:
    """Every name in `__all__` can be imported, and the list is in order."""
    names = package.__all__  # type: ignore[attr-defined] # every package here has one
    assert list(names) == sorted(names)
    assert all(hasattr(package, name) for name in names)
    assert set(names) <= set(dir(package))


def test_type_checkers_see_the_same_names() -> None:
    """The names that the core imports on first use are those that it declares for type checkers."""
    tree = ast.parse((ROOT / "shared/kilo_gateway/__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(kilo_gateway.__all__) - {"__version__"}


def test_unknown_names_are_refused() -> None:
    """A name that the package does not have is an AttributeError, as anywhere."""
    with pytest.raises(AttributeError, match="no attribute 'KiloCLient'"):
        kilo_gateway.KiloCLient  # noqa: B018 - the look-up is the test


def test_importing_loads_no_http_library() -> None:
    """Importing the core does not load httpx, which comes with the first call; the adapters' cost tests hold theirs."""
    code = (
        "import sys, kilo_gateway, kilo_gateway.settings.settings\n"
        "print(sorted({'httpx', 'httpcore', 'h11', 'openai'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("package", "framework", "extra"),
    [("langchain_kilo", "langchain_core", "langchain"), ("llama_index_kilo", "llama_index", "llama-index")],
)
def test_a_missing_framework_is_named_with_its_extra(package: str, framework: str, extra: str) -> None:
    """Without its framework an adapter's import says what to install."""
    code = f"import sys; sys.modules[{framework!r}] = None; sys.modules['llama_index.core'] = None; import {package}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(rf'ImportError: {package} needs .* pip install "kilo-gateway\[{extra}\]"', done.stderr)
