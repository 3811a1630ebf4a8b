"""`python -m kilo_gateway.cli`."""

from kilo_gateway.cli import main

main()
