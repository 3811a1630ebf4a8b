"""What LangChain is told about a model object for traces, caches and dumps. No secret is among it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage
from langchain_core.messages.utils import count_tokens_approximately

from kilo_gateway.errors import InvalidModelError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings.headers import mask_header
from langchain_kilo.answers import PROVIDER, without_cost
from langchain_kilo.configured_model import ConfiguredModel
from langchain_kilo.option_fields import FIELD_OF
from langchain_kilo.tools import render_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration, Generation

_TRACED_SETTINGS = ("model", "base_url", "organization_id", "task_id", "mode")
_CREDENTIALS = frozenset({"headers", "authorization", "authorization_token", "api_key"})
"""Keys of a tool that hold secrets."""
_HEADERS = ("extra_headers", "default_headers")


class TracedModel(ConfiguredModel):
    """The part of ChatKilo that answers LangChain's questions about it."""

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

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """Everything that changes answers."""
        names = (*_TRACED_SETTINGS, *FIELD_OF.values())
        return _masked({name: value for name in names if (value := getattr(self, name)) is not None})

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return super()._get_invocation_params(stop=self.stop if stop is None else stop, **_masked(kwargs))  # type: ignore[arg-type] # a text is one stop

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """Return the cache key of a call. LangChain's own part of it may be of before a field was changed."""
        own = super()._get_llm_string(stop=stop, **_masked(kwargs))
        return f"{own}---{sorted(self._identifying_params.items())}"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Return what LangSmith shows; the call's own values count."""
        given = {**{name: getattr(self, name) for name in ("temperature", "max_tokens")}, **kwargs}
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_type="chat", ls_model_name=_bare_id(kwargs.get("model") or self.model)
        )
        if isinstance(temperature := given.get("temperature"), (int, float)):
            params["ls_temperature"] = temperature
        most = given.get("max_tokens") or given.get("max_completion_tokens") or self.max_completion_tokens
        if isinstance(most, int):
            params["ls_max_tokens"] = most
        if stops := self.stop if stop is None else stop:
            params["ls_stop"] = [stops] if isinstance(stops, str) else list(stops)
        return params

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        """Return what a cache kept, as answers that cost nothing."""
        generations = super()._convert_cached_generations(cache_val)
        for generation in generations:
            if isinstance(generation.message, AIMessage):
                generation.message = without_cost(generation.message)
        return generations

    def _combine_llm_outputs(self, llm_outputs: Sequence[Mapping[str, Any] | None], /) -> dict[str, Any]:
        """Return the tokens and costs of several calls, added up."""
        total: dict[str, Any] = {}
        names: list[str] = []
        for output in llm_outputs:
            for key, value in ((output or {}).get("usage") or {}).items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    total[key] = total.get(key, 0) + value
            if output and output.get("model_name"):
                names.append(output["model_name"])
        combined: dict[str, Any] = {"token_usage": total} if total else {}
        return {**combined, "model_name": names[0]} if names else combined

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
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return about how many tokens messages and tools have, without asking anybody.

        What was really used is in `usage_metadata` of each answer.
        """
        if self.custom_get_token_ids is not None:
            texts = (str(message.text) for message in messages)
            return sum(len(self.custom_get_token_ids(text)) for text in texts) + self._count_tools(tools)
        return count_tokens_approximately(messages) + self._count_tools(tools)

    def _count_tools(self, tools: Sequence[Any] | None) -> int:
        return self.get_num_tokens(json.dumps(render_tools(tools))) if tools else 0


_BYTES_PER_TOKEN = 4


def _bare_id(model: Any) -> str:
    """Return the id that goes on the wire, which price tables know; of what is none, its text."""
    try:
        return parse_model_id(model)
    except InvalidModelError:
        return str(model)


def _masked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without keys and secret headers."""
    masked = dict(arguments)
    if masked.get("api_key") is not None:
        masked["api_key"] = "***"
    for name in _HEADERS:
        if isinstance(headers := masked.get(name), Mapping):
            masked[name] = {header: mask_header(str(header), value) for header, value in headers.items()}
    if isinstance(tools := masked.get("tools"), list):
        masked["tools"] = [_masked_tool(tool) for tool in tools]
    return masked


def _masked_tool(tool: Any) -> Any:
    """Return a tool that runs elsewhere, such as an MCP server, without the credentials that it is given."""
    if not isinstance(tool, Mapping):
        return tool
    return {name: "***" if name in _CREDENTIALS else value for name, value in tool.items()}
