"""The settings and options of model objects as fields. Written by `make fields` from the tables; edit those.

The tables are `kilo_gateway.settings.settings.Settings` and those of `kilo_gateway.request.options`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from kilo_gateway.adapters.model_object import ModelObject
from kilo_gateway.refs import DEFAULT_MODEL
from kilo_gateway.request.reasoning import Level, plain_level
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL
from kilo_gateway.settings.settings import DEFAULT_MAX_RETRIES


class ChatFields(ModelObject):
    """The fields of a chat model. None means not given: nothing is sent, and the gateway or the model decides."""

    model_config = ConfigDict(defer_build=True)

    model: str = DEFAULT_MODEL
    """The ref of the model that is asked, `kilocode/<model-id>`; the prefix may be left out. `KILOCODE_MODEL`."""
    api_key: SecretStr | str | Callable[[], Any] | None = Field(default=None, exclude=True, repr=False)
    """The bearer key; None: only free models can be used. Model objects also take a function, plain or async, that
    returns the key of a call. `KILOCODE_API_KEY`, `KILO_API_KEY`."""
    organization_id: str | None = None
    """The organization that is billed and whose policies and models count; sent as `X-KiloCode-OrganizationId`.
    `KILOCODE_ORGANIZATION_ID`, `KILO_ORGANIZATION_ID`."""
    base_url: str = DEFAULT_BASE_URL
    """The gateway; kept with exactly one slash at its end. `KILOCODE_BASE_URL`."""
    timeout: Any = None
    """Bounds in seconds: a number, (connect, read), a mapping of `connect`, `read`, `silence`, `total`, `Timeouts` or
    `httpx.Timeout`. `KILOCODE_TIMEOUT`."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """Tries after the first, exactly; 0 means none. `KILOCODE_MAX_RETRIES`."""
    feature: str | None = None
    """The application, as the gateway attributes calls; sent as `X-KILOCODE-FEATURE`. None: what the variable says at
    the time of each request, else `direct-gateway`. `KILOCODE_FEATURE`."""
    task_id: str | None = None
    """Calls of one task share a prompt cache; sent as `X-KiloCode-TaskId`. `KILOCODE_TASK_ID`."""
    mode: str | None = None
    """What an auto model is chosen for, such as `code` or `plan`; sent as `x-kilocode-mode`. `KILOCODE_MODE`."""
    client_version: str | None = None
    """Sent as `X-KiloCode-Version`. None, the default, sends nothing: its presence marks an editor's client.
    `KILOCODE_CLIENT_VERSION`."""
    session: str | None = None
    """Calls of one session are booked together; sent as `x-kilo-session`. It does not share a prompt cache.
    `KILOCODE_SESSION`."""
    project_id: str | None = None
    """What calls are booked under, a name or a git URL, of which the gateway keeps the name; sent as `X-KiloCode-
    ProjectId`. `KILOCODE_PROJECT_ID`."""
    editor: str | None = None
    """The program that calls, such as `My App/1.2`; sent as `x-kilocode-editorname`. `KILOCODE_EDITOR`."""
    machine_id: str | None = None
    """Tells machines of one account apart; sent as `x-kilocode-machineid`. None, the default, tells nothing.
    `KILOCODE_MACHINE_ID`."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Sent with every request. `KILOCODE_DEFAULT_HEADERS`."""
    discover: Literal["lazy", "startup"] = "lazy"
    """When the model list is fetched: where its answer is needed, or when the first client is made.
    `KILOCODE_DISCOVERY`."""
    shared_pause: bool = True
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key.
    `KILOCODE_SHARED_PAUSE`."""

    temperature: float | None = None
    """How freely tokens are chosen, 0 to 2. Most models; OpenAI's reasoning models take none."""
    top_p: float | None = None
    """Only the likeliest tokens of this total probability are considered, 0 to 1. Most models."""
    top_k: int | None = None
    """Only so many of the likeliest tokens are considered, from 1 on. Most models but OpenAI's."""
    top_a: float | None = None
    """Only tokens of at least this share of the likeliest one's squared probability are considered, 0 to 1. Some models
    with open weights."""
    min_p: float | None = None
    """Only tokens of at least this share of the likeliest one's probability are considered, 0 to 1. Models with open
    weights."""
    frequency_penalty: float | None = None
    """Lowers tokens by how often they came, -2 to 2. Most models but Anthropic's."""
    presence_penalty: float | None = None
    """Lowers tokens that came at all, -2 to 2. Most models but Anthropic's."""
    repetition_penalty: float | None = None
    """Lowers tokens of the input, 0 to 2. Models with open weights."""
    logit_bias: dict[Any, Any] | None = None
    """Token id -> what is added to its chance, -100 to 100. OpenAI's models and some with open weights."""
    logprobs: bool | None = None
    """Whether log probabilities come with the answer. OpenAI's models and some with open weights."""
    top_logprobs: int | None = None
    """How many other tokens each log probability lists, 0 to 20; needs `logprobs`."""
    seed: int | None = None
    """The same seed asks for the same answer; no provider promises it. Most models but Anthropic's."""
    n: int | None = None
    """How many answers to make, from 1 on. Models of few labs; others make one."""
    max_tokens: int | None = None
    """Most tokens of the answer, from 1 on, sent under this name. Every model."""
    max_completion_tokens: int | None = None
    """Most tokens of the answer and its reasoning, from 1 on, sent under this name, which OpenAI's newer models
    want."""
    stop: str | list[str] | None = None
    """Where to stop writing: one text or several, mostly up to four. Most models but OpenAI's reasoning models."""
    response_format: dict[str, Any] | None = None
    """The form of the answer, such as `{"type": "json_object"}`, as sent. Models with `structured_outputs`."""
    structured_outputs: bool | None = None
    """Whether the provider must keep to the JSON schema of `response_format`."""
    verbosity: str | None = None
    """How much the model writes: `low`, `medium`, `high`. OpenAI's newer models."""
    modalities: list[str] | None = None
    """What the model answers with: `text`, `image`, `audio`. Models that make more than text."""
    audio: dict[str, Any] | None = None
    """The voice and the format of a spoken answer. Models that speak."""
    image_config: dict[str, Any] | None = None
    """The shape of generated images, such as `{"aspect_ratio": "16:9"}`. Models that make images."""
    prediction: dict[str, Any] | None = None
    """What most of the answer is expected to be. Some of OpenAI's models."""
    tools: list[Any] | None = None
    """Tools that the model may call, and the gateway's own, such as `{"type": "openrouter:web_search"}`. Those of a
    call replace those of a model object. Models with tools."""
    tool_choice: Any = None
    """Which tool must be called: `auto`, `none`, `required`, or the object as sent; ChatKilo and KiloLLM also take a
    tool's name. Needs `tools`."""
    parallel_tool_calls: bool | None = None
    """Whether one answer may call several tools. Needs `tools`."""
    provider: dict[str, Any] | None = None
    """Provider routing: `order`, `only`, `ignore`, `sort`, `data_collection`, ... The gateway reads it."""
    plugins: list[Any] | None = None
    """The gateway's plugins, such as `{"id": "file-parser"}`."""
    transforms: list[str] | None = None
    """What the router may do to a prompt that is too long, such as `middle-out`."""
    models: list[str] | None = None
    """Models to fall back to, in this order."""
    route: str | None = None
    """How to use `models`: `fallback`."""
    user: str | None = None
    """Your user, for abuse reports."""
    request_metadata: dict[str, Any] | None = None
    """Facts of yours about the request. ChatKilo and KiloLLM have it as `request_metadata`, for `metadata` is the
    framework's, which goes to traces and is never sent. Sent as `metadata`."""
    session_id: str | None = None
    """Groups requests; some providers keep their cache by it."""
    safety_identifier: str | None = None
    """Your user, hashed. OpenAI's models."""
    prompt_cache_key: str | None = None
    """What requests that share a prompt cache have in common. OpenAI's models."""
    service_tier: str | None = None
    """The provider's class of service, such as `flex`. OpenAI's models."""
    store: bool | None = None
    """Whether the provider keeps the answer. OpenAI's models."""
    include_reasoning: bool | None = None
    """Whether the reasoning comes with the answer; an older spelling of `reasoning={"exclude": ...}`. Models that
    reason."""
    web_search_options: dict[str, Any] | None = None
    """How models that search the web do so."""
    cache_control: dict[str, Any] | None = None
    """A cache mark for the whole prompt, such as `{"type": "ephemeral"}`. Anthropic's models."""
    reasoning: Annotated[Level | dict[str, Any] | None, BeforeValidator(plain_level)] = None
    """How much to think: a level (`off`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, `adaptive`), or the object
    as sent, such as `{"max_tokens": 2000}`. Models that take no injected reasoning get none."""
    reasoning_effort: Annotated[Level | None, BeforeValidator(plain_level)] = None
    """Another spelling of the level of `reasoning`; never sent under this name."""
    extra_body: dict[str, Any] | None = None
    """What has no option of its own; merged last into the request."""


class EmbeddingFields(ModelObject):
    """The fields of an embedding model, but for its name. None means not given: nothing is sent."""

    model_config = ConfigDict(defer_build=True)

    api_key: SecretStr | str | Callable[[], Any] | None = Field(default=None, exclude=True, repr=False)
    """The bearer key; None: only free models can be used. Model objects also take a function, plain or async, that
    returns the key of a call. `KILOCODE_API_KEY`, `KILO_API_KEY`."""
    organization_id: str | None = None
    """The organization that is billed and whose policies and models count; sent as `X-KiloCode-OrganizationId`.
    `KILOCODE_ORGANIZATION_ID`, `KILO_ORGANIZATION_ID`."""
    base_url: str = DEFAULT_BASE_URL
    """The gateway; kept with exactly one slash at its end. `KILOCODE_BASE_URL`."""
    timeout: Any = None
    """Bounds in seconds: a number, (connect, read), a mapping of `connect`, `read`, `silence`, `total`, `Timeouts` or
    `httpx.Timeout`. `KILOCODE_TIMEOUT`."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """Tries after the first, exactly; 0 means none. `KILOCODE_MAX_RETRIES`."""
    feature: str | None = None
    """The application, as the gateway attributes calls; sent as `X-KILOCODE-FEATURE`. None: what the variable says at
    the time of each request, else `direct-gateway`. `KILOCODE_FEATURE`."""
    task_id: str | None = None
    """Calls of one task share a prompt cache; sent as `X-KiloCode-TaskId`. `KILOCODE_TASK_ID`."""
    mode: str | None = None
    """What an auto model is chosen for, such as `code` or `plan`; sent as `x-kilocode-mode`. `KILOCODE_MODE`."""
    client_version: str | None = None
    """Sent as `X-KiloCode-Version`. None, the default, sends nothing: its presence marks an editor's client.
    `KILOCODE_CLIENT_VERSION`."""
    session: str | None = None
    """Calls of one session are booked together; sent as `x-kilo-session`. It does not share a prompt cache.
    `KILOCODE_SESSION`."""
    project_id: str | None = None
    """What calls are booked under, a name or a git URL, of which the gateway keeps the name; sent as `X-KiloCode-
    ProjectId`. `KILOCODE_PROJECT_ID`."""
    editor: str | None = None
    """The program that calls, such as `My App/1.2`; sent as `x-kilocode-editorname`. `KILOCODE_EDITOR`."""
    machine_id: str | None = None
    """Tells machines of one account apart; sent as `x-kilocode-machineid`. None, the default, tells nothing.
    `KILOCODE_MACHINE_ID`."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Sent with every request. `KILOCODE_DEFAULT_HEADERS`."""
    discover: Literal["lazy", "startup"] = "lazy"
    """When the model list is fetched: where its answer is needed, or when the first client is made.
    `KILOCODE_DISCOVERY`."""
    shared_pause: bool = True
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key.
    `KILOCODE_SHARED_PAUSE`."""

    dimensions: int | None = None
    """The length of the vectors, from 1 on, where the model can shorten them."""
    encoding_format: str | None = None
    """How numbers travel: `float` or `base64`. None: what is best for the model."""
    provider: dict[str, Any] | None = None
    """Provider routing: `order`, `only`, `ignore`, `sort`, `data_collection`, ... The gateway reads it."""
    user: str | None = None
    """Your user, for abuse reports."""
    extra_body: dict[str, Any] | None = None
    """What has no option of its own; merged last into the request."""
