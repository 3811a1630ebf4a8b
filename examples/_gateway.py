"""Where the examples find a gateway: your own account's if a key is set, else the embedded one, which needs neither."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kilo_gateway import resolve_settings
from kilo_gateway.testing import EmbeddedGateway

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def a_gateway() -> Iterator[bool]:
    """Let everything inside the block that names no gateway find one; yield whether it is the embedded one."""
    if resolve_settings({}, os.environ).api_key is not None:
        print("A key is set: talking to the gateway itself.")
        yield False
        return
    with EmbeddedGateway() as gateway:
        print(f"No key is set: talking to the embedded gateway at {gateway.base_url}")
        os.environ |= {"KILOCODE_BASE_URL": gateway.base_url, "KILOCODE_API_KEY": gateway.api_key}
        yield True
