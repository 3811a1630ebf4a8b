"""Recorded answers of a gateway, for tests that run with no key and no network: see docs/testing-with-cassettes.md.

Built on vcrpy. The names that users need are those of `kilo_gateway.testing`; nothing is imported here.
"""
