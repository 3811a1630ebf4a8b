"""The options of a chat request as fields of ChatKilo. None means not given: nothing is sent and the model decides."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from kilo_gateway.request.options import OPTIONS

RENAMED = {"metadata": "request_metadata"}
"""Option of the wire -> its field, where LangChain uses the name for something else (`metadata` is the trace's)."""


class OptionFields(BaseModel):
    """What is sent with every request, unless a call says otherwise. Each is also an argument of a call."""

    # Deferred, because only ChatKilo itself is ever made: each of its bases would cost 5 ms of every import.
    model_config = ConfigDict(protected_namespaces=(), defer_build=True)

    temperature: float | None = None
    """How freely tokens are chosen, 0 to 2."""
    top_p: float | None = None
    """Only the likeliest tokens of this total probability are considered, 0 to 1."""
    top_k: int | None = None
    """Only so many of the likeliest tokens are considered."""
    top_a: float | None = None
    """Only tokens of at least this share of the likeliest one's squared probability are considered, 0 to 1."""
    min_p: float | None = None
    """Only tokens of at least this share of the likeliest one's probability are considered, 0 to 1."""
    frequency_penalty: float | None = None
    """Lowers tokens by how often they came, -2 to 2."""
    presence_penalty: float | None = None
    """Lowers tokens that came at all, -2 to 2."""
    repetition_penalty: float | None = None
    """Lowers tokens of the input, 0 to 2."""
    logit_bias: dict[Any, Any] | None = None
    """Token id -> what is added to its chance, -100 to 100."""
    logprobs: bool | None = None
    """Whether log probabilities come with the answer, in `response_metadata["logprobs"]`."""
    top_logprobs: int | None = None
    """How many other tokens each log probability lists, 0 to 20."""
    seed: int | None = None
    """The same seed asks for the same answer."""
    n: int | None = None
    """How many answers to make; `generate` returns them all. A stream carries one."""
    max_tokens: int | None = None
    """Most tokens of the answer, sent under this name."""
    max_completion_tokens: int | None = None
    """Most tokens of the answer, sent under this name, which some models want."""
    stop: list[str] | str | None = None
    """Where to stop writing; `stop_sequences` is another name for it."""
    response_format: dict[str, Any] | None = None
    """The form of the answer, as sent; see `with_structured_output`."""
    structured_outputs: bool | None = None
    """Whether the provider must keep to the JSON schema of `response_format`."""
    verbosity: str | None = None
    """How much the model writes: `low`, `medium`, `high`."""
    modalities: list[str] | None = None
    """What the model answers with: `text`, `image`, `audio`."""
    audio: dict[str, Any] | None = None
    """The voice and the format of a spoken answer."""
    image_config: dict[str, Any] | None = None
    """The shape of generated images, such as `{"aspect_ratio": "16:9"}`."""
    prediction: dict[str, Any] | None = None
    """What most of the answer is expected to be."""
    tools: list[Any] | None = None
    """Tools that every call may use; `bind_tools` replaces them."""
    tool_choice: Any = None
    """Which tool must be called: a name, `auto`, `any`, `none`, True, or as sent."""
    parallel_tool_calls: bool | None = None
    """Whether one answer may call several tools."""
    provider: dict[str, Any] | None = None
    """Provider routing: `order`, `only`, `ignore`, `sort`, `data_collection`, ..."""
    plugins: list[Any] | None = None
    """The gateway's plugins, such as `{"id": "file-parser"}`."""
    transforms: list[str] | None = None
    """What the router may do to a prompt that is too long, such as `middle-out`."""
    models: list[str] | None = None
    """Models to fall back to."""
    route: str | None = None
    """How to use `models`: `fallback`."""
    user: str | None = None
    """Your user, for abuse reports."""
    request_metadata: dict[str, Any] | None = None
    """`metadata` of the request. LangChain's own `metadata` goes to the trace and is never sent."""
    session_id: str | None = None
    """Groups requests; some providers keep their cache by it."""
    safety_identifier: str | None = None
    """Your user, hashed."""
    prompt_cache_key: str | None = None
    """What requests that share a prompt cache have in common; never sent unless given."""
    service_tier: str | None = None
    """The provider's class of service; never sent unless given."""
    store: bool | None = None
    """Whether the provider keeps the answer; never sent unless given."""
    include_reasoning: bool | None = None
    """Whether the reasoning comes with the answer; an older spelling of `reasoning={"exclude": ...}`."""
    web_search_options: dict[str, Any] | None = None
    """How models that search the web do so."""
    cache_control: dict[str, Any] | None = None
    """A cache mark for the whole prompt, such as `{"type": "ephemeral"}`."""
    reasoning: str | dict[str, Any] | None = None
    """How much to think: a level (`off`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, `adaptive`), or the
    object as sent, such as `{"max_tokens": 2000}`. Models that take no injected reasoning get none."""
    reasoning_effort: str | None = None
    """Another spelling of the level of `reasoning`."""
    extra_body: dict[str, Any] | None = None
    """What has no option of its own; merged last into the request. `model_kwargs` is another name for it."""


FIELD_OF: dict[str, str] = {
    name: RENAMED.get(name, name) for name in (*OPTIONS, "reasoning", "reasoning_effort", "extra_body")
}
"""What a request is made of -> the field that holds it."""
