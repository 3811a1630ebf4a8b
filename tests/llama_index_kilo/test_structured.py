"""Structured prediction in its four variants: by JSON schema, by a forced tool, or by LlamaIndex's own program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field, RootModel

from kilo_gateway.adapters.schemas import object_schema
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import Reply
from llama_index_kilo import StructuredAnswerError
from llama_index_kilo.structured import options_for_instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

    MakeLlm = Callable[..., KiloLLM]

SCHEMA_MODEL = "openai/gpt-5.2"
"""The catalog says that it answers by a JSON schema."""
TOOL_MODEL = "kilo/auto"
"""The catalog says that it calls tools, and nothing of schemas."""

ALBUM = {"title": "Kind of Blue", "year": 1959, "songs": [{"name": "So What"}, {"name": "Blue in Green"}]}
PROMPT = PromptTemplate("Make an album about {topic}.")
VARIANTS = ("structured_predict", "stream_structured_predict")


class Song(BaseModel):
    """A song."""

    name: str


class Album(BaseModel):
    """An album."""

    title: str
    year: int
    songs: list[Song]


class Node(BaseModel):
    """A tree."""

    value: int
    children: list[Node] = Field(default_factory=list)


def _predict(ask: Any, variant: str, llm: Any, output_cls: Any = Album, **kwargs: Any) -> Any:
    if variant == "structured_predict":
        return ask.call(llm, variant, output_cls, PROMPT, topic="jazz", **kwargs)
    return ask.collect(llm, variant, output_cls, PROMPT, topic="jazz", **kwargs)[-1]


def _reply(way: str) -> Reply:
    if way == "tool":
        return Reply(tool_calls=[{"name": "Album", "arguments": ALBUM}])
    return Reply(text=json.dumps(ALBUM))


def _make(make_llm: MakeLlm, way: str, **arguments: Any) -> KiloLLM:
    llm = make_llm(model=SCHEMA_MODEL if way == "schema" else "anthropic/claude-sonnet-4.6", **arguments)
    if way == "tool":
        llm.pydantic_program_mode = PydanticProgramMode.FUNCTION
    return llm


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("way", ["schema", "tool"])
def test_every_variant_forces_the_shape(
    gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, variant: str, way: str
) -> None:
    """All four variants force the schema, or a tool that is really offered; none sends a choice alone."""
    gateway.enqueue(_reply(way))
    result = _predict(ask, variant, _make(make_llm, way))
    assert isinstance(result, Album)
    assert result.model_dump() == ALBUM
    body = gateway.requests[-1].body
    if way == "schema":
        wanted = body["response_format"]["json_schema"]
        assert (body["response_format"]["type"], wanted["name"], wanted["strict"]) == ("json_schema", "Album", True)
        assert not {"tools", "tool_choice"} & body.keys()
    else:
        assert body["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in body["tools"]] == ["Album"]
        assert "response_format" not in body


@pytest.mark.parametrize(("model", "key"), [(SCHEMA_MODEL, "response_format"), (TOOL_MODEL, "tools")])
def test_the_catalog_decides(make_llm: MakeLlm, model: str, key: str) -> None:
    """Without a word from the caller, models that take a schema get one, others a forced tool."""
    request = options_for_instance(make_llm(model=model), Album, None)
    assert request is not None
    assert key in request


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("way", ["schema", "tool"])
def test_system_prompt_is_kept(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, variant: str, way: str) -> None:
    """The system prompt of the model is sent in all four variants."""
    gateway.enqueue(_reply(way))
    _predict(ask, variant, _make(make_llm, way, system_prompt="Be terse."))
    assert gateway.requests[-1].body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Make an album about jazz."},
    ]


@pytest.mark.parametrize("way", ["schema", "tool"])
def test_partials_grow_to_the_whole(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, way: str) -> None:
    """While a structured answer arrives, partial objects are yielded; titles grow, and the last is the whole."""
    gateway.enqueue(_reply(way))
    partials = ask.collect(_make(make_llm, way), "stream_structured_predict", Album, PROMPT, topic="jazz")
    titles = [title for partial in partials if (title := getattr(partial, "title", None))]
    assert len(partials) > 3
    assert all("Kind of Blue".startswith(title) for title in titles)
    assert partials[-1] == Album.model_validate(ALBUM)


def test_llm_kwargs_are_sent_and_left_alone(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """Options of a call are sent, how the shape is forced cannot be changed, and the caller's dict stays as it was."""
    gateway.enqueue(_reply("tool"))
    kwargs = {"temperature": 0.5, "tool_choice": "none", "tool_required": False}
    _predict(ask, "structured_predict", _make(make_llm, "tool"), llm_kwargs=kwargs)
    body = gateway.requests[-1].body
    assert (body["temperature"], body["tool_choice"]) == (0.5, "required")
    assert kwargs == {"temperature": 0.5, "tool_choice": "none", "tool_required": False}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("text", ['{"title": 3}', "no JSON at all", '{"title": "x", "year"'])
def test_answers_that_do_not_fit(
    gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, variant: str, text: str
) -> None:
    """An answer that is no instance of the class is a typed ValueError that names the model, streamed or not."""
    gateway.enqueue(Reply(text=text))
    with pytest.raises(StructuredAnswerError, match=r"openai/gpt-5\.2") as caught:
        _predict(ask, variant, _make(make_llm, "schema"))
    assert isinstance(caught.value, ValueError)


def test_a_fenced_answer_is_read(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """JSON inside a code fence is read."""
    gateway.enqueue(Reply(text=f"```json\n{json.dumps(ALBUM)}\n```"))
    assert _predict(ask, "structured_predict", _make(make_llm, "schema")).title == "Kind of Blue"


def test_a_cut_off_answer_says_so(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """An answer that ended at its longest length says what to do."""
    gateway.enqueue(Reply(text='{"title": "Kind', finish_reason="length"))
    with pytest.raises(StructuredAnswerError, match="max_tokens"):
        _predict(ask, "structured_predict", _make(make_llm, "schema"))


def test_a_withheld_answer_says_so(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """Where a content filter took the answer away, trying again is no help."""
    gateway.enqueue(Reply(text="", finish_reason="content_filter"))
    with pytest.raises(StructuredAnswerError, match="content filter"):
        _predict(ask, "structured_predict", _make(make_llm, "schema"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "arguments", [{"pydantic_program_mode": PydanticProgramMode.LLM}, {"is_function_calling_model": False}]
)
def test_text_mode_is_llamaindexs_own(
    gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, variant: str, arguments: dict[str, Any]
) -> None:
    """Mode LLM, and a model without tools or schemas, put the schema into the prompt; the caller's prompt stays."""
    gateway.enqueue(Reply(text=json.dumps(ALBUM)))
    result = _predict(ask, variant, make_llm(model="kilo-auto/balanced", **arguments))
    assert result == Album.model_validate(ALBUM)
    body = gateway.requests[-1].body
    assert "schema" in body["messages"][0]["content"]
    assert not {"tools", "tool_choice", "response_format"} & body.keys()
    assert PROMPT.output_parser is None


@pytest.mark.parametrize("way", ["schema", "tool"])
def test_a_class_that_holds_itself(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, way: str) -> None:
    """A recursive class is asked for with an object at the root of its schema."""
    tree = {"value": 1, "children": [{"value": 2, "children": []}]}
    gateway.enqueue(
        Reply(text=json.dumps(tree)) if way == "schema" else Reply(tool_calls=[{"name": "Node", "arguments": tree}])
    )
    assert _predict(ask, "structured_predict", _make(make_llm, way), Node).model_dump() == tree


def test_a_root_that_is_no_object_has_no_schema() -> None:
    """A list at the root cannot be asked for by schema or tool."""
    assert object_schema(RootModel[list[int]]) is None


@pytest.mark.parametrize("way", ["schema", "tool"])
def test_structured_llm(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, way: str) -> None:
    """as_structured_llm answers chats with instances, as JSON text and as raw."""
    gateway.enqueue(_reply(way))
    response = ask.chat(_make(make_llm, way).as_structured_llm(Album), "an album")
    assert response.raw == Album.model_validate(ALBUM)
    assert json.loads(response.message.content) == ALBUM


def test_built_in_model_fills_the_schema(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """Against the built-in models, both ways give an instance from the text of the prompt."""
    prompt = ChatPromptTemplate(message_templates=[ChatMessage(content='The album is titled "Blue" from 1971.')])
    for way in ("schema", "tool"):
        album = ask.call(_make(make_llm, way), "structured_predict", Album, prompt)
        assert isinstance(album, Album)
        assert album.year == 1971


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reasoning", ["high", "off"])
def test_no_tool_is_forced_on_a_model_that_thinks(
    gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any, variant: str, reasoning: str
) -> None:
    """Anthropic refuses reasoning together with a forced tool, so the tool is asked for in words."""
    gateway.enqueue(Reply(tool_calls=[{"name": "Album", "arguments": ALBUM}]))
    llm = make_llm(reasoning=reasoning, pydantic_program_mode=PydanticProgramMode.FUNCTION)
    assert _predict(ask, variant, llm) == Album(**ALBUM)
    body = gateway.requests[-1].body
    assert body["tool_choice"] == ("auto" if reasoning == "high" else "required")
    assert ("by calling this tool" in body["tools"][0]["function"]["description"]) is (reasoning == "high")


@pytest.mark.parametrize("wanted", [list[Album], Album | None, dict, int, "Album"])
def test_what_is_no_class_says_what_to_write(llm: KiloLLM, ask: Any, wanted: Any) -> None:
    """LlamaIndex predicts instances of pydantic classes; for anything else the error shows how to make one."""
    for variant in VARIANTS:
        with pytest.raises(InvalidRequestError, match="is none: make it a field of one"):
            _predict(ask, variant, llm, wanted)
    with pytest.raises(InvalidRequestError, match="pydantic classes"):
        llm.as_structured_llm(wanted)
