"""Entries of a model list are read by the provider page's rules, whatever their odd details."""

from __future__ import annotations

import copy
import math
import pickle
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.catalog.models import ModelInfo, parse_model

from ..odd_json import odd_object  # noqa: TID252 - test folders are no packages

PRICES = {"prompt": "0.000003", "completion": "0.000015"}


def entry(**fields: Any) -> dict[str, Any]:
    """Return a minimal usable entry with some fields replaced."""
    return {"id": "vendor/model", "pricing": dict(PRICES), **fields}


def parsed(**fields: Any) -> ModelInfo:
    """Return the model of a usable entry."""
    model = parse_model(entry(**fields))
    assert isinstance(model, ModelInfo), model
    return model


@pytest.mark.parametrize("odd", [None, [], ["id"], "vendor/model", 3, 1.5, True])
def test_entry_that_is_no_object_is_skipped(odd: object) -> None:
    """Only an object can be a model."""
    assert parse_model(odd) == "the entry is not an object"


@pytest.mark.parametrize(
    "odd", [None, "", "   ", 7, True, [], {}, "/x", "kilocode/", "kilocode/  ", "a\nb", "a\x1b[2J", "a\ud800"]
)
def test_entry_without_usable_id_is_skipped(odd: object) -> None:
    """An id must be text that can be printed and names a model."""
    assert parse_model(entry(id=odd)) == "`id` names no model"


def test_entry_with_no_id_key_is_skipped() -> None:
    """A missing id is no id."""
    assert parse_model({"pricing": PRICES}) == "`id` names no model"


@pytest.mark.parametrize("odd", [None, [], [PRICES], "0", 0, False])
def test_prices_that_cannot_be_read_are_unknown(odd: object) -> None:
    """An entry with odd prices is a model all the same, and what it costs is unknown, not nothing."""
    model = parsed(pricing=odd)
    assert (model.pricing.prompt, model.pricing.completion, model.is_free) == (None, None, None)


def test_an_entry_of_openais_shape_is_a_model() -> None:
    """It needs an id; the rest is unknown, which is neither no nor zero. Such lists were refused whole."""
    model = parse_model({"id": "gpt-oss", "object": "model", "created": 1, "owned_by": "vllm"})
    assert isinstance(model, ModelInfo)
    assert (model.id, model.name, model.created) == ("gpt-oss", "gpt-oss", 1)
    unknown = (model.context_length, model.max_completion_tokens, model.inputs, model.tools, model.reasoning)
    assert unknown == (None,) * 5
    assert (model.structured_output, model.is_free, model.pricing.prompt) == (None, None, None)
    assert model.supports("tools") is None


@pytest.mark.parametrize("name", ["context_length", "max_model_len", "context_window", "max_context_length"])
def test_the_context_length_is_read_under_the_names_of_other_servers(name: str) -> None:
    """vLLM, Groq, Mistral and LM Studio have names of their own for it."""
    assert parsed(**{name: 8192}).context_length == 8192
    assert parsed(**{name: "8192"}).context_length is None


def test_reason_stays_short_for_a_long_id() -> None:
    """A hostile id cannot flood a log."""
    reason = parse_model({"id": "x" * 100_000 + "\n" + "y"})
    assert isinstance(reason, str)
    assert len(reason) < 200


def test_empty_pricing_object_is_enough() -> None:
    """A model whose prices are unknown is usable."""
    assert parsed(pricing={}).pricing.prompt is None


@pytest.mark.parametrize(
    ("sent", "stored", "ref"),
    [
        ("kilo/auto", "kilo/auto", "kilocode/kilo/auto"),
        ("  vendor/model ", "vendor/model", "kilocode/vendor/model"),
        ("Vendor/Model:free", "Vendor/Model:free", "kilocode/Vendor/Model:free"),
        ("no-slash", "no-slash", "kilocode/no-slash"),
        ("kilocode/x/y", "kilocode/x/y", "kilocode/x/y"),
    ],
)
def test_id_is_trimmed_and_its_ref_has_one_prefix(sent: str, stored: str, ref: str) -> None:
    """Outer blanks of an id are dropped, its case is kept, and the ref has the prefix once."""
    model = parsed(id=sent)
    assert (model.id, model.ref) == (stored, ref)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("A Name", "A Name"),
        (" A ", "A"),
        ("Modèle", "Modèle"),
        ("", "vendor/model"),
        ("  ", "vendor/model"),
        (None, "vendor/model"),
        (5, "vendor/model"),
        ([], "vendor/model"),
        ("\udc00", "vendor/model"),
    ],
)
def test_name_falls_back_to_the_id(sent: object, name: str) -> None:
    """A name that is missing, blank or no text is the id."""
    assert parsed(name=sent).name == name


@pytest.mark.parametrize(
    ("sent", "row"),
    [
        (["text", "image"], ["text", "image"]),
        (["text", "IMAGE"], ["text", "image"]),
        (["image"], ["text", "image"]),
        (["text"], ["text"]),
        (["audio", "file", "video"], ["text"]),
        ([], ["text"]),
        (None, ["text"]),
        ("image", ["text"]),
        ({"image": True}, ["text"]),
        ([None, 3, "image"], ["text", "image"]),
    ],
)
def test_row_input_is_text_and_perhaps_image(sent: object, row: list[str]) -> None:
    """The row has image exactly when the listed kinds have it, in any case."""
    assert parsed(architecture={"input_modalities": sent}).provider_row()["input"] == row


@pytest.mark.parametrize("architecture", [None, [], "text->text", 1])
def test_odd_architecture_leaves_inputs_unknown(architecture: object) -> None:
    """Without an architecture object nothing is known about inputs and outputs."""
    model = parsed(architecture=architecture)
    assert (model.inputs, model.outputs) == (None, None)


def test_all_kinds_of_input_and_output_are_kept() -> None:
    """What the row leaves out is still there for those who ask; images as output do not hide a model."""
    model = parsed(
        architecture={"input_modalities": ["Text", "pdf", "text", "audio"], "output_modalities": ["image", "text"]}
    )
    assert model.inputs == ("text", "pdf", "audio")
    assert model.outputs == ("image", "text")


@pytest.mark.parametrize(
    ("sent", "known", "row"),
    [
        (["tools", "reasoning"], True, True),
        (["include_reasoning"], True, True),
        (["tools"], False, False),
        (["Reasoning"], False, False),
        (["reasoning "], True, True),
        (["reasoning_effort"], False, False),
        ([], None, False),
        (None, None, False),
        ("reasoning", None, False),
        ({"reasoning": True}, None, False),
        ([None, 1, {}], None, False),
        ([None, "reasoning"], True, True),
    ],
)
def test_reasoning_follows_supported_parameters(sent: object, known: bool | None, row: bool) -> None:
    """Reasoning is listed, not listed, or unknown where the list is absent or empty; the row says false for unknown."""
    model = parsed(supported_parameters=sent)
    assert model.reasoning is known
    assert model.provider_row()["reasoning"] is row


@pytest.mark.parametrize(
    ("sent", "tools", "structured"),
    [
        (["tools", "structured_outputs"], True, True),
        (["max_tokens", "response_format"], False, False),
        ([], None, None),
        (None, None, None),
    ],
)
def test_capabilities_follow_supported_parameters(sent: object, tools: bool | None, structured: bool | None) -> None:
    """Tools and schema answers are unknown, not absent, where nothing is listed."""
    model = parsed(supported_parameters=sent)
    assert (model.tools, model.structured_output) == (tools, structured)


def test_supports_tells_listed_from_unlisted_from_unknown() -> None:
    """A live list is complete; no list says nothing."""
    listed = parsed(supported_parameters=["tools", "top_p"])
    assert (listed.supports("top_p"), listed.supports("seed")) == (True, False)
    assert parsed(supported_parameters=[]).supports("tools") is None


def test_bundled_list_denies_only_capabilities() -> None:
    """The snapshot lists capabilities, so it knows nothing about other parameters it does not list."""
    model = parse_model(entry(supported_parameters=["temperature"]), source="bundled")
    assert isinstance(model, ModelInfo)
    assert (model.supports("temperature"), model.supports("tools"), model.supports("top_p")) == (True, False, None)


UNKNOWN_NUMBERS: list[object] = [None, 0, -1, 8192.5, float("inf"), float("nan"), "8192", True, [], {}, 2**53, 10**400]


@pytest.mark.parametrize("sent", [*UNKNOWN_NUMBERS, ""])
def test_unusable_limits_are_unknown_and_default_in_the_row(sent: object) -> None:
    """Only a positive safe integer is a limit; the row has the page's defaults for anything else."""
    model = parsed(context_length=sent, top_provider={"max_completion_tokens": sent})
    assert (model.context_length, model.max_completion_tokens) == (None, None)
    row = model.provider_row()
    assert (row["contextWindow"], row["maxTokens"]) == (1_000_000, 128_000)


@pytest.mark.parametrize(
    ("context", "output"), [(-1, 8192.5), (float("inf"), 0)], ids=["negative and fraction", "infinite and zero"]
)
def test_known_bad_pairs_of_limits_give_both_defaults(context: object, output: object) -> None:
    """A bad context and a bad output limit in one entry both fall to the defaults."""
    model = parsed(context_length=context, top_provider={"max_completion_tokens": output})
    assert (model.context_window, model.max_tokens) == (1_000_000, 128_000)


@pytest.mark.parametrize(
    ("sent", "expected"), [(8192, 8192), (8192.0, 8192), (1, 1), (2**53 - 1, 2**53 - 1), (1e6, 1_000_000)]
)
def test_limits_that_are_whole_numbers_are_taken(sent: object, expected: int) -> None:
    """JSON does not tell 8192 from 8192.0, so neither do we."""
    model = parsed(context_length=sent, top_provider={"max_completion_tokens": sent})
    assert (model.context_length, model.max_completion_tokens) == (expected, expected)
    assert isinstance(model.context_window, int)


@pytest.mark.parametrize(
    ("own", "provider", "expected"),
    [(200_000, 100_000, 200_000), (None, 100_000, 100_000), (-1, 100_000, 100_000), (200_000, None, 200_000)],
)
def test_context_is_the_models_then_the_providers(own: object, provider: object, expected: int) -> None:
    """The entry's own context length comes first, its top provider's second."""
    assert parsed(context_length=own, top_provider={"context_length": provider}).context_length == expected


@pytest.mark.parametrize("provider", [None, [], "x", 3])
def test_odd_top_provider_leaves_the_output_limit_unknown(provider: object) -> None:
    """Without a top provider object the output limit is unknown."""
    assert parsed(top_provider=provider).max_completion_tokens is None


@pytest.mark.parametrize(
    ("sent", "expected"), [(0, 0), (1_770_000_000, 1_770_000_000), (-5, None), ("1", None), (None, None), (True, None)]
)
def test_created_is_unix_seconds(sent: object, expected: int | None) -> None:
    """Zero is what automatic routes say and is kept; anything odd is unknown."""
    assert parsed(created=sent).created == expected


@pytest.mark.parametrize(("sent", "expected"), [("# Hi", "# Hi"), ("", None), (None, None), (3, None)])
def test_description_is_text_or_none(sent: object, expected: str | None) -> None:
    """A description that is empty or no text is none."""
    assert parsed(description=sent).description == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"isFree": True}, True),
        ({"isFree": False, "pricing": {"prompt": "0", "completion": "0"}}, False),
        ({"id": "vendor/m:free"}, True),
        ({"id": "Vendor/M:FREE", "isFree": False}, True),
        ({"id": "kilo-auto/free"}, True),
        ({"id": "openrouter/free"}, True),
        ({}, False),
        ({"pricing": {"prompt": "0", "completion": "0"}}, None),
        ({"pricing": {"prompt": "-1", "completion": "-1"}}, None),
        ({"pricing": {}}, None),
        ({"isFree": "yes", "pricing": {}}, None),
        ({"isFree": 1, "pricing": {}}, None),
    ],
)
def test_free_is_said_by_id_or_mark_never_by_a_zero_price(fields: dict[str, Any], expected: bool | None) -> None:
    """A free id or the gateway's mark makes a model free, a price makes it paid, and zero alone says nothing."""
    assert parsed(**fields).is_free is expected


def test_row_has_exactly_the_pages_shape() -> None:
    """The row of an entry that says everything, key by key."""
    model = parsed(
        name="Model",
        context_length=200_000,
        architecture={"input_modalities": ["text", "image"]},
        top_provider={"max_completion_tokens": 64_000},
        supported_parameters=["reasoning"],
        pricing={**PRICES, "input_cache_read": "0.0000003", "input_cache_write": "0.00000375", "image": "1"},
    )
    assert model.provider_row() == {
        "id": "vendor/model",
        "name": "Model",
        "input": ["text", "image"],
        "reasoning": True,
        "contextWindow": 200_000,
        "maxTokens": 64_000,
        "cost": {"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75},
    }


@pytest.mark.parametrize("price", ["-1", "", "abc", "NaN", "Infinity", "unavailable", "0", None])
def test_row_costs_nothing_where_the_price_is_unknown(price: object) -> None:
    """The row cannot say unknown, so it says 0; the price itself still tells unknown from zero."""
    model = parsed(pricing={"prompt": price, "completion": price})
    assert model.provider_row()["cost"] == {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    assert model.pricing.prompt == (Decimal(0) if price == "0" else None)


def test_the_entry_as_sent_is_kept_and_untouched() -> None:
    """`raw` is the entry with every field we do not read, and reading changes nothing in it."""
    sent = entry(opencode={"family": "claude"}, id=" vendor/model ")
    before = copy.deepcopy(sent)
    model = parse_model(sent)
    assert isinstance(model, ModelInfo)
    assert model.raw == sent == before
    assert "opencode" not in repr(model)


def test_models_can_be_hashed_compared_and_pickled() -> None:
    """A model works in a set, equals its twin and survives a process pool."""
    model = parsed()
    assert {model, parsed()} == {model}
    assert pickle.loads(pickle.dumps(model)) == model
    assert model != parsed(name="other")


def test_models_are_frozen() -> None:
    """Nobody changes a model that others share."""
    with pytest.raises(ValueError, match="frozen"):
        parsed().name = "other"


KEYS = ["id", "name", "description", "created", "context_length", "architecture", "top_provider", "pricing"]


@given(st.randoms(use_true_random=True), st.booleans())
def test_no_entry_makes_the_reader_fail(random: Random, usable: bool) -> None:
    """Any JSON object is a model or a reason, never an exception."""
    odd = odd_object(random, [*KEYS, "supported_parameters", "isFree", "prompt"], [math.nan, math.inf])
    sent = {**odd, "id": "a/b", "pricing": {"prompt": odd.get("pricing")}} if usable else odd
    model = parse_model(sent)
    assert isinstance(model, ModelInfo if usable else (ModelInfo, str))
    if isinstance(model, ModelInfo):
        assert set(model.provider_row()) == {"id", "name", "input", "reasoning", "contextWindow", "maxTokens", "cost"}
