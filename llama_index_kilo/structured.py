"""Structured prediction: by JSON schema where the catalog says the model takes one, else by a tool it must call.

`stream` and `astream` are methods of KiloLLM.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined] # not in its __all__
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import get_program_for_llm
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from kilo_gateway.adapters.schemas import object_schema, render_answer_format
from llama_index_kilo.parameters import options_of_call
from llama_index_kilo.structured_answers import Partials, check_output_class, parse_structured

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.prompts import PromptTemplate

    from llama_index_kilo.llm import KiloLLM

M = TypeVar("M", bound=BaseModel)

dispatcher = get_dispatcher(__name__)

_OWN_MODES = (PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION)
"""Modes that are served here; the others are LlamaIndex's own programs."""
_OWN_KEYS = ("tools", "tool_choice", "tool_required", "allow_parallel_tool_calls", "response_format")
"""What a caller cannot ask for in a structured prediction, because it is how one is made."""


def predict(
    llm: KiloLLM, output_cls: type[M], prompt: PromptTemplate, llm_kwargs: dict[str, Any] | None, args: dict[str, Any]
) -> M:
    """Return the instance that the model makes of the prompt.

    Raises:
        StructuredAnswerError: the answer is not an instance of the class.
    """
    check_output_class(output_cls)
    dispatcher.event(_start(output_cls, prompt, args))
    request = options_for_instance(llm, output_cls, llm_kwargs)
    if request is None:
        result = _program(llm, output_cls, prompt)(llm_kwargs=dict(llm_kwargs or {}), **args)
    else:
        response = llm.chat(_format(llm, prompt, args), **request)
        result = parse_structured(output_cls, response, model=llm.model, function_name=_tool_name(request))
    dispatcher.event(LLMStructuredPredictEndEvent(output=result))
    return cast("M", result)


async def apredict(
    llm: KiloLLM, output_cls: type[M], prompt: PromptTemplate, llm_kwargs: dict[str, Any] | None, args: dict[str, Any]
) -> M:
    """Return what `predict` does."""
    check_output_class(output_cls)
    dispatcher.event(_start(output_cls, prompt, args))
    request = options_for_instance(llm, output_cls, llm_kwargs)
    if request is None:
        result = await _program(llm, output_cls, prompt).acall(llm_kwargs=dict(llm_kwargs or {}), **args)
    else:
        response = await llm.achat(_format(llm, prompt, args), **request)
        result = parse_structured(output_cls, response, model=llm.model, function_name=_tool_name(request))
    dispatcher.event(LLMStructuredPredictEndEvent(output=result))
    return cast("M", result)


def stream(
    llm: KiloLLM,
    /,
    output_cls: type[M],
    prompt: PromptTemplate,
    llm_kwargs: dict[str, Any] | None = None,
    **args: Any,
) -> Generator[Any, None, None]:
    """Yield the object as it grows; the last one is an instance of the class."""
    request = options_for_instance(llm, output_cls, llm_kwargs)
    if request is None:
        yield from _program(llm, output_cls, prompt).stream_call(llm_kwargs=dict(llm_kwargs or {}), **args)
        return
    partials = Partials(output_cls)
    with closing(llm.stream_chat(_format(llm, prompt, args), **request)) as responses:
        for response in responses:
            if (partial := partials.add(response)) is not None:
                yield partial
    yield parse_structured(output_cls, response, model=llm.model, function_name=_tool_name(request))


async def astream(
    llm: KiloLLM,
    /,
    output_cls: type[M],
    prompt: PromptTemplate,
    llm_kwargs: dict[str, Any] | None = None,
    **args: Any,
) -> AsyncGenerator[Any, None]:
    """Return what `stream` yields, as an asynchronous generator."""
    request = options_for_instance(llm, output_cls, llm_kwargs)
    if request is None:
        program = _program(llm, output_cls, prompt)
        objects: AsyncGenerator[Any, None] = await program.astream_call(llm_kwargs=dict(llm_kwargs or {}), **args)
        return objects
    return _astream_own(llm, output_cls, _format(llm, prompt, args), request)


async def _astream_own(
    llm: KiloLLM, output_cls: type[M], messages: list[ChatMessage], request: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    partials = Partials(output_cls)
    async with aclosing(await llm.astream_chat(messages, **request)) as responses:
        async for response in responses:
            if (partial := partials.add(response)) is not None:
                yield partial
    yield parse_structured(output_cls, response, model=llm.model, function_name=_tool_name(request))


def _format(llm: KiloLLM, prompt: PromptTemplate, args: dict[str, Any]) -> list[ChatMessage]:
    return llm._extend_messages(prompt.format_messages(llm=llm, **args))


def options_for_instance(
    llm: KiloLLM, output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return the options that make the model answer with an instance; None to leave it to LlamaIndex's program."""
    check_output_class(output_cls)
    schema = object_schema(output_cls) if llm.pydantic_program_mode in _OWN_MODES else None
    if schema is None:
        return None
    kept = {name: value for name, value in (llm_kwargs or {}).items() if name not in _OWN_KEYS}
    info = llm._model_info()
    is_default = llm.pydantic_program_mode == PydanticProgramMode.DEFAULT
    if is_default and info is not None and info.structured_output:
        name, description = str(schema.get("title") or output_cls.__name__), schema.get("description")
        wanted = render_answer_format(name, schema, description=description, strict=llm.strict or None)
        return kept | {"response_format": wanted}
    if not llm.metadata.is_function_calling_model:
        return None
    from kilo_gateway.adapters.forced_tools import refuses_forced_tool, request_call  # noqa: PLC0415 - of use here alone

    tool = get_function_tool(output_cls)
    forced = llm._prepare_chat_with_tools([tool], tool_required=True, **kept)
    del forced["messages"]
    options = options_of_call(llm.__dict__, kept)
    if refuses_forced_tool(options["model"], options):
        forced |= {"tool_choice": "auto", "tools": request_call(forced["tools"], tool.metadata.get_name())}
    return forced


def _tool_name(request: dict[str, Any]) -> str | None:
    """Return the name of the tool whose arguments are the object; None where it is the text."""
    tools = request.get("tools")
    return tools[0]["function"]["name"] if tools else None


def _program(llm: KiloLLM, output_cls: type[BaseModel], prompt: PromptTemplate) -> Any:
    """Return LlamaIndex's own program: of its default ones, the one that puts the schema into the prompt."""
    is_default = llm.pydantic_program_mode == PydanticProgramMode.DEFAULT
    mode = PydanticProgramMode.LLM if is_default else llm.pydantic_program_mode
    own_prompt = prompt.model_copy()  # a program puts its output parser into the prompt it is given
    return get_program_for_llm(output_cls, own_prompt, llm, pydantic_program_mode=mode)


def _start(output_cls: type[BaseModel], prompt: PromptTemplate, args: dict[str, Any]) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=args)
