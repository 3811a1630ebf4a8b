"""What the package offers, and what it says when LangChain is not there."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import FunctionType

import pytest
from langchain_core.messages.block_translators import get_translator

import langchain_kilo
from kilo_gateway import _version
from langchain_kilo import ChatKilo


def test_public_names_exist_and_are_sorted() -> None:
    """`__all__` is sorted, each name in it exists, and the version is the distribution's."""
    assert sorted(langchain_kilo.__all__) == langchain_kilo.__all__
    assert all(hasattr(langchain_kilo, name) for name in langchain_kilo.__all__)
    assert langchain_kilo.__version__ == _version.__version__


def test_importing_registers_the_translator() -> None:
    """Messages of provider `kilo` have their content blocks from here."""
    assert get_translator("kilo") is not None


@pytest.mark.parametrize("missing", ["langchain_core", "langchain_protocol"])
def test_missing_langchain_is_said_plainly(missing: str) -> None:
    """Without langchain-core the import says what to install; another missing module is not mistaken for it."""
    code = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {missing!r} or name.startswith({missing!r} + '.'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import langchain_kilo\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    is_said = 'pip install "kilo-gateway[langchain]"' in done.stderr
    assert done.returncode != 0
    assert is_said is (missing == "langchain_core")


@pytest.mark.parametrize("name", ["_generate", "_agenerate"])
def test_signatures_made_once_are_those_made_anew(name: str) -> None:
    """What LangChain is told of a method's arguments is what Python would say."""
    method = getattr(ChatKilo, name)
    bare = FunctionType(method.__code__, {}, name, method.__defaults__)
    assert list(inspect.signature(method).parameters) == list(inspect.signature(bare).parameters)
    assert "run_manager" in inspect.signature(getattr(ChatKilo(api_key="k"), name)).parameters
