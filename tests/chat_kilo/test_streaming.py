"""A streamed answer, added up, is the whole answer: in every mode of LangChain, however the bytes are cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from kilo_gateway.testing import Reply
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from tests.chat_kilo.scenarios import SCENARIOS, call, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

pytestmark = pytest.mark.filterwarnings("ignore:.*v3.*beta:langchain_core._api.beta_decorator.LangChainBetaWarning")

NAMES = sorted(SCENARIOS)
