"""ChatKilo: LangChain's chat model over the core's client. Translates; holds no rule of the gateway and never retries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway._version import __version__
from kilo_gateway.auth import check_key
from kilo_gateway.discovery import known_to_be_free
from kilo_gateway.errors import KiloError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings import resolve_settings
from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr, model_validator

from langchain_kilo.answers import PROVIDER, parse_result
from langchain_kilo.connection import SETTING_NAMES, Connection, ask_for_key, await_key
from langchain_kilo.errors import ChatKiloError, chat_error
from langchain_kilo.messages import render_messages
from langchain_kilo.option_fields import FIELD_OF, OptionFields
from langchain_kilo.parameters import CallArguments, arguments_of, check_option_values, unify
from langchain_kilo.setting_fields import SettingFields, field_values
from langchain_kilo.streaming import ChunkWriter
from langchain_kilo.tools import render_tool_choice, render_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_core.runnables import Runnable


class ChatKilo(OptionFields, SettingFields, BaseChatModel):
    """Chat models of the Kilo Gateway, any of them, behind one key.

    Setup:
        Get a key at https://app.kilo.ai (API Keys), then set `KILOCODE_API_KEY` or pass `api_key`. Free models
        (ids ending in `:free`) need none.

    Every option of the gateway is a field here and an argument of `invoke`, `stream`, `batch` and `bind`. A name that
    is neither is refused, with the nearest one that exists; what has no option of its own goes into `extra_body`.

    Failures are tried again by this package, `max_retries` times and never after an answer has begun to arrive. Errors
    that remain are the core's classes and LangChain's `ModelError` at once; their `is_retryable` is False once those
    tries are used up. To leave trying again to LangChain's wrappers, set `max_retries=0`.

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

        Tools:
        ```python
        def weather(city: str) -> str:
            \"\"\"Tell the weather in a city.\"\"\"
            return "sunny"


        model.bind_tools([weather]).invoke("How is the weather in Oslo?").tool_calls
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=())

    _connected: tuple[tuple[Any, ...], Connection] | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers see the fields as keyword arguments instead

        def __init__(self, **arguments: Any) -> None:
            try:
                given = unify(arguments, type(self).model_fields)
                check_option_values(given)
                settings = resolve_settings(_settings_of(given), os.environ)
            except KiloError as error:
                raise chat_error(error) from error.__cause__
            super().__init__(**merge_fields(given, settings))
            self._connected = self._connection_key(), self._connect(settings)
            self._admit(settings)

    @model_validator(mode="after")
    def _set_kilo_version(self) -> Self:
        self._add_version("langchain-kilo", __version__)
        return self

    def _admit(self, settings: Settings) -> None:
        """Fetch the model list if it is wanted at startup, refuse a missing key, and look up the profile."""
        if settings.discover == "startup" and not callable(self.api_key):
            self.discover_models()
        if not callable(self.api_key):
            model_id = parse_model_id(self.model)
            try:
                check_key(settings, model=self.model, is_free=known_to_be_free(settings, model_id))
            except KiloError as error:
                raise chat_error(error) from None
        if self.profile is None:
            self.profile = self._resolve_model_profile()
