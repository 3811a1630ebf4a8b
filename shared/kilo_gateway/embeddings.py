"""Texts -> the body of an embeddings request, and its answer -> vectors in the order of the texts. Never sends.

Source: the gateway's embeddings API, which is OpenAI-compatible. It resolves no aliases and names no default model.
"""

from __future__ import annotations

import math
import reprlib
import sys
from array import array
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kilo_gateway.answer.body import malformed_answer, parse_json_object
from kilo_gateway.answer.choice import parse_word
from kilo_gateway.answer.usage import Usage, parse_usage
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.bodies import find_error, parse_error_object
from kilo_gateway.jsontext import find_non_finite
from kilo_gateway.refs import render_ref
from kilo_gateway.request.option_checks import check_extra_body, check_options
from kilo_gateway.request.options import EMBEDDING_OPTIONS

ENCODINGS = ("float", "base64")
"""How numbers travel. Both are decoded, whichever was asked for."""

_RESERVED = ("model", "input")
"""What `extra_body` may not hold."""

_BASE64_LABS = ("openai/",)
"""Labs whose API documents base64: exact, less than half the bytes, and no slower to decode. Others are left to their
default, for some providers refuse the option."""

_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors of some texts, and what they cost."""

    vectors: list[list[float]] = field(default_factory=list, repr=False)
    """One for each text, in the order of the texts, all of one length."""
    id: str | None = None
    model: str | None = None
    """The model that answered, as the gateway spells it."""
    requested_model: str | None = None
    """The id that the caller asked for."""
    provider: str | None = None
    """Who hosted the model."""
    usage: Usage | None = None
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    """The answer as received, without its vectors."""


def check_inputs(inputs: Any, *, model: str | None = None) -> None:
    """Refuse what cannot be embedded.

    Raises:
        InvalidRequestError: not a list of texts, or an empty text; names the place, such as `inputs[3]`.
    """
    if isinstance(inputs, (str, bytes, bytearray)) or not isinstance(inputs, Sequence):
        raise InvalidRequestError(f"inputs must be a list of texts, not a {type(inputs).__name__}.", model=model)
    for place, text in enumerate(inputs):
        if not isinstance(text, str):
            raise InvalidRequestError(f"inputs[{place}] must be text, not a {type(text).__name__}.", model=model)
        if not text:
            raise InvalidRequestError(
                f"inputs[{place}] is empty; models embed no empty text. Leave it out.", model=model
            )


def render_embedding_options(options: Mapping[str, Any], *, model_id: str) -> dict[str, Any]:
    """Return what the options put into the body; None means not given.

    `options` are those of `kilo_gateway.request.options.EmbeddingOptions`; `extra_body` is merged last.

    Raises:
        InvalidRequestError: an unknown option, or a value that the wire cannot take.
    """
    named = dict(options)
    extra = check_extra_body(named.pop("extra_body", None), reserved=_RESERVED, model=model_id)
    given = check_options(named, known=EMBEDDING_OPTIONS, also=("extra_body",), model=model_id)
    encoding, dimensions = given.get("encoding_format"), given.get("dimensions")
    if encoding is not None and encoding not in ENCODINGS:
        raise InvalidRequestError(
            f"encoding_format={reprlib.repr(encoding)} is not usable: it must be {' or '.join(ENCODINGS)}.",
            model=model_id,
        )
    if dimensions is not None and dimensions < 1:
        raise InvalidRequestError(f"dimensions={dimensions} is not usable: it must be at least 1.", model=model_id)
    usual = {"encoding_format": "base64"} if model_id.startswith(_BASE64_LABS) else {}
    rendered = {**usual, **given, **extra}
    if place := find_non_finite(rendered):
        raise InvalidRequestError(
            f"{place} cannot be sent as JSON, which carries finite numbers and limited nesting only.", model=model_id
        )
    return rendered


def render_embedding_request(inputs: Sequence[str], *, model_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body: `{model, input, ...}`; texts are sent as they are, line breaks included.

    Raises:
        InvalidRequestError: inputs that are no texts, or what `render_embedding_options` refuses.
    """
    check_inputs(inputs, model=model_id)
    return {"model": model_id, "input": list(inputs), **render_embedding_options(options, model_id=model_id)}


def parse_embeddings(body: bytes, *, count: int, model: str, headers: Mapping[str, str] | None = None) -> Embeddings:
    """Return the vectors that a body of status 200 holds, ordered by their `index`.

    `count` is the number of texts that were sent.

    Raises:
        GatewayError: the body is an error.
        MalformedAnswerError: no JSON; not one vector for each text; an index that is missing, twice there or out of
            range; vectors that are empty, of several lengths, or not finite numbers.
    """
    ref = render_ref(model)
    answer = parse_json_object(body, model=ref)
    if find_error(answer) is not None:
        raise parse_error_object(answer, model=ref, headers=headers or {})
    try:
        vectors = _parse_vectors(answer.get("data"), count)
    except ValueError as flaw:
        raise malformed_answer(str(flaw), body, ref) from None
    return Embeddings(
        vectors=vectors,
        id=parse_word(answer.get("id")),
        model=parse_word(answer.get("model")),
        requested_model=model,
        provider=parse_word(answer.get("provider")),
        usage=parse_usage(answer.get("usage")),
        body={name: value for name, value in answer.items() if name != "data"},
    )


def _parse_vectors(data: Any, count: int) -> list[list[float]]:
    entries = data if isinstance(data, list) else []
    if len(entries) != count:
        raise ValueError(f"holds {len(entries)} vectors for {count} texts")
    found: dict[int, Any] = {}
    for entry in entries:
        index = entry.get("index") if isinstance(entry, dict) else None
        if type(index) is not int or not 0 <= index < count or index in found:
            raise ValueError(f"holds a vector whose index {reprlib.repr(index)} does not tell its text")
        found[index] = entry.get("embedding")
    vectors = [_parse_vector(found[index], index) for index in range(count)]
    if len({len(vector) for vector in vectors}) > 1:
        raise ValueError("holds vectors of different lengths")
    return vectors


def _parse_vector(value: Any, index: int) -> list[float]:
    """Return the numbers of one vector, sent as numbers or as base64 of little-endian float32."""
    try:
        vector = _decode(value) if isinstance(value, str) else _parse_numbers(value)
    except (TypeError, ValueError, OverflowError):
        vector = []
    # A sum is finite only if all its parts are; that it overflows proves nothing.
    if not vector or not (math.isfinite(sum(vector)) or all(map(math.isfinite, vector))):
        raise ValueError(f"holds no usable vector at index {index}")
    return vector


def _parse_numbers(value: Any) -> list[float]:
    """Return the numbers as floats; a gateway that writes 0.0 as 0 is right, too."""
    if not isinstance(value, list):
        raise TypeError("not a list of numbers")
    return list(map(float, value))


def _decode(text: str) -> list[float]:
    data = a2b_base64(text, strict_mode=True)
    if len(data) % _FLOAT_BYTES:
        raise ValueError("a part of a number")
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
