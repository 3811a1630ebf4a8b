"""A real cluster on this machine with room for four workers."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket

KEY = "key-of-a-cluster-test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Ray, pandas and their kind warn about themselves."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def _sockets() -> Iterator[None]:
    """Let Ray look for the address of this machine."""
    pytest_socket.enable_socket()
    yield
    pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Ray, started for four workers, whose environment has no key."""
    pytest_socket.enable_socket()
    for name in [name for name in os.environ if name.startswith("KILO")]:
        del os.environ[name]
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    folder = tempfile.mkdtemp(prefix="kr-")  # the paths of sockets must be short
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(
            num_cpus=4,
            object_store_memory=150 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
