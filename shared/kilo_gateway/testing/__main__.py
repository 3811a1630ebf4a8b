"""`python -m kilo_gateway.testing`: an embedded gateway in the foreground."""

from __future__ import annotations

import argparse
import sys

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.testing import VERSIONS, serve


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kilo_gateway.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--version", choices=VERSIONS, default="newest", help="which server generation to imitate")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="wait after each streamed event")
    parser.add_argument(
        "--upstream", metavar="URL", help="show what is sent to this gateway, in place of the embedded one"
    )
    given = parser.parse_args(arguments)
    try:
        serve(port=given.port, version=given.version, delay_ms=given.delay_ms, upstream=given.upstream)
    except OSError as error:
        sys.stderr.write(f"cannot listen on port {given.port}: {error}\n")
        return 1
    except InvalidSettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
