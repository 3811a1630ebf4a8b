"""The bundled list is written in one stable form, with the default model's fixed values and nothing private."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from kilo_gateway.catalog.catalog import Catalog, bundled_catalog, merge_catalogs, parse_catalog
from kilo_gateway.catalog.models import ModelInfo, parse_model
from kilo_gateway.catalog.snapshot import AUTO_ENTRY, render_snapshot

SHIPPED = files("kilo_gateway.catalog").joinpath("data/models.json").read_text(encoding="utf-8")
SONNET: dict[str, Any] = {
    "id": "anthropic/claude-sonnet-4.6",
    "name": "Sonnet",
    "description": "Long words.",
    "created": 1_770_000_000,
    "context_length": 200_000,
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"], "tokenizer": "Claude"},
    "top_provider": {"is_moderated": False, "context_length": 200_000, "max_completion_tokens": 64_000},
    "pricing": {"prompt": 0.000003, "completion": "0.000015", "image": "-1"},
    "supported_parameters": ["tools"],
    "isFree": False,
    "hasUserByokAvailable": True,
    "autoRouting": {"models": ["x/y"]},
}


def render(*entries: Any) -> dict[str, Any]:
    """Return a rendered snapshot of these entries, read back."""
    snapshot: dict[str, Any] = json.loads(render_snapshot(catalog_of(*entries), source="s", date="2026-01-02"))
    return snapshot


def catalog_of(*entries: Any) -> Catalog:
    """Return the catalog of a gateway that lists these entries."""
    return Catalog(tuple(parse_catalog({"data": list(entries)})[0]), is_live=True)


def ids(snapshot: dict[str, Any]) -> list[str]:
    """Return the ids in order."""
    return [entry["id"] for entry in snapshot["models"]]


def test_shipped_file_is_what_its_own_entries_render_to() -> None:
    """The shipped file can be renewed without touching a line that did not change, be its entries live or bundled."""
    shipped = json.loads(SHIPPED)
    about = {"source": shipped["source"], "date": shipped["date"]}
    assert render_snapshot(catalog_of(*reversed(shipped["models"])), **about) == SHIPPED
    assert render_snapshot(bundled_catalog(), **about) == SHIPPED


def test_shipped_file_holds_kilo_auto_first_and_no_description() -> None:
    """The default model's entry is the fixed one."""
    models = json.loads(SHIPPED)["models"]
    assert models[0] == AUTO_ENTRY
    assert not any("description" in entry for entry in models)


def test_entry_keeps_only_what_is_read() -> None:
    """Descriptions, account facts and unknown prices are left out; numbers become the gateway's strings."""
    assert render(SONNET)["models"][1] == {
        "id": "anthropic/claude-sonnet-4.6",
        "name": "Sonnet",
        "created": 1_770_000_000,
        "context_length": 200_000,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "top_provider": {"max_completion_tokens": 64_000},
        "pricing": {"prompt": "0.000003", "completion": "0.000015"},
        "supported_parameters": ["tools"],
        "isFree": False,
    }


def test_rendered_entry_reads_back_as_the_same_model() -> None:
    """Nothing that is read gets lost on the way through the file."""
    before, after = parse_model(SONNET), parse_model(render(SONNET)["models"][1])
    assert isinstance(before, ModelInfo)
    assert isinstance(after, ModelInfo)
    unlike = {"raw", "description"}
    assert before.model_dump(exclude=unlike) == after.model_dump(exclude=unlike)


def test_unknown_details_are_left_out_and_pricing_stays_an_object() -> None:
    """An entry that says nothing stays usable."""
    snapshot = render({"id": "kilo-auto/b", "pricing": {}})
    assert snapshot["models"][1] == {"id": "kilo-auto/b", "name": "kilo-auto/b", "pricing": {}}


def test_kilo_auto_keeps_its_fixed_values() -> None:
    """What a gateway says about the default model does not change the fallback."""
    snapshot = render({**SONNET, "id": "Kilo/Auto", "context_length": 5})
    assert snapshot["models"] == [AUTO_ENTRY]


def test_only_bundled_ids_and_public_routes_are_kept() -> None:
    """Models nobody chose, and an organization's private ones, do not get into the shipped file."""
    listed = [{**SONNET, "id": name} for name in ("other/model", "kilo/private-llm", "kilo-auto/new", SONNET["id"])]
    assert ids(render(*listed)) == ["kilo/auto", "kilo-auto/new", SONNET["id"]]


def test_live_catalog_gives_only_what_the_gateway_listed() -> None:
    """Bundled entries that the gateway no longer lists leave the renewed file."""
    merged = merge_catalogs(parse_catalog({"data": [SONNET]})[0], bundled_catalog())
    assert isinstance(merged, Catalog)
    snapshot = json.loads(render_snapshot(merged, source="s", date="2026-01-02"))
    assert ids(snapshot) == ["kilo/auto", SONNET["id"]]


def test_a_mark_as_free_is_not_written_down() -> None:
    """A promotion ends; only its end would be noticed too late."""
    assert "isFree" not in render({**SONNET, "isFree": True})["models"][1]


def test_unusable_entries_are_left_out() -> None:
    """Malformed entries do not stop a renewal, and the first usable one of an id counts."""
    twin = {**SONNET, "name": "second"}
    assert [e["name"] for e in render(None, {"id": "a/b"}, SONNET, twin)["models"]] == ["Kilo Auto", "Sonnet"]


def test_text_is_plain_ascii_json_with_the_given_words() -> None:
    """Source, date and names of any script are written so that every platform reads them."""
    text = render_snapshot(catalog_of({**SONNET, "name": "Modèle \u2028"}), source='a "b"', date="2026-01-02")
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text)["source"] == 'a "b"'
    assert json.loads(text)["date"] == "2026-01-02"
