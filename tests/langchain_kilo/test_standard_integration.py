"""LangChain's own integration tests for chat models against the embedded gateway, every optional part switched on."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from pytest_recording.plugin import vcr

from kilo_gateway.testing import Reply, kilo_vcr_config
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

__all__ = ["vcr"]

pytestmark = pytest.mark.filterwarnings(
    # The suite calls what LangChain itself calls beta.
    "ignore:The method `BaseChatModel.*v3` is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning",
    "ignore:The function `tool_example_to_messages` is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning",
    # And its own schemas for pydantic 1.
    "ignore:.*stream_events.*:langchain_core._api.beta_decorator.LangChainBetaWarning",
)

for _name, _test in vars(ChatModelIntegrationTests).items():
    if _name.startswith("test_") and inspect.iscoroutinefunction(_test):
        pytest.mark.asyncio(_test)  # the suite counts on pytest-asyncio's automatic mode

_MEDIA = {
    ".pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    ".wav": b"RIFF$\x00\x00\x00WAVEfmt ",
    ".png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 24,
    ".jpg": b"\xff\xd8\xff\xe0" + b"\x00" * 24,
    ".jpeg": b"\xff\xd8\xff\xe0" + b"\x00" * 24,
}
"""What stands in for the files that the suite fetches from the web, by the end of their address."""


_SCRIPT = {
    "test_json_mode": Reply(text='{"setup": "Why do cats purr?", "punchline": "To be heard."}', times=math.inf),
    "test_agent_loop": Reply(tool_calls=[{"name": "get_weather", "arguments": {"location": "San Francisco, CA"}}]),
}
"""What is said where a test wants wit or geography, which the embedded gateway's small models have not."""


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Return how the one test with a cassette of pytest-recording's matches it: by path and parsed body."""
    return kilo_vcr_config(record_mode="none", allow_playback_repeats=True)


@pytest.fixture(autouse=True)
def _offline_media(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer the suite's downloads from this file."""
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "offline")

    def get(url: str, **_: Any) -> httpx.Response:
        data = next((data for ending, data in _MEDIA.items() if url.lower().endswith(ending)), _MEDIA[".png"])
        return httpx.Response(200, content=data, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)


class TestChatKiloIntegration(ChatModelIntegrationTests):
    """ChatKilo does with a gateway what LangChain expects of a chat model."""

    @pytest.fixture(autouse=True)
    def _at_the_gateway(self, gateway: EmbeddedGateway, request: pytest.FixtureRequest) -> None:
        self._gateway = gateway
        reply = _SCRIPT.get(request.node.originalname)
        if reply is not None:
            gateway.enqueue(replace(reply))

    @property
    def chat_model_class(self) -> type[ChatKilo]:
        return ChatKilo

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "anthropic/claude-sonnet-4.6",
            "api_key": self._gateway.api_key,
            "base_url": self._gateway.base_url,
        }

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_video_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "kilo-embedded/repeat"

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        kinds = ["audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"]
        return {"invoke": kinds, "stream": kinds}

    def _ask(self, *, stream: bool) -> AIMessage:
        """Ask for an answer whose usage has every detail."""
        usage = {
            "prompt_tokens": 90,
            "completion_tokens": 60,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 25, "audio_tokens": 15},
        }
        self._gateway.enqueue(Reply(text="Well.", usage=usage))
        model = ChatKilo(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        chunks = list(model.stream("Hello"))
        return chunks[0] + chunks[1:]

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask(stream=stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        return self._ask(stream=stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._ask(stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask(stream=stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask(stream=stream)
