"""The built-in deterministic models: small rules that answer from the request's own text. No learning, no network."""
