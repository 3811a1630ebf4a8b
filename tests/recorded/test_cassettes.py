"""The recorded part as a whole: small, free of secrets, and said where it came from."""

from __future__ import annotations

from pathlib import Path

from kilo_gateway.testing import check_cassettes
from kilo_gateway.testing.cassettes.document import parse_document

ROOT = Path(__file__).parent.parent


def test_no_cassette_holds_a_secret() -> None:
    """Every cassette of this repository can be read and holds nothing that looks like a key."""
    assert list(ROOT.rglob("*.kilo.yaml"))
    assert check_cassettes(ROOT, *ROOT.rglob("cassettes/**/*.yaml")) == []


def test_all_cassettes_are_small() -> None:
    """All recorded files together are under one MiB."""
    recorded = [path for path in ROOT.rglob("cassettes/**/*.yaml") if path.is_file()]
    assert sum(path.stat().st_size for path in recorded) < 1 << 20


def test_every_cassette_says_where_it_came_from() -> None:
    """The origin stands at the head; for the embedded gateway with its version."""
    for path in ROOT.rglob("*.kilo.yaml"):
        origin = parse_document(path.read_text()).origin
        assert origin is not None
        assert origin.kind in {"embedded gateway", "Kilo Gateway"}
        assert origin.version if origin.kind == "embedded gateway" else origin.recorded
