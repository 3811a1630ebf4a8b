"""Vectors whose nearness follows shared words and word parts. Hashing only: no model, no training, no network."""

from __future__ import annotations

import math
from collections import Counter
from zlib import crc32

from kilo_gateway.testing.builtin_models.words import STOP_WORDS, stem, words

_GRAM = 3
_WORD_WEIGHT = 1.0
_GRAM_WEIGHT = 0.25
_STOP_WEIGHT = 0.1
_SIGN_BIT = 1 << 31
_SALT = 0x9E3779B9


def embed_text(text: str, dimensions: int) -> list[float]:
    """Return the L2-normalised vector of a text; texts that share words lie near each other."""
    vector = [0.0] * dimensions
    for word, count in Counter(words(text)).items():
        root = stem(word)
        scale = (_STOP_WEIGHT if word in STOP_WORDS else _WORD_WEIGHT) * (1 + math.log(count))
        _add(vector, root, scale)
        padded = f"^{root}$"
        if word not in STOP_WORDS:
            for at in range(len(padded) - _GRAM + 1):
                _add(vector, padded[at : at + _GRAM], scale * _GRAM_WEIGHT)
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[crc32(text.encode()) % dimensions] = length = 1.0
    return [value / length for value in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    """Add a feature at two hashed places, so that one collision does not make texts alike."""
    data = feature.encode()
    for seed in (0, _SALT):
        code = crc32(data, seed)
        vector[code % len(vector)] += weight if crc32(data, code) & _SIGN_BIT else -weight
