"""The catalog merges what the gateway lists with what is bundled, and finds models in it without ever raising."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.catalog.catalog import Catalog, bundled_catalog, merge_catalogs, parse_catalog
from kilo_gateway.catalog.models import ModelInfo, parse_model
from kilo_gateway.errors import MalformedAnswerError

SAMPLE = Path(__file__).parents[2] / "data" / "models-newest-shape.json"
PRICES = {"prompt": "0.000001", "completion": "0.000002"}


def entry(model_id: str, **fields: Any) -> dict[str, Any]:
    """Return a minimal usable entry."""
    return {"id": model_id, "pricing": PRICES, **fields}


def live(*model_ids: str, **fields: Any) -> list[ModelInfo]:
    """Return models as discovered."""
    return parse_catalog({"data": [entry(model_id, **fields) for model_id in model_ids]})[0]


def bundled(*model_ids: str) -> Catalog:
    """Return a catalog as bundled."""
    models = [parse_model(entry(model_id), source="bundled") for model_id in model_ids]
    return Catalog(tuple(model for model in models if isinstance(model, ModelInfo)))


def ids(catalog: Catalog | list[ModelInfo]) -> list[str]:
    """Return the ids in order."""
    return [model.id for model in catalog]


@pytest.fixture
def sample() -> dict[str, Any]:
    """Return a model list in the newest shape."""
    body: dict[str, Any] = json.loads(SAMPLE.read_bytes())
    return body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "is not a JSON object"),
        ("<html>", "is not a JSON object"),
        ([entry("a/b")], "is not a JSON object"),
        ({}, "has no list `data`"),
        ({"error": {"message": "x"}}, "has no list `data`"),
        ({"data": None}, "has no list `data`"),
        ({"data": {}}, "has no list `data`"),
        ({"data": "a/b"}, "has no list `data`"),
        ({"data": []}, "is empty"),
        ({"data": [None]}, "no usable entry among 1"),
        ({"data": [{"id": "/"}, 3, {"pricing": {}}]}, "no usable entry among 3"),
    ],
)
def test_list_without_a_usable_entry_is_malformed(body: object, words: str) -> None:
    """An answer that gives no model at all is an error of ours that says what is wrong with it."""
    with pytest.raises(MalformedAnswerError, match=words) as caught:
        parse_catalog(body)
    assert caught.value.snippet


def test_malformed_answer_of_any_size_gives_a_short_error() -> None:
    """A huge or deeply nested answer ends in a short message and snippet."""
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(MalformedAnswerError) as caught:
        parse_catalog({"data": nested, **{f"key{n}": "x" * 1000 for n in range(1000)}})
    assert len(str(caught.value)) + len(caught.value.snippet or "") < 1000


def test_bad_entries_are_left_out_with_their_reason() -> None:
    """One malformed entry costs only itself."""
    models, skipped = parse_catalog({"data": [None, entry("a/b"), {"id": 7}, entry("  "), entry("e/f")]})
    assert ids(models) == ["a/b", "e/f"]
    assert skipped == [
        "Entry 0: the entry is not an object.",
        "Entry 2: `id` names no model.",
        "Entry 3: `id` names no model.",
    ]


@pytest.mark.parametrize("twin", ["a/b", " a/b ", "A/B", "kilocode/a/b"])
def test_first_valid_duplicate_counts(twin: str) -> None:
    """Of several usable entries of one model the first stays, whatever its blanks, case or prefix."""
    models, skipped = parse_catalog({"data": [entry("a/b", name="first"), entry(twin, name="second")]})
    assert [model.name for model in models] == ["first"]
    assert len(skipped) == 1
    assert "listed before" in skipped[0]


def test_malformed_entry_does_not_reserve_its_id() -> None:
    """A usable entry counts although a malformed one with its id came earlier."""
    models, skipped = parse_catalog({"data": ["a/b", entry("a/b", name="good")]})
    assert [model.name for model in models] == ["good"]
    assert len(skipped) == 1


def test_merge_puts_discovered_first_then_missing_bundled() -> None:
    """Discovered models keep the gateway's order; bundled ones it did not list follow in theirs."""
    merged = merge_catalogs(live("z/z", "a/a"), bundled("kilo/auto", "m/m"))
    assert ids(merged) == ["z/z", "a/a", "kilo/auto", "m/m"]
    assert merged.is_live


def test_discovered_entry_replaces_the_bundled_one_at_its_own_place() -> None:
    """A model that both know has the gateway's values and the gateway's position, whatever the case of its id."""
    merged = merge_catalogs(live("z/z", "Kilo/Auto", "m/m", context_length=5), bundled("kilo/auto", "M/M", "n/n"))
    assert ids(merged) == ["z/z", "Kilo/Auto", "m/m", "n/n"]
    model = merged.get("kilo/auto")
    assert model is not None
    assert (model.context_length, model.source) == (5, "live")


def test_merge_tells_what_was_left_out() -> None:
    """The catalog says why entries of the gateway's list are not in it."""
    merged = merge_catalogs(live("z/z"), bundled("kilo/auto"), skipped=["Entry 0: bad."])
    assert merged.skipped == ("Entry 0: bad.",)


def test_merge_with_the_shipped_list_always_has_kilo_auto(sample: dict[str, Any]) -> None:
    """Whatever the gateway lists, the default model can be looked up."""
    models, _ = parse_catalog(sample)
    merged = merge_catalogs(models, bundled_catalog())
    assert ids(merged)[: len(models)] == ids(models)
    assert "kilo/auto" not in ids(models)
    assert "kilocode/kilo/auto" in merged
    assert len(set(ids(merged))) == len(merged)


def test_bundled_catalog_has_kilo_auto_exactly() -> None:
    """The default model stands first with the provider page's values."""
    first = next(iter(bundled_catalog()))
    assert first is bundled_catalog().get("kilocode/kilo/auto")
    assert first.provider_row() == {
        "id": "kilo/auto",
        "name": "Kilo Auto",
        "input": ["text", "image"],
        "reasoning": True,
        "contextWindow": 1_000_000,
        "maxTokens": 128_000,
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
    }
    assert (first.context_length, first.max_completion_tokens, first.tools) == (1_000_000, 128_000, True)
    assert (first.pricing.prompt, first.is_free, first.source) == (Decimal(0), False, "bundled")


def test_bundled_catalog_is_whole_and_read_once() -> None:
    """Every shipped entry is usable, is marked as bundled, and the file is read a single time."""
    catalog = bundled_catalog()
    assert catalog is bundled_catalog()
    assert catalog.skipped == ()
    assert len(catalog) >= 50
    assert {model.source for model in catalog} == {"bundled"}
    assert not catalog.is_live
    assert catalog.origin is not None
    assert "models.dev" in catalog.origin.source
    assert catalog.origin.date


def test_bundled_facts_are_plausible() -> None:
    """Shipped limits fit each other, every lab's model has a known context and kinds, and no price is absurd."""
    for model in bundled_catalog():
        if model.id.startswith("kilo"):
            continue
        assert model.context_length, model.id
        assert (model.max_completion_tokens or 1) <= model.context_length, model.id
        assert model.inputs is not None, model.id
        assert "text" in model.inputs, model.id
        assert model.supported_parameters, model.id
        assert (model.pricing.prompt or 0) <= 100, model.id


@pytest.mark.parametrize(
    "ref",
    ["a/B", "A/b", "kilocode/a/B", "  KiloCode/A/B  ", "kilocode/ a/b", "a/b "],
)
def test_lookup_ignores_case_prefix_and_blanks(ref: str) -> None:
    """A ref and an id in any spelling find the same model, as listed."""
    catalog = Catalog(tuple(live("x/y", "a/B")))
    model = catalog.get(ref)
    assert model is not None
    assert model.id == "a/B"
    assert ref in catalog


@pytest.mark.parametrize("ref", ["c/d", "", "   ", "/x", "kilocode/", "other/a/b", None, 3, [], {}, b"a/b", "a\x00b"])
def test_unknown_or_odd_ref_finds_nothing(ref: object) -> None:
    """A look-up never raises."""
    catalog = Catalog(tuple(live("a/b")))
    assert catalog.get(ref) is None
    assert ref not in catalog
    assert catalog.is_free(ref) is None


def test_catalog_counts_iterates_and_contains_models() -> None:
    """A catalog is a collection of its models in order."""
    models = live("z/z", "a/a")
    catalog = Catalog(tuple(models))
    assert list(catalog) == models
    assert len(catalog) == 2
    assert models[1] in catalog
    assert live("b/b")[0] not in catalog
    assert repr(catalog) == "<Catalog of 2 models, bundled>"
    assert hash(catalog) == hash(catalog)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("promo/model", True),
        ("kilocode/PROMO/model", True),
        ("paid/model", False),
        ("unknown/model", None),
        ("unknown/model:free", True),
        ("kilocode/kilo-auto/free", True),
        ("openrouter/free", True),
        (None, None),
    ],
)
def test_free_is_known_by_entry_or_id(ref: object, expected: bool | None) -> None:
    """The gateway's mark or the id says free; an unknown id is neither free nor paid."""
    catalog = Catalog((*live("promo/model", isFree=True), *live("paid/model")))
    assert catalog.is_free(ref) is expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["kilo-auto/efficient", "kilo-auto/balanced"], "kilo-auto/balanced"),
        (["kilo-auto/efficient", "kilo-auto/free"], "kilo-auto/efficient"),
        (["Kilo-Auto/Balanced"], "Kilo-Auto/Balanced"),
        (["kilo-auto/free", "kilo-auto/small", "openrouter/auto"], None),
    ],
)
def test_successor_of_auto_is_the_best_live_route(listed: list[str], expected: str | None) -> None:
    """Only the two known routes succeed `kilo/auto`, and only when the gateway lists them."""
    assert merge_catalogs(live(*listed), bundled_catalog()).successor_of_auto() == expected


def test_bundled_routes_are_no_successor() -> None:
    """A shipped entry does not prove that this gateway serves the route."""
    assert "kilo-auto/balanced" in bundled_catalog()
    assert bundled_catalog().successor_of_auto() is None


def test_newest_list_reads_whole(sample: dict[str, Any]) -> None:
    """Every entry of a list in the newest shape is read, in order, with its oddities."""
    models, skipped = parse_catalog(sample)
    assert ids(models) == [item["id"] for item in sample["data"]]
    assert skipped == []
    catalog = merge_catalogs(models, bundled_catalog())

    def found(ref: str) -> ModelInfo:
        model = catalog.get(ref)
        assert model is not None
        return model

    sonnet = found("anthropic/claude-sonnet-4.6")
    assert sonnet.inputs == ("text", "image", "pdf")
    assert sonnet.provider_row()["input"] == ["text", "image"]
    assert sonnet.provider_row()["cost"] == {"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75}
    router = found("typesafe/jev-router")
    assert (router.context_length, router.max_completion_tokens, router.tools) == (200_000, None, None)
    assert router.pricing.prompt is None
    assert found("kilo-auto/free").pricing.prompt == Decimal(0)
    assert found("kilo-auto/efficient").pricing.completion is None
    assert found("minimax/minimax-m2.5:free").is_free is True
    assert found("google/gemini-3-image").outputs == ("image", "text")
    assert found("no-slash-model").max_tokens == 128_000
    assert found("vendor/params-missing").reasoning is None
    assert found("vendor/unvalidated").inputs is None
    assert catalog.successor_of_auto() == "kilo-auto/efficient"


def test_long_list_is_read_whole(sample: dict[str, Any]) -> None:
    """A list as long as the gateway's own is read to the last entry, the bundled ones behind it."""
    data = [{**sample["data"][n % len(sample["data"])], "id": f"lab/model-{n}"} for n in range(350)]
    merged = merge_catalogs(parse_catalog({"data": data})[0], bundled_catalog())
    assert len(merged) == 350 + len(bundled_catalog())
    assert merged.models[349].id == "lab/model-349"


def test_a_missing_file_is_a_small_catalog(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An application whose packager left the list out still knows the default model, and is told."""
    bundled_catalog.cache_clear()
    monkeypatch.setattr("kilo_gateway.catalog.catalog.files", lambda _package: Path("nowhere"))
    try:
        assert [model.id for model in bundled_catalog()] == ["kilo/auto"]
        assert "The bundled model list is missing" in caplog.text
    finally:
        bundled_catalog.cache_clear()


def test_packagers_find_the_hooks() -> None:
    """PyInstaller's entry point names a folder with a hook for each package."""
    (ours,) = (entry for entry in entry_points(group="pyinstaller40") if entry.value.startswith("kilo_gateway."))
    (folder,) = ours.load()()
    assert {path.stem for path in Path(folder).glob("hook-*.py")} == {
        "hook-kilo_gateway",
        "hook-langchain_kilo",
        "hook-llama_index_kilo",
    }
