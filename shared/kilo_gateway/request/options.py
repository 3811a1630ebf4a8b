"""What a request may carry beside its model and messages: one row an option, with its type and what it does.

A new option is a new row here, then `make fields`: clients, ChatKilo, KiloLLM and the embedding classes have it.
Source: the gateway's chat completions API with OpenRouter's additions. Nothing is sent that was not given. Which
options a model takes, the gateway lists for many models (`ModelInfo.supports`); what one does not take, most providers
ignore.
"""
# No `from __future__ import annotations`: the types of the rows are read when this module is imported.

from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypedDict, Union, get_args, get_origin

from kilo_gateway.request.reasoning import Level

Kind = Literal["a number", "a whole number", "true or false", "text", "a mapping", "a list", "anything"]
NUMBER: Final = "a number"
WHOLE: Final = "a whole number"
FLAG: Final = "true or false"
TEXT: Final = "text"
MAPPING: Final = "a mapping"
LISTING: Final = "a list"
ANYTHING: Final = "anything"


class AtMost(int):
    """The largest value of an option that the gateway takes."""


class FieldName(str):
    """The field of a model object that holds an option whose own name frameworks use for something else."""

    __slots__ = ()


class OwnRule(str):
    """The module with the rule that shapes an option, where it is not sent as it is under its name."""

    __slots__ = ()


_MOST_TOKENS = AtMost(99_999_999_999)
"""Above this the gateway answers 503, as if it were out of order (its source, 2026-02 and newer)."""


class RequestOptions(TypedDict, total=False):
    """The options of a chat request, under their names on the wire. None means not given: the model decides."""

    temperature: float | None
    """How freely tokens are chosen, 0 to 2. Most models; OpenAI's reasoning models take none."""
    top_p: float | None
    """Only the likeliest tokens of this total probability are considered, 0 to 1. Most models."""
    top_k: int | None
    """Only so many of the likeliest tokens are considered, from 1 on. Most models but OpenAI's."""
    top_a: float | None
    """Only tokens of at least this share of the likeliest one's squared probability are considered, 0 to 1. Some models
    with open weights."""
    min_p: float | None
    """Only tokens of at least this share of the likeliest one's probability are considered, 0 to 1. Models with open
    weights."""
    frequency_penalty: float | None
    """Lowers tokens by how often they came, -2 to 2. Most models but Anthropic's."""
    presence_penalty: float | None
    """Lowers tokens that came at all, -2 to 2. Most models but Anthropic's."""
    repetition_penalty: float | None
    """Lowers tokens of the input, 0 to 2. Models with open weights."""
    logit_bias: dict[Any, Any] | None
    """Token id -> what is added to its chance, -100 to 100. OpenAI's models and some with open weights."""
    logprobs: bool | None
    """Whether log probabilities come with the answer. OpenAI's models and some with open weights."""
    top_logprobs: int | None
    """How many other tokens each log probability lists, 0 to 20; needs `logprobs`."""
    seed: int | None
    """The same seed asks for the same answer; no provider promises it. Most models but Anthropic's."""
    n: int | None
    """How many answers to make, from 1 on. Models of few labs; others make one."""

    max_tokens: Annotated[int | None, _MOST_TOKENS]
    """Most tokens of the answer, from 1 on, sent under this name. Every model."""
    max_completion_tokens: Annotated[int | None, _MOST_TOKENS]
    """Most tokens of the answer and its reasoning, from 1 on, sent under this name, which OpenAI's newer models
    want."""
    stop: str | list[str] | None
    """Where to stop writing: one text or several, mostly up to four. Most models but OpenAI's reasoning models."""
    response_format: dict[str, Any] | None
    """The form of the answer, such as `{"type": "json_object"}`, as sent. Models with `structured_outputs`."""
    structured_outputs: bool | None
    """Whether the provider must keep to the JSON schema of `response_format`."""
    verbosity: str | None
    """How much the model writes: `low`, `medium`, `high`. OpenAI's newer models."""
    modalities: list[str] | None
    """What the model answers with: `text`, `image`, `audio`. Models that make more than text."""
    audio: dict[str, Any] | None
    """The voice and the format of a spoken answer. Models that speak."""
    image_config: dict[str, Any] | None
    """The shape of generated images, such as `{"aspect_ratio": "16:9"}`. Models that make images."""
    prediction: dict[str, Any] | None
    """What most of the answer is expected to be. Some of OpenAI's models."""

    tools: list[Any] | None
    """Tools that the model may call, and the gateway's own, such as `{"type": "openrouter:web_search"}`. Those of a
    call replace those of a model object. Models with tools."""
    tool_choice: Any
    """Which tool must be called: `auto`, `none`, `required`, or the object as sent; ChatKilo and KiloLLM also take a
    tool's name. Needs `tools`."""
    parallel_tool_calls: bool | None
    """Whether one answer may call several tools. Needs `tools`."""

    provider: dict[str, Any] | None
    """Provider routing: `order`, `only`, `ignore`, `sort`, `data_collection`, ... The gateway reads it."""
    plugins: list[Any] | None
    """The gateway's plugins, such as `{"id": "file-parser"}`."""
    transforms: list[str] | None
    """What the router may do to a prompt that is too long, such as `middle-out`."""
    models: list[str] | None
    """Models to fall back to, in this order."""
    route: str | None
    """How to use `models`: `fallback`."""
    user: str | None
    """Your user, for abuse reports."""
    metadata: Annotated[dict[str, Any] | None, FieldName("request_metadata")]
    """Facts of yours about the request. ChatKilo and KiloLLM have it as `request_metadata`, for `metadata` is the
    framework's, which goes to traces and is never sent."""
    session_id: str | None
    """Groups requests; some providers keep their cache by it."""
    safety_identifier: str | None
    """Your user, hashed. OpenAI's models."""
    prompt_cache_key: str | None
    """What requests that share a prompt cache have in common. OpenAI's models."""
    service_tier: str | None
    """The provider's class of service, such as `flex`. OpenAI's models."""
    store: bool | None
    """Whether the provider keeps the answer. OpenAI's models."""
    include_reasoning: bool | None
    """Whether the reasoning comes with the answer; an older spelling of `reasoning={"exclude": ...}`. Models that
    reason."""
    web_search_options: dict[str, Any] | None
    """How models that search the web do so."""
    cache_control: dict[str, Any] | None
    """A cache mark for the whole prompt, such as `{"type": "ephemeral"}`. Anthropic's models."""

    reasoning: Annotated[Level | dict[str, Any] | None, OwnRule("request.reasoning")]
    """How much to think: a level (`off`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, `adaptive`), or the
    object as sent, such as `{"max_tokens": 2000}`. Models that take no injected reasoning get none."""
    reasoning_effort: Annotated[Level | None, OwnRule("request.reasoning")]
    """Another spelling of the level of `reasoning`; never sent under this name."""
    extra_body: Annotated[dict[str, Any] | None, OwnRule("request.body")]
    """What has no option of its own; merged last into the request."""


class EmbeddingOptions(TypedDict, total=False):
    """The options of an embeddings request, under their names on the wire. None means not given."""

    dimensions: int | None
    """The length of the vectors, from 1 on, where the model can shorten them."""
    encoding_format: str | None
    """How numbers travel: `float` or `base64`. None: what is best for the model."""
    input_type: str | None
    """What the texts are, such as `search_query`, for models that make a difference."""
    provider: dict[str, Any] | None
    """Provider routing: `order`, `only`, `ignore`, `sort`, `data_collection`, ... The gateway reads it."""
    user: str | None
    """Your user, for abuse reports."""
    extra_body: Annotated[dict[str, Any] | None, OwnRule("embeddings")]
    """What has no option of its own; merged last into the request."""


_KINDS: dict[Any, Kind] = {float: NUMBER, int: WHOLE, bool: FLAG, str: TEXT, dict: MAPPING, list: LISTING}


def _read_type(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type of a row and what stands beside it."""
    if get_origin(annotation) is Annotated:
        return annotation.__origin__, annotation.__metadata__
    return annotation, ()


def _kind_of(annotation: Any) -> Kind:
    """Return what values of a type are called; several types, or any, are `anything`."""
    types = get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
    kinds = {_KINDS.get(get_origin(one) or one, ANYTHING) for one in types if one is not NoneType}
    return kinds.pop() if len(kinds) == 1 else ANYTHING


def _plain_rows(table: Any) -> dict[str, Kind]:
    """Return the options that are sent as they are."""
    rows = {name: _read_type(annotation) for name, annotation in table.__annotations__.items()}
    return {
        name: _kind_of(type_)
        for name, (type_, beside) in rows.items()
        if not any(isinstance(one, OwnRule) for one in beside)
    }


OPTIONS: Final[dict[str, Kind]] = _plain_rows(RequestOptions)
"""Option of a chat request -> what its value must be. Those of `SHAPED` have rules of their own."""
EMBEDDING_OPTIONS: Final[dict[str, Kind]] = _plain_rows(EmbeddingOptions)
"""Option of an embeddings request -> what its value must be. `extra_body` has a rule of its own."""
SHAPED: Final[tuple[str, ...]] = tuple(name for name in RequestOptions.__annotations__ if name not in OPTIONS)
"""Options of a chat request that are shaped by a rule instead of being sent under their name."""
LARGEST: Final[dict[str, int]] = {
    name: int(one)
    for name, annotation in RequestOptions.__annotations__.items()
    for one in _read_type(annotation)[1]
    if isinstance(one, AtMost)
}
"""Option -> its largest value."""
FIELD_OF: Final[dict[str, str]] = {
    name: next((str(one) for one in _read_type(annotation)[1] if isinstance(one, FieldName)), name)
    for name, annotation in RequestOptions.__annotations__.items()
}
"""Option of a chat request -> the field of a model object that holds it."""
