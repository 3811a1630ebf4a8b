"""`python -m kilo_gateway.testing.cassettes FOLDER...`: fails when a cassette holds a secret or cannot be read."""

from __future__ import annotations

import argparse
import sys

from kilo_gateway.testing import check_cassettes


def main(arguments: list[str] | None = None) -> int:
    """Check the cassettes and print what is wrong with them, a line each; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kilo_gateway.testing.cassettes", description=__doc__)
    parser.add_argument("folders", nargs="*", default=["."], help="folders or files; the working directory by default")
    findings = check_cassettes(*parser.parse_args(arguments).folders)
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
