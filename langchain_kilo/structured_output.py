"""How ChatKilo is asked for an object instead of text: method, options of the request, chain. Asks nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from langchain_core.runnables import RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from kilo_gateway.adapters.answer_types import AnswerType, parse_answer_type
from kilo_gateway.adapters.schemas import object_schema, render_answer_format, render_function
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.nearest import nearest_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput, ModelProfile
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    from langchain_kilo.chat_model import ChatKilo

from langchain_kilo.structured_parser import StructuredParser
from langchain_kilo.tools import UNUSABLE, choose_answer

Method = Literal["function_calling", "json_schema", "json_mode"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one model is asked for one kind of object."""

    traced: dict[str, Any]
    """What LangChain is to tell its traces, as an argument of the binding."""
    tool: dict[str, Any] | None
    """The tool whose arguments are the object; None when the object is the text."""
    response_format: dict[str, Any] | None
    """What asks for an object as text; None when a tool does."""
    parser: StructuredParser


def plan_answer(schema: Any, *, method: str | None, strict: bool | None, profile: ModelProfile | None) -> Plan:
    """Return how to ask.

    Raises:
        InvalidRequestError: a schema or a method that cannot be used.
    """
    chosen = check_method(method or choose_method(profile), strict=strict, has_schema=schema is not None)
    answer_type = parse_answer_type(schema)
    function = None if schema is None else describe_answer(schema, answer_type)
    shown = schema if answer_type is None else {"title": answer_type.name, **answer_type.schema}
    traced = {"ls_structured_output_format": {"kwargs": {"method": chosen, "strict": strict}, "schema": shown}}
    tool: dict[str, Any] | None = None
    if chosen == "function_calling" and function is not None:
        tool = {"type": "function", "function": render_function(function, strict=strict)}
    response_format = {"type": "json_object"}
    if chosen == "json_schema" and function is not None:
        name, description = str(function["name"]), function.get("description")
        response_format = render_answer_format(name, function["parameters"], description=description, strict=strict)
    return Plan(
        traced={} if schema is None else traced,
        tool=tool,
        response_format=response_format if tool is None else None,
        parser=StructuredParser(
            schema_class=schema if answer_type is None and is_basemodel_subclass(schema) else None,
            answer_type=answer_type,
            function_name=None if tool is None else tool["function"]["name"],
            hint=f" Try another method than {chosen!r}.",
        ),
    )


def choose_method(profile: ModelProfile | None) -> Method:
    """Return the method that suits a model: its own JSON schemas, else tools, else plain JSON.

    A model of which nothing is known is asked by a tool, which most can call.
    """
    known: Mapping[str, Any] = profile or {}
    if known.get("structured_output"):
        return "json_schema"
    return "function_calling" if known.get("tool_calling") is not False else "json_mode"


def check_method(method: str, *, strict: bool | None, has_schema: bool) -> Method:
    """Return the method when it can be used so.

    Raises:
        InvalidRequestError: an unknown method, or one that does not go with `strict` or without a schema.
    """
    found = next((known for known in METHODS if known == method), None)
    if found is None:
        near = nearest_name(str(method), METHODS)
        hint = f" Did you mean {near!r}?" if near else ""
        raise InvalidRequestError(f"method={method!r} is none of {', '.join(METHODS)}.{hint}")
    if found == "json_mode" and strict is not None:
        raise InvalidRequestError(
            "method='json_mode' sends no schema, so `strict` means nothing with it; leave it out."
        )
    if found != "json_mode" and not has_schema:
        raise InvalidRequestError(f"method={found!r} needs a schema; only 'json_mode' works without one.")
    return found


_USABLE = "Pass a pydantic class, a TypedDict, a dataclass, a type such as list[City] or City | None, or a JSON schema."


def describe_answer(schema: Any, answer_type: AnswerType | None) -> dict[str, Any]:
    """Return what an answer is to be, as a function: `{"name", "description", "parameters"}`.

    Takes pydantic classes of both versions, TypedDict classes, JSON schemas, functions, tools of OpenAI's shape, and
    the types of `parse_answer_type`.

    Raises:
        InvalidRequestError: something that describes no object.
    """
    if answer_type is not None:
        described = str(answer_type.schema.get("description") or "")
        return {"name": answer_type.name, "description": described, "parameters": answer_type.schema}
    if isinstance(schema, dict) and isinstance(inner := schema.get("json_schema"), dict):
        schema = inner
    if isinstance(schema, dict) and isinstance(schema.get("schema"), dict) and "name" in schema:
        return {"name": schema["name"], "parameters": schema["schema"], "description": schema.get("description", "")}
    try:
        function = convert_to_openai_tool(schema)["function"]
    except UNUSABLE as error:
        raise InvalidRequestError(f"The schema cannot be used: {str(error).rstrip(' .')}. {_USABLE}") from error
    # LangChain's own schema of a class that holds itself has lost what is in it.
    own = object_schema(schema) if isinstance(schema, type) and issubclass(schema, BaseModel) else None
    return {**function, "parameters": own or function.get("parameters") or {"type": "object", "properties": {}}}


def bind_plan(
    model: ChatKilo, plan: Plan, *, tools: Sequence[Any] | None, strict: bool | None, options: Mapping[str, Any]
) -> Runnable[LanguageModelInput, AIMessage]:
    """Return the model with what the plan asks it for, and with the tools that may be called as well."""
    given = {**options, **plan.traced}
    plan.parser.has_other_tools = bool(tools or options.get("tools"))
    if plan.tool is not None:
        bound = model.bind_tools([plan.tool, *(tools or ())], strict=strict, **given)
        return bound if "tool_choice" in given else bound.bind(tool_choice=choose_answer(plan.tool, tools))
    if tools:
        return model.bind_tools(tools, response_format=plan.response_format, **given)
    return model.bind(response_format=plan.response_format, **given)


def chain(
    model: Runnable[LanguageModelInput, AIMessage], parser: StructuredParser, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Return the model with its parser; with `include_raw` a mapping of `raw`, `parsed` and `parsing_error`."""
    if not include_raw:
        return model | parser
    parse = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    fail = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parse.with_fallbacks([fail], exception_key="parsing_error")
