"""A process that makes one model object and one call, and prints the CPU seconds of both. Run by the benchmark."""

from __future__ import annotations

import importlib
import sys
import time

from benchmarks.contenders import MAKERS

_MODULES = {
    "ChatKilo": "langchain_kilo",
    "langchain-openai": "langchain_openai",
    "KiloLLM": "llama_index_kilo",
    "llama-index-llms-openrouter": "llama_index.llms.openrouter",
}


def main(name: str, base_url: str) -> None:
    """Import the contender's package outside of the measurement, then measure constructor and call."""
    importlib.import_module(_MODULES[name])
    before = time.process_time()
    MAKERS[name](base_url).call("What is the answer?")
    print(time.process_time() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
