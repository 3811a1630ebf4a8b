"""Ids that nobody has: the one that was probably meant, or none."""

from __future__ import annotations

import pytest

from kilo_gateway.catalog.catalog import Catalog, parse_catalog
from kilo_gateway.catalog.suggestions import suggest_model

CATALOG = Catalog(
    tuple(
        parse_catalog(
            {
                "data": [
                    {"id": id_}
                    for id_ in (
                        "anthropic/claude-sonnet-4.6",
                        "anthropic/claude-opus-4.6",
                        "openai/gpt-4o",
                        "openai/gpt-5-mini",
                        "z-ai/glm-5:free",
                    )
                ]
            }
        )[0]
    )
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("claude-sonet-4.6", "anthropic/claude-sonnet-4.6"),
        ("anthropic/claude-sonnet-4-6", "anthropic/claude-sonnet-4.6"),
        ("Anthropic/Claude_Sonnet_4.6x", "anthropic/claude-sonnet-4.6"),
        ("gpt-4o", "openai/gpt-4o"),
        ("azure/gpt-5-mini", "openai/gpt-5-mini"),
        ("glm-5", "z-ai/glm-5:free"),
        ("sonnet", "anthropic/claude-sonnet-4.6"),
        ("Opus 4.6", "anthropic/claude-opus-4.6"),
        ("claude-4.6-sonnet", "anthropic/claude-sonnet-4.6"),
        ("claude_sonnet", "anthropic/claude-sonnet-4.6"),
        ("openrouter/anthropic/claude-sonnet-4.6", "anthropic/claude-sonnet-4.6"),
        ("anthropic:claude-sonnet-4.6", "anthropic/claude-sonnet-4.6"),
        ("anthropic/claude-sonnet-4.6:beta", "anthropic/claude-sonnet-4.6"),
        ("us.anthropic.claude-sonnet-4-6-20260101-v1:0", "anthropic/claude-sonnet-4.6"),
        ("gpt-5-mini-2025-08-07", "openai/gpt-5-mini"),
        ("gpt-4-o", "openai/gpt-4o"),
        ("gpt5mini", "openai/gpt-5-mini"),
        ("text-embedding-3-small", None),
        ("-", None),
        ("openai/gpt-4o", None),
        ("nobody/has-this", None),
        ("x" * 10_000, None),
        ("", None),
    ],
)
def test_the_model_that_was_meant(typed: str, meant: str | None) -> None:
    """Other spellings, orders, prefixes, dates, wrong letters and parts of a name lead to a model; the rest to none."""
    assert suggest_model(typed, CATALOG) == meant
