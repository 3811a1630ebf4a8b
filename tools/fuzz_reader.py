"""Look for answers that the engine's reader takes differently when split: `python -m tools.fuzz_reader [seconds]`.

What is found is kept in the corpus of the tests, which read it from then on.
"""

from __future__ import annotations

import sys
import time
from hashlib import sha256
from random import Random

from tests.kilo_gateway.transport.engine.test_fuzz import CORPUS, SEEDS, check, mutate


def main(seconds: float) -> int:
    """Return how many answers were found; each is kept under the hash of its bytes."""
    random, end, tried, found = Random(), time.monotonic() + seconds, 0, 0
    seeds = list(SEEDS.values())
    while time.monotonic() < end:
        data = mutate(random.choice(seeds), random)
        tried += 1
        try:
            check(data, random)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it was found
            found += 1
            path = CORPUS / f"{sha256(data).hexdigest()[:12]}.http"
            path.write_bytes(data)
            print(f"{path.name}: {type(failure).__name__}: {data[:200]!r}")
    print(f"{tried} answers tried, {found} found")
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0) > 0)
