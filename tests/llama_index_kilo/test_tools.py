"""Tools: how they are offered, how calls are read, and how a history with calls and results is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import Reply
from llama_index_kilo import NoToolCallError
from llama_index_kilo.messages import render_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
CALL = {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_1"}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({}, "auto"),
        ({"tool_required": True}, "required"),
        ({"tool_choice": "none", "tool_required": True}, "none"),
        ({"tool_choice": "required"}, "required"),
        ({"tool_choice": "add"}, {"type": "function", "function": {"name": "add"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"type": "function", "function": {"name": "add"}},
        ),
    ],
)
def test_tool_choice(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, arguments: dict[str, Any], sent: Any) -> None:
    """An explicit choice wins over tool_required; a tool's name becomes the object that the wire wants."""
    ask.call(llm, "chat_with_tools", [ADD], user_msg="hi", **arguments)
    body = gateway.requests[-1].body
    assert body["tool_choice"] == sent
    assert [tool["function"]["name"] for tool in body["tools"]] == ["add"]
    assert "strict" not in body["tools"][0]["function"]


def test_prepared_arguments_of_a_chat_with_tools(llm: KiloLLM) -> None:
    """The prepared arguments have the keys that LlamaIndex's own contract tests read; without tools none is offered."""
    prepared = llm._prepare_chat_with_tools([ADD], user_msg="hi", tool_required=True, allow_parallel_tool_calls=True)
    assert prepared["tool_choice"] == "required"
    assert prepared["parallel_tool_calls"] is True
    assert prepared["messages"] == [ChatMessage(role="user", content="hi")]
    empty = llm._prepare_chat_with_tools([], user_msg="hi", tool_required=True)
    assert (empty["tools"], empty["tool_choice"]) == (None, None)
    assert "parallel_tool_calls" not in empty


def test_no_tools_no_tool_options(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """With an empty list of tools nothing about tools is sent."""
    ask.call(llm, "chat_with_tools", [], user_msg="hi", tool_required=True)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & gateway.requests[-1].body.keys()


def test_strict_on_request(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any) -> None:
    """The key `strict` is sent when the caller asks for it, by call or by constructor, and the schema is closed."""
    ask.call(make_llm(), "chat_with_tools", [ADD], user_msg="hi", strict=True)
    ask.call(make_llm(strict=True), "chat_with_tools", [ADD], user_msg="hi")
    for request in gateway.requests:
        function = request.body["tools"][0]["function"]
        assert function["strict"] is True
        assert function["parameters"]["additionalProperties"] is False


class Folder(BaseModel):
    """A folder."""

    name: str
    folders: list[Folder] = []


def test_arguments_of_a_type_that_holds_itself(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """LlamaIndex leaves out the root of such a schema, and with it what the arguments are."""
    pack = FunctionTool.from_defaults(lambda **folder: str(folder), name="pack", description="d", fn_schema=Folder)
    ask.call(llm, "chat_with_tools", [pack], user_msg="hi")
    parameters = gateway.requests[-1].body["tools"][0]["function"]["parameters"]
    assert parameters["type"] == "object"
    assert parameters["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}


def test_long_descriptions_are_sent(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A tool's description may be longer than the 1024 characters of LlamaIndex's own check."""
    tool = FunctionTool.from_defaults(add, description="x" * 3000)
    ask.call(llm, "chat_with_tools", [tool], user_msg="hi")
    assert gateway.requests[-1].body["tools"][0]["function"]["description"] == "x" * 3000


def test_calls_are_read(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A call is a ToolCallBlock, a plain dict under additional_kwargs, and a ToolSelection."""
    gateway.enqueue(Reply(tool_calls=[CALL], times=2))
    responses = [
        ask.call(llm, "chat_with_tools", [ADD], user_msg="hi"),
        ask.collect(llm, "stream_chat_with_tools", [ADD], user_msg="hi")[-1],
    ]
    for response in responses:
        message = response.message
        block = next(block for block in message.blocks if isinstance(block, ToolCallBlock))
        assert (block.tool_call_id, block.tool_name, block.tool_kwargs) == ("call_1", "add", {"a": 1, "b": 2})
        stored = message.additional_kwargs["tool_calls"]
        assert [type(call) for call in stored] == [dict]
        assert json.loads(json.dumps(stored)) == stored
        assert stored[0]["function"]["name"] == "add"
        assert message.content is None
        [selection] = llm.get_tool_calls_from_response(response)
        assert (selection.tool_id, selection.tool_name, selection.tool_kwargs) == ("call_1", "add", {"a": 1, "b": 2})


def test_one_call_unless_several_are_allowed(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Of several calls the first is kept, in both places, unless the caller allows parallel calls."""
    gateway.enqueue(Reply(tool_calls=[CALL, {**CALL, "id": "call_2"}], times=2))
    one = ask.call(llm, "chat_with_tools", [ADD], user_msg="hi")
    assert [call.tool_id for call in llm.get_tool_calls_from_response(one)] == ["call_1"]
    assert [call["id"] for call in one.message.additional_kwargs["tool_calls"]] == ["call_1"]
    both = ask.call(llm, "chat_with_tools", [ADD], user_msg="hi", allow_parallel_tool_calls=True)
    assert [call.tool_id for call in llm.get_tool_calls_from_response(both)] == ["call_1", "call_2"]


def test_no_call_is_an_error_only_where_one_was_expected(llm: KiloLLM) -> None:
    """A plain answer gives no selections, or a typed ValueError when a call was expected."""
    response = ChatResponse(message=ChatMessage(role="assistant", content="no"))
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(NoToolCallError) as caught:
        llm.get_tool_calls_from_response(response)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("arguments", ['{"a": 1, "b"', "[1, 2]", "nonsense", '{"a": NaN}'])
def test_broken_arguments_never_run_a_tool(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, arguments: str) -> None:
    """Arguments that are no JSON object are not guessed: the tool's call fails with a message that quotes them."""
    gateway.enqueue(Reply(tool_calls=[{**CALL, "arguments": arguments}], times=2))
    optional = FunctionTool.from_defaults(lambda a=0: a, name="add", description="Adds.")
    whole = ask.chat(llm, "hi")
    for response in (whole, ask.stream(llm, "hi")[-1], ChatResponse(message=whole.message)):
        [selection] = llm.get_tool_calls_from_response(response)
        assert selection.tool_kwargs["invalid_arguments"] == arguments
        with pytest.raises(TypeError):
            optional(**selection.tool_kwargs)


def test_partial_calls_are_readable_in_mid_stream(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """While a call arrives, its arguments hold what can be read so far, and never anything else."""
    gateway.enqueue(Reply(tool_calls=[{**CALL, "arguments": {"a": 12345, "b": "a longer text in here"}}]))
    seen = [
        llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) for response in ask.stream(llm, "hi")
    ]
    texts = [calls[0].tool_kwargs.get("b", "") for calls in seen if calls]
    assert texts[-1] == "a longer text in here"
    assert all("a longer text in here".startswith(text) for text in texts)
    assert all(isinstance(call.tool_id, str) for calls in seen for call in calls)


def test_history_is_never_mutated(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The caller's list and its messages are the same after a call with tools."""
    gateway.enqueue(Reply(text="ok", times=4))
    history = [
        ChatMessage(role="user", content="add 1 and 2"),
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="c", tool_name="add", tool_kwargs={"a": 1})]),
        ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": "c"}),
    ]
    before = [message.model_dump_json() for message in history]
    ask.call(llm, "chat_with_tools", [ADD], user_msg="and?", chat_history=history)
    ask.collect(llm, "stream_chat_with_tools", [ADD], user_msg="and?", chat_history=history)
    assert [message.model_dump_json() for message in history] == before


def test_results_are_sent(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A call and its result are sent in the wire's shape, the arguments as JSON text."""
    gateway.enqueue(Reply(text="ok"))
    call = ToolCallBlock(tool_call_id="call_9", tool_name="add", tool_kwargs={"a": 1, "b": 2})
    ask.chat(
        llm,
        [
            ChatMessage(role="user", content="add"),
            ChatMessage(role="assistant", blocks=[call]),
            ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": "call_9"}),
        ],
    )
    _, assistant, result = gateway.requests[-1].body["messages"]
    function = {"name": "add", "arguments": '{"a":1,"b":2}'}
    assert assistant == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "id": "call_9", "function": function}],
    }
    assert result == {"role": "tool", "content": "3", "tool_call_id": "call_9"}


def test_a_result_may_hold_an_image(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """An image in a tool's result is sent as an image, beside the text."""
    gateway.enqueue(Reply(text="ok"))
    result = ChatMessage(
        role="tool", blocks=[TextBlock(text="see"), ImageBlock(image=PNG)], additional_kwargs={"tool_call_id": "c"}
    )
    call = ToolCallBlock(tool_call_id="c", tool_name="draw", tool_kwargs={})
    ask.chat(llm, [ChatMessage(content="x"), ChatMessage(role="assistant", blocks=[call]), result])
    text, image = gateway.requests[-1].body["messages"][2]["content"]
    assert text == {"type": "text", "text": "see"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_what_a_block_cannot_hold_travels_beside_it(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The exact text of arguments and unknown keys of a call, such as signatures, go back as they came."""
    wire = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "add", "arguments": '{ "a": 1,\n "b": 2.0 }'},
        "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}},
    }
    body = {"id": "g", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {}}]}
    body["choices"][0]["message"] = {"role": "assistant", "content": "", "tool_calls": [wire]}
    gateway.enqueue(Reply(body=body), Reply(text="ok"))
    answer = ask.chat(llm, "hi").message
    result = ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": "call_1"})
    stored = ChatMessage.model_validate_json(answer.model_dump_json())
    ask.chat(llm, [ChatMessage(content="hi"), stored, result])
    assert gateway.requests[-1].body["messages"][1]["tool_calls"] == [wire]


def test_changed_arguments_of_a_block_count(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Whoever changes a call's block, say a human in the loop, changes what is sent."""
    gateway.enqueue(Reply(tool_calls=[CALL]), Reply(text="ok"))
    answer = ask.chat(llm, "hi").message
    block = next(block for block in answer.blocks if isinstance(block, ToolCallBlock))
    block.tool_kwargs = {"a": 5}
    ask.chat(llm, [ChatMessage(content="hi"), answer, _result("call_1")])
    assert gateway.requests[-1].body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"a":5}'


def test_broken_arguments_go_back_as_valid_json(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A call whose arguments were broken is replayed with a JSON object that quotes them: providers refuse others."""
    gateway.enqueue(Reply(tool_calls=[{**CALL, "arguments": '{"a": '}]), Reply(text="ok"))
    answer = ask.chat(llm, "hi").message
    ask.chat(llm, [ChatMessage(content="hi"), answer, _result("call_1")])
    sent = gateway.requests[-1].body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"invalid_arguments": '{"a": '}


def test_calls_of_other_packages_are_understood(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A stored call may be an object of an SDK, and calls and results without ids are matched in order."""

    class Function(BaseModel):
        name: str
        arguments: str

    class Call(BaseModel):
        id: str
        type: str = "function"
        function: Function

    gateway.enqueue(Reply(text="ok"))
    typed = Call(id="call_7", function=Function(name="add", arguments='{"a":1}'))
    nameless = [ToolCallBlock(tool_name="add", tool_kwargs={"a": n}) for n in (1, 2)]
    ask.chat(
        llm,
        [
            ChatMessage(content="hi"),
            ChatMessage(role="assistant", additional_kwargs={"tool_calls": [typed]}),
            _result("call_7"),
            ChatMessage(role="assistant", blocks=nameless),
            ChatMessage(role="tool", content="one"),
            ChatMessage(role="function", content="two"),
        ],
    )
    messages = gateway.requests[-1].body["messages"]
    assert messages[1]["tool_calls"][0]["id"] == "call_7"
    assert [call["id"] for call in messages[3]["tool_calls"]] == [
        messages[4]["tool_call_id"],
        messages[5]["tool_call_id"],
    ]


@pytest.mark.parametrize(
    "stored",
    [
        {"type": "tool_use", "id": "call_7", "name": "add", "input": {"a": 1}},
        {"id": "call_7", "name": "add", "args": {"a": 1}},
        {"id": "call_7", "name": "add", "arguments": '{"a":1}'},
    ],
)
def test_calls_in_other_providers_shapes_keep_name_and_arguments(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, stored: dict[str, Any]
) -> None:
    """A conversation that LlamaIndex's class for Anthropic or Gemini began goes on."""
    gateway.enqueue(Reply(text="ok"))
    said = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [stored]})
    ask.chat(llm, [ChatMessage(content="hi"), said, _result("call_7")])
    [call] = gateway.requests[-1].body["messages"][1]["tool_calls"]
    assert call == {"type": "function", "id": "call_7", "function": {"name": "add", "arguments": '{"a":1}'}}


def test_messages_given_as_mappings_are_messages(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """LlamaIndex's own instrumentation lets them pass; what is none of its messages is refused in words."""
    gateway.enqueue(Reply(text="ok"))
    ask.chat(llm, [{"role": "user", "content": "hi"}])
    assert gateway.requests[-1].body["messages"] == [{"role": "user", "content": "hi"}]
    with pytest.raises(InvalidRequestError, match="ChatMessage"):
        render_messages([3])  # type: ignore[list-item] # what a caller may do


def test_a_result_for_no_call_is_refused(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A tool message that answers nothing is a typed error, not a request that the gateway would quietly change."""
    with pytest.raises(InvalidRequestError, match="tool_call_id"):
        ask.chat(llm, [ChatMessage(content="hi"), ChatMessage(role="tool", content="3")])
    assert gateway.requests == []


def test_return_direct_message_is_sent_without_call_id(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The assistant message that agents add for return_direct tools carries no tool_call_id on the wire."""
    gateway.enqueue(Reply(text="ok"))
    direct = ChatMessage(role="assistant", content="3", additional_kwargs={"tool_call_id": "c"})
    ask.chat(llm, [ChatMessage(content="hi"), direct, ChatMessage(content="and?")])
    assert gateway.requests[-1].body["messages"][1] == {"role": "assistant", "content": "3"}


def test_predict_and_call(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The built-in model calls the tool, LlamaIndex runs it, and its output is the response."""
    output = ask.call(llm, "predict_and_call", [ADD], user_msg="What is 20 plus 22?", tool_required=True)
    assert output.response == "42"


def _result(call_id: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.TOOL, content="3", additional_kwargs={"tool_call_id": call_id})
