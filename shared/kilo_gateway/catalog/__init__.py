"""What is known of models: their rows, prices, the bundled snapshot, and the lists that gateways were asked for.

Other rooms use `catalog.catalog`, `catalog.models` (one row), `catalog.prices` and `catalog.discovery` (what this
process knows by now).
"""
