"""The tables bundled with the embedded gateway. Reads package data once; never the disk elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson


@cache
def load_table(name: str) -> Any:
    """Return the parsed JSON of `data/<name>.json`; shared, so nobody changes it."""
    return own_table(name)


def own_table(name: str) -> Any:
    """Return the same for a caller who changes it: parsed once more, which is quicker than a copy."""
    return orjson.loads(_read(name))


@cache
def _read(name: str) -> bytes:
    return files("kilo_gateway.testing").joinpath("data", f"{name}.json").read_bytes()
