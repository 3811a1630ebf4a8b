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
        ("-", None),
        ("openai/gpt-4o", None),
        ("nobody/has-this", None),
        ("x" * 10_000, None),
        ("", None),
    ],
)
def test_the_model_that_was_meant(typed: str, meant: str | None) -> None:
    """No lab, another separator, a wrong letter and a part of a name are seen through; else nothing is suggested."""
    assert suggest_model(typed, CATALOG) == meant
