"""The fields of model objects: written from the tables, and the same in every class of both frameworks."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kilo_gateway.adapters.fields import ChatFields, EmbeddingFields
from kilo_gateway.adapters.model_object import ModelObject
from kilo_gateway.request.options import EMBEDDING_OPTIONS, FIELD_OF
from kilo_gateway.settings.settings import ROWS
from langchain_kilo import ChatKilo, KiloEmbeddings
from llama_index_kilo import KiloEmbedding, KiloLLM

ROOT = Path(__file__).parents[3]
CHAT = pytest.mark.parametrize("kind", [ChatKilo, KiloLLM])
ALL = pytest.mark.parametrize("kind", [ChatKilo, KiloLLM, KiloEmbeddings, KiloEmbedding])


def _writer() -> Any:
    """Return tools/model_fields.py, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("model_fields", ROOT / "tools" / "model_fields.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fields_are_those_of_the_tables() -> None:
    """The file of the fields is what `make fields` writes: an option or setting in the tables is a field."""
    writer = _writer()
    assert writer.PAGE.read_text(encoding="utf-8") == writer.render()
    assert writer.ARGUMENTS.read_text(encoding="utf-8") == writer.render_arguments()


@CHAT
def test_every_option_is_a_field_of_both_chat_models(kind: type[BaseModel]) -> None:
    """A row of the table of options is a field of ChatKilo and KiloLLM, with its type, whatever the framework."""
    for name, field in FIELD_OF.items():
        assert field in kind.model_fields, name
        assert kind.model_fields[field].annotation == ChatFields.model_fields[field].annotation


@ALL
def test_every_setting_is_a_field_of_every_class(kind: type[BaseModel]) -> None:
    """A row of the table of settings is a field of all four classes; an embedding model has a name of its own."""
    assert set(ROWS) - {"model"} <= set(kind.model_fields)
    assert {"model", "model_name"} & set(kind.model_fields)


@pytest.mark.parametrize("kind", [KiloEmbeddings, KiloEmbedding])
def test_every_embedding_option_is_a_field(kind: type[BaseModel]) -> None:
    """A row of the table of embedding options is a field, but for `input_type`, which queries and texts have each."""
    assert {*EMBEDDING_OPTIONS, "extra_body"} - {"input_type"} <= set(kind.model_fields)
    assert "query_input_type" in kind.model_fields


@ALL
def test_three_classes_at_most_stand_before_the_frameworks(kind: type) -> None:
    """Between a user's own class and the framework's stand three of ours: the class itself, its fields, its base."""
    mine = type("Mine", (kind,), {"__module__": __name__})
    ours = [cls for cls in mine.__mro__[1:] if cls.__module__.partition(".")[0].endswith(("_kilo", "kilo_gateway"))]
    assert ours == [kind, ours[1], ModelObject]
    assert ours[1] in (ChatFields, EmbeddingFields)
    assert mine.__mro__[1:4] == tuple(ours)


@ALL
def test_the_arguments_show_behind_the_first_object(kind: type[BaseModel]) -> None:
    """Once an object was made, `?` still shows each argument, all to be named, and none that it did not show before."""
    before = {*inspect.signature(kind).parameters}
    kind(api_key="test-key")
    parameters = inspect.signature(kind).parameters
    assert {"api_key", "timeout", "max_retries", "default_headers"} <= {*parameters} <= before
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert "settings of the gateway" in (kind.__init__.__doc__ or "")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ChatKilo, {"model", "reasoning"}),
        (KiloEmbeddings, {"model", "dimensions"}),
        (KiloLLM, {"callback_manager", "reasoning"}),
        (KiloEmbedding, {"callback_manager", "dimensions"}),
    ],
)
def test_the_arguments_show_before_the_first_object(kind: type[BaseModel], names: set[str]) -> None:
    """`?` and completion show every field of a class of which no object was made, and no argument without a name."""
    unused = type("Unused", (kind,), {"__module__": __name__})
    for shown in (unused, kind):
        parameters = inspect.signature(shown).parameters
        assert {"api_key", "timeout", *names} <= {*parameters}
        assert "unnamed" not in parameters
