"""KiloLLM: the LlamaIndex LLM. Translates between LlamaIndex and the core; holds no rule of the gateway."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from kilo_gateway import DEFAULT_BASE_URL
from kilo_gateway.adapters.fields import ChatFields
from llama_index_kilo import asking, structured
from llama_index_kilo.answers import parse_completion_response
from llama_index_kilo.hidden_headers import hiding_headers
from llama_index_kilo.parameters import check_arguments
from llama_index_kilo.profile import describe, dump_description
from llama_index_kilo.streaming import OneCallStream, PartialResponse, with_one_call
from llama_index_kilo.structured_answers import check_output_class
from llama_index_kilo.tools import keep_one_call, no_tool_call, parse_selections, render_tool, render_tool_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.chat_engine.types import AgentChatResponse
    from llama_index.core.llms.llm import ToolSelection
    from llama_index.core.llms.structured_llm import StructuredLLM
    from llama_index.core.prompts import PromptTemplate
    from llama_index.core.tools.types import BaseTool

    from kilo_gateway import ModelInfo
    from kilo_gateway.adapters.client_pair import ClientPair

M = TypeVar("M", bound=BaseModel)

_chat_callback = hiding_headers(llm_chat_callback())
_completion_callback = hiding_headers(llm_completion_callback())


class KiloLLM(ChatFields, FunctionCallingLLM):
    """Any model of Kilo Gateway, for query engines, chat engines and agents.

    Examples:
        `pip install "kilo-gateway[llama-index]"`

        ```python
        from llama_index_kilo import KiloLLM

        llm = KiloLLM(model="anthropic/claude-sonnet-4.5")  # the key: KILOCODE_API_KEY
        print(llm.complete("Hello"))
        ```
    """

    model_config = ConfigDict(defer_build=True)  # built with the first model object

    _aliases: ClassVar[dict[str, str]] = {"api_base": "base_url", "metadata": "request_metadata"}
    _current_clients: tuple[tuple[Any, ...], ClientPair] | None = PrivateAttr(default=None)

    api_base: str | None = Field(default=DEFAULT_BASE_URL, exclude=True, repr=False)
    """`base_url` under LlamaIndex's name; always the same."""
    default_headers: Mapping[str, str] | None = Field(default=None, repr=False)
    """Sent with every request; those that are secrets by their name are in no dump or pickle."""
    async_http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` of yours for async calls in one event loop, used as it is and never closed."""
    context_window: int | None = None
    """Overrides what the catalog says, in tokens."""
    is_function_calling_model: bool | None = None
    """Overrides what the catalog says."""
    strict: bool = False
    """Whether providers hold the arguments of tools to their schemas."""
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    """More options by name, as each call takes them."""

    @classmethod
    def _check_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        check_arguments(given)
        return given

    @classmethod
    def class_name(cls) -> str:
        """Return the name that dumps carry."""
        return "Kilo_LLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What is known of the model: what the constructor said, else what the catalog as known now says."""
        return describe(self)

    def to_payload(self) -> dict[str, Any]:
        """Return what traces may show of this model; nothing secret."""
        facts = {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return {"class_name": self.class_name(), **dump_description(self), **facts}

    @_chat_callback
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the answer to the messages; keyword arguments are options of this call."""
        return asking.chat(self, messages, kwargs)

    @_completion_callback
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the answer to a prompt, which is sent as one user message."""
        return parse_completion_response(asking.chat(self, self._prompt_messages(prompt, formatted), kwargs))

    @_chat_callback
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Return the answer as it grows; the last response holds everything that `chat` returns."""
        return asking.stream(self, messages, kwargs)

    @_completion_callback
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Return the answer to a prompt as it grows."""
        responses = asking.stream(self, self._prompt_messages(prompt, formatted), kwargs)
        return (parse_completion_response(response) for response in responses)

    @_chat_callback
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return what `chat` does."""
        return await asking.achat(self, messages, kwargs)

    @_completion_callback
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return what `complete` does."""
        return parse_completion_response(await asking.achat(self, self._prompt_messages(prompt, formatted), kwargs))

    @_chat_callback
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Return what `stream_chat` does, as an asynchronous generator."""
        return await asking.astream(self, messages, kwargs)

    @_completion_callback
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Return what `stream_complete` does, as an asynchronous generator."""
        return await asking.astream(self, self._prompt_messages(prompt, formatted), kwargs, parse_completion_response)

    def _prompt_messages(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        text = prompt if formatted or self.completion_to_prompt is None else self.completion_to_prompt(prompt)
        return [ChatMessage(role=MessageRole.USER, content=text)]

    def _model_info(self) -> ModelInfo | None:
        """Return what the catalog as known now says of the model; None for an unknown id."""
        return self._known_catalog().get(self.model)

    def structured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return the instance that the model makes of the prompt.

        Raises:
            StructuredAnswerError: the answer is not an instance of the class.
        """
        return structured.predict(self, output_cls, prompt, llm_kwargs, prompt_args)

    async def astructured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return what `structured_predict` does."""
        return await structured.apredict(self, output_cls, prompt, llm_kwargs, prompt_args)

    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> StructuredLLM:
        """Return this model, answering everything with an instance of the class.

        Raises:
            InvalidRequestError: no class of pydantic's.
        """
        check_output_class(output_cls)
        return super().as_structured_llm(output_cls, **kwargs)

    _structured_stream_call = structured.stream
    _structured_astream_call = structured.astream

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | dict[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the arguments of a chat with tools; without tools nothing about tools is said."""
        messages = list(chat_history or ())
        if user_msg is not None:
            messages.append(ChatMessage(content=user_msg) if isinstance(user_msg, str) else user_msg)
        arguments = {"messages": messages, "tools": None, "tool_choice": None, **kwargs}
        if tools:
            is_strict = self.strict if strict is None else strict
            arguments["tools"] = [render_tool(tool, strict=is_strict) for tool in tools]
            arguments["tool_choice"] = render_tool_choice(tool_choice, required=tool_required)
            info = self._model_info()
            if info is None or info.supports("parallel_tool_calls") is not False:
                arguments["parallel_tool_calls"] = allow_parallel_tool_calls
        return arguments

    def _validate_chat_with_tools_response(
        self, response: ChatResponse, tools: Sequence[BaseTool], allow_parallel_tool_calls: bool = False, **kwargs: Any
    ) -> ChatResponse:
        """Return the answer with one call at the most, unless several are allowed."""
        return response if allow_parallel_tool_calls else keep_one_call(response)

    def stream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponseGen:
        """Return the answer to a chat with tools as it grows, with one call at the most unless several are allowed."""
        given = (tools, user_msg, chat_history, verbose, allow_parallel_tool_calls, tool_required)
        responses = super().stream_chat_with_tools(*given, **kwargs)
        return responses if allow_parallel_tool_calls else with_one_call(responses)

    async def astream_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> ChatResponseAsyncGen:
        """Return what `stream_chat_with_tools` does, as an asynchronous generator."""
        given = (tools, user_msg, chat_history, verbose, allow_parallel_tool_calls, tool_required)
        responses = await super().astream_chat_with_tools(*given, **kwargs)
        return responses if allow_parallel_tool_calls else OneCallStream(responses)

    def predict_and_call(self, tools: Sequence[BaseTool], *arguments: Any, **kwargs: Any) -> AgentChatResponse:
        """Return what the tools return that the model calls; a call that is not whole is an error and runs none."""
        if not self.metadata.is_function_calling_model:
            return super().predict_and_call(tools, *arguments, **kwargs)
        from llama_index_kilo import calling  # noqa: PLC0415 - imports LlamaIndex's chat engines

        return calling.predict_and_call(self, tools, *arguments, **kwargs)

    async def apredict_and_call(self, tools: Sequence[BaseTool], *arguments: Any, **kwargs: Any) -> AgentChatResponse:
        """Return what `predict_and_call` does."""
        if not self.metadata.is_function_calling_model:
            return await super().apredict_and_call(tools, *arguments, **kwargs)
        from llama_index_kilo import calling  # noqa: PLC0415 - imports LlamaIndex's chat engines

        return await calling.apredict_and_call(self, tools, *arguments, **kwargs)

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the tools that an answer calls, also of one that is still arriving.

        Raises:
            NoToolCallError: there are none, and `error_on_no_tool_call` is set.
        """
        selections = parse_selections(response, is_whole=not isinstance(response, PartialResponse))
        if error_on_no_tool_call and not selections:
            raise no_tool_call(self.model)
        return selections
