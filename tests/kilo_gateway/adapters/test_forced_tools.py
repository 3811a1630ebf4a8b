"""Which models refuse to be forced to call a tool while they think, and how they are asked instead."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.adapters.forced_tools import refuses_forced_tool, request_call


@pytest.mark.parametrize(
    ("model", "options", "refuses"),
    [
        ("anthropic/claude-sonnet-4", {}, False),
        ("anthropic/claude-sonnet-4", {"reasoning": "high"}, True),
        ("kilocode/anthropic/claude-sonnet-4", {"reasoning_effort": "low"}, True),
        ("kilocode/Anthropic/Claude-Sonnet-4", {"reasoning": {"max_tokens": 2000}}, True),
        ("anthropic/claude-sonnet-4", {"reasoning": {"enabled": True}}, True),
        ("anthropic/claude-sonnet-4", {"extra_body": {"reasoning": {"effort": "low"}}}, True),
        ("anthropic/claude-sonnet-4", {"reasoning": "off"}, False),
        ("anthropic/claude-sonnet-4", {"reasoning": {"effort": "none"}}, False),
        ("anthropic/claude-sonnet-4", {"reasoning": {"enabled": False, "effort": "high"}}, False),
        ("anthropic/claude-sonnet-4", {"reasoning": {"exclude": True}}, False),
        ("anthropic/claude-3.7-sonnet:thinking", {}, True),
        ("qwen/qwen3-235b-a22b-thinking-2507", {}, True),
        ("qwen/qwen3-max", {"reasoning": "low"}, True),
        ("qwen/qwen3-max", {}, False),
        ("deepseek/deepseek-r1", {}, True),
        ("deepseek/deepseek-v3.2", {"reasoning": "high"}, True),
        ("deepseek/deepseek-v3.2", {}, False),
        ("moonshotai/kimi-k2-thinking", {}, True),
        ("moonshotai/kimi-k2.5", {"reasoning": {"enabled": False}}, False),
        ("moonshotai/kimi-k2", {"reasoning": "high"}, False),
        ("openai/gpt-5.2", {"reasoning": "high"}, False),
        ("google/gemini-3-flash-preview", {"reasoning": "high"}, False),
        ("", {"reasoning": "high"}, False),
    ],
)
def test_who_refuses_a_forced_tool(model: str, options: dict[str, Any], refuses: bool) -> None:
    """The family decides, and whether it thinks: because it was asked to, or because it does so unasked."""
    assert refuses_forced_tool(model, options) is refuses


def test_tools_with_a_request_are_copies() -> None:
    """The tool that is to be called says so in its description; others, and what was given, stay as they are."""
    given = [
        {"type": "function", "function": {"name": "City", "description": "A city."}},
        {"type": "function", "function": {"name": "other"}},
        {"type": "web_search"},
    ]
    asked = request_call(given, "City")
    assert asked[0]["function"]["description"].startswith("A city. Give your answer by calling this tool")
    assert asked[1:] == given[1:]
    assert given[0]["function"]["description"] == "A city."
