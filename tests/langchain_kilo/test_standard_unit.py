"""LangChain's own unit tests for chat models, every optional part switched on."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_kilo import ChatKilo

pytestmark = pytest.mark.filterwarnings(
    # The suite itself calls `model.dict()`, which LangChain has deprecated.
    "ignore:The method `BaseChatModel.dict` was deprecated:langchain_core._api.deprecation.LangChainDeprecationWarning",
    "ignore:The function `load` is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning",
)


@pytest.fixture(autouse=True)
def _on_the_partner_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put ChatKilo on LangChain's own list of partners, which is closed to packages outside of its repository.

    The suite loads with `allowed_objects="all"`, which means that list; `test_serialisation` loads as users do.
    """
    loading = sys.modules["langchain_core.load.load"]
    path = tuple(ChatKilo.lc_id())
    monkeypatch.setitem(loading.ALL_SERIALIZABLE_MAPPINGS, path, path)
    monkeypatch.setattr(loading, "_default_class_paths_cache", {})


class TestChatKiloUnit(ChatModelUnitTests):
    """ChatKilo is what LangChain expects of a chat model, as far as that can be told without a gateway."""

    @property
    def chat_model_class(self) -> type[ChatKilo]:
        return ChatKilo

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "anthropic/claude-sonnet-4.6", "api_key": "test-key"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {
            "KILOCODE_API_KEY": "key-of-the-environment",
            "KILOCODE_BASE_URL": "http://127.0.0.1:9/api/gateway",
            "KILOCODE_MODEL": "openai/gpt-5.2",
            "KILOCODE_MAX_RETRIES": "5",
        }
        expected = {
            "api_key": "key-of-the-environment",
            "base_url": "http://127.0.0.1:9/api/gateway/",
            "model": "kilocode/openai/gpt-5.2",
            "max_retries": 5,
        }
        return environment, {}, expected

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
