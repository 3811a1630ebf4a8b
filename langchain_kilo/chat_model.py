"""ChatKilo: LangChain's chat model over the core's client. Translates; never retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from kilo_gateway import __version__
from kilo_gateway.adapters.arguments import FIELD_OF, check_option_values, without_none
from kilo_gateway.adapters.fields import ChatFields
from kilo_gateway.errors import KiloError
from langchain_kilo import asking, tracing, translator
from langchain_kilo.errors import chat_error
from langchain_kilo.observers import astream_observed, observing, show_no_cost_of_cached, stream_observed
from langchain_kilo.profile import CatalogProfile, render_profile
from langchain_kilo.tools import render_tool_choice, render_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput, ModelProfile
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.outputs import ChatGeneration, ChatResult, Generation
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.tools import BaseTool

    from kilo_gateway import Catalog, ModelInfo
    from kilo_gateway.adapters.client_pair import ClientPair
    from langchain_kilo.structured_output import Method

translator.register()


class ChatKilo(ChatFields, BaseChatModel):
    """Chat models of the Kilo Gateway, any of them, behind one key.

    Setup:
        Get a key at https://app.kilo.ai (API Keys), then set `KILOCODE_API_KEY` or pass `api_key`. Free models
        (ids ending in `:free`) need none.

    Every option of the gateway is a field here and an argument of `invoke`, `stream`, `batch` and `bind`. A name that
    is neither is refused, with the nearest one that exists; what has no option of its own goes into `extra_body`.
    An argument of None counts as not given.

    Failures are tried again by this package, `max_retries` times and never after an answer has begun to arrive. Errors
    that remain are the core's classes and LangChain's `ModelError` at once; their `is_retryable` is False once those
    tries are used up. To leave trying again to LangChain's wrappers, set `max_retries=0`. Callbacks are told of each
    retry by `on_retry`, but not in `stream`, where LangChain does not tell a model who listens.

    Example:
        ```python
        from langchain_kilo import ChatKilo

        model = ChatKilo(model="anthropic/claude-sonnet-4.5", temperature=0)
        answer = model.invoke("Why is the sky blue?")
        print(answer.text, answer.usage_metadata, answer.response_metadata["cost"])
        ```

        Streaming, with reasoning:
        ```python
        for chunk in model.stream("Is 91 a prime?", reasoning="low"):
            print(chunk.text, end="")
        ```

        Tools, and the gateway's own tools:
        ```python
        def weather(city: str) -> str:
            \"\"\"Tell the weather in a city.\"\"\"
            return "sunny"


        model.bind_tools([weather, {"type": "openrouter:web_search"}]).invoke("How is the weather in Oslo?").tool_calls
        ```

        Objects instead of text:
        ```python
        model.with_structured_output(Person).invoke("Ann is 41.")
        ```

        Pictures, sound, video and files, as LangChain's content blocks:
        ```python
        model.invoke([HumanMessage(["What is this?", {"type": "image", "url": "https://example.com/a.png"}])])
        ```
    """

    model_config = ConfigDict(defer_build=False)

    _async_client_field: ClassVar[str] = "http_async_client"
    _current_clients: tuple[tuple[Any, ...], ClientPair] | None = PrivateAttr(default=None)

    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` of yours for async calls, used as it is and never closed."""
    streaming: bool | None = None
    """True: `invoke` streams internally, so that callbacks see tokens. False: nothing streams. None: `stream` does."""
    include_response_headers: bool = False
    """Whether the headers of the HTTP answer, its request id among them, come in `response_metadata["headers"]`."""

    def _set_up(self, arguments: Mapping[str, Any], *unnamed: Any) -> None:
        try:
            super()._set_up(arguments, *unnamed)
        except KiloError as error:
            raise chat_error(error) from error.__cause__
        if self.profile is None:
            self.profile = self._resolve_model_profile()

    @classmethod
    def _check_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        if isinstance(given.get("profile"), CatalogProfile):
            del given["profile"]  # of the object that this one is a variant of, perhaps with another model
        check_option_values({name: given[field] for name, field in FIELD_OF.items() if field in given})
        return given

    @model_validator(mode="after")
    def _set_kilo_version(self) -> Self:
        self._add_version("langchain-kilo", __version__)
        return self

    def _resolve_model_profile(self) -> ModelProfile | None:
        """Return what the catalog, as known now, says of the model; None while the object is being made."""
        return None if self._current_clients is None else render_profile(self._known_catalog().get(self.model))

    _generate = asking.generate
    _agenerate = asking.agenerate
    _stream = asking.stream
    _astream = asking.astream

    def _generate_with_cache(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with observing(run_manager) as run:
            return show_no_cost_of_cached(run, super()._generate_with_cache(messages, stop, run_manager, **kwargs))

    async def _agenerate_with_cache(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with observing(run_manager) as run:
            result = await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs)
            return show_no_cost_of_cached(run, result)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Return the answer as it grows, in chunks whose sum is what `invoke` returns."""
        return stream_observed(super().stream, config, self.callbacks, input=input, **kwargs)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Return what `stream` does, asynchronously."""
        return astream_observed(super().astream, config, self.callbacks, input=input, **kwargs)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools: functions, classes, LangChain's tools, schemas, or the gateway's own tools.

        `tool_choice` is a tool's name, `auto`, `any` (also `required`, True), `none`, or the object as sent. `strict`
        is sent only when given. An empty list takes the tools away.

        Raises:
            KiloInvalidRequestError: something that is no tool, or a choice that names none of them.
        """
        try:
            rendered = render_tools(tools, strict=strict)
            choice = render_tool_choice(tool_choice, rendered)
        except KiloError as error:
            raise chat_error(error) from error.__cause__
        sent = rendered if rendered or self.tools else None
        given = {"tool_choice": choice, "parallel_tool_calls": parallel_tool_calls, "tools": sent}
        return self.bind(**without_none(given), **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return this model, answering with an object of a schema.

        `schema` is a pydantic class, a TypedDict, a dataclass, an enum, any type that pydantic reads, such as
        `list[City]`, `City | None` or `Literal["yes", "no"]`, a JSON schema, or a function.

        `method` is `json_schema` (the provider keeps to the schema), `function_calling` (the object is the arguments
        of a tool) or `json_mode` (any JSON; say in the prompt what you want). None takes the first of these that the
        catalog knows the model to support. `tools` may be called as well; `include_raw` shows such calls.

        A TypedDict, a function and a JSON schema give plain JSON, everything else instances. A tool is not forced where
        the model would refuse that while it thinks: it is asked for in words. Code fences around JSON are no obstacle.
        With `include_raw` the result is `{"raw", "parsed", "parsing_error"}` and what went wrong is not raised.

        Raises:
            KiloInvalidRequestError: a schema or a method that cannot be used.
        """
        from langchain_kilo.structured_output import bind_plan, chain, plan_answer  # noqa: PLC0415 - a tenth of the import's time

        try:
            plan = plan_answer(schema, method=method, strict=strict, profile=self.profile)
        except KiloError as error:
            raise chat_error(error) from error.__cause__
        model = bind_plan(self, plan, tools=tools, strict=strict, options=kwargs)
        return chain(model, plan.parser, include_raw=include_raw)

    def list_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of this account, fetched at most every ten minutes, and renew `profile`.

        Never raises for what the network does: then the bundled models are returned.
        """
        return self._update_profile(self._clients().client.discover(refresh=refresh))

    async def alist_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of this account; as `list_models`."""
        clients = await self._async_clients()
        return self._update_profile(await clients.async_client.discover(refresh=refresh))

    def _update_profile(self, catalog: Catalog) -> list[ModelInfo]:
        if self.profile is None or isinstance(self.profile, CatalogProfile):
            self.profile = render_profile(catalog.get(self.model))
        return list(catalog.models)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return that `dumps` and `load` work."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The arguments that a dump replaces by the name of their environment variable."""
        return {"api_key": "KILOCODE_API_KEY"}

    @property
    def model_name(self) -> str:
        """The model's ref; the name that other integrations give it."""
        return self.model

    @property
    def _llm_type(self) -> str:
        return "kilo-chat"

    _identifying_params = property(tracing.identifying_params)
    _get_invocation_params = tracing.invocation_params
    _get_ls_params = tracing.langsmith_params
    _combine_llm_outputs = tracing.combine_outputs

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return the cache key of a call. LangChain's own part of it may be older than the last change of a field."""
        own = super()._get_llm_string(stop=stop, **tracing.mask_arguments(kwargs))
        return f"{own}---{sorted(self._identifying_params.items())}"

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        return tracing.without_costs(super()._convert_cached_generations(cache_val))

    def get_token_ids(self, text: str) -> list[int]:
        """Return the tokens' ids by `custom_get_token_ids`.

        Raises:
            NotImplementedError: it was not given. Behind one gateway are many tokenizers, none of which is here.
        """
        if self.custom_get_token_ids is None:
            raise NotImplementedError(
                "ChatKilo has no tokenizer: pass custom_get_token_ids, or count with get_num_tokens."
            )
        return self.custom_get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """Return about how many tokens a text has: by `custom_get_token_ids`, else one for each four bytes of UTF-8."""
        return tracing.estimate_tokens(self, text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return about how many tokens messages and tools have, without asking anybody.

        What was really used is in `usage_metadata` of each answer.
        """
        return tracing.count_message_tokens(self, messages, tools)
