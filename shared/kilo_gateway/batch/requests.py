"""One request of a batch: as the caller states it, and as it will be sent. Never sends.

The shape is that of OpenAI's batch files: an id of the caller's, an endpoint, and the endpoint's own body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from kilo_gateway.embeddings import render_embedding_request
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import dumps
from kilo_gateway.refs import parse_model_id, render_ref
from kilo_gateway.request.body import render_request

if TYPE_CHECKING:
    from kilo_gateway.errors import KiloError

Endpoint = Literal["chat", "embeddings"]

CHAT_URL: Final = "/v1/chat/completions"
EMBEDDINGS_URL: Final = "/v1/embeddings"
_ENDPOINTS: Final[dict[str, Endpoint]] = {
    CHAT_URL: "chat",
    "/chat/completions": "chat",
    EMBEDDINGS_URL: "embeddings",
    "/embeddings": "embeddings",
}
ID_PREFIX: Final = "batch_req_"
"""With what the `id` of an output line begins, in the files of the field and in ours."""


@dataclass(slots=True)
class Request:
    """One request, as a line of a batch file states it."""

    custom_id: str
    """Names the request among all of its batch; the result carries it."""
    body: Mapping[str, Any]
    """What the endpoint takes, such as `{"model": ..., "messages": [...], "max_tokens": 100}`."""
    url: str = CHAT_URL
    """`/v1/chat/completions` or `/v1/embeddings`, with or without `/v1`."""


@dataclass(slots=True)
class PreparedRequest:
    """A request as it will be sent."""

    custom_id: str
    endpoint: Endpoint
    model_id: str
    body: dict[str, Any]
    place: int = 0
    """Its number in the input, from 1; 0 where there is none."""
    columns: dict[str, str] = field(default_factory=dict)
    """The cells of its row, where the input is a table."""
    problem: KiloError | None = None
    """Why it cannot be sent; None for one that can."""

    @property
    def ref(self) -> str:
        """The model as messages name it."""
        return render_ref(self.model_id)

    @property
    def fingerprint(self) -> str:
        """Return what an output line's `id` is: a digest of the id, the endpoint and the bytes that are sent."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.custom_id.encode("utf-8", "surrogatepass"), self.endpoint.encode(), dumps(self.body)):
            digest.update(len(part).to_bytes(8, "big") + part)
        return ID_PREFIX + digest.hexdigest()


def prepare(
    request: Request, *, default_model: str | None = None, usual_model: str | None = None, place: int = 0
) -> PreparedRequest:
    """Return the request as it will be sent, shaped by the same rules as any call.

    `default_model` is taken where the body names no model, and must not differ from one that it names; `usual_model`,
    which may, is taken where there is no other.

    Raises:
        InvalidRequestError: an id, endpoint or body that cannot be used; the message does not name the request.
        InvalidModelError: a model ref that cannot be read.
    """
    _check_id(request.custom_id)
    endpoint = parse_endpoint(request.url)
    if not isinstance(request.body, Mapping):
        raise InvalidRequestError(f"`body` must be an object, not {type(request.body).__name__}.")
    body = dict(request.body)
    model_id = _model_of(body.pop("model", None), default_model, usual_model)
    if endpoint == "embeddings":
        inputs = body.pop("input", None)
        inputs = [inputs] if isinstance(inputs, str) else inputs
        body.setdefault("encoding_format", "float")  # what the field's files hold; a call asks for base64
        rendered = render_embedding_request(inputs, model_id=model_id, options={"extra_body": body})
    else:
        rendered = _render_chat(body, model_id)
    return PreparedRequest(request.custom_id, endpoint, model_id, rendered, place)


def parse_endpoint(url: object) -> Endpoint:
    """Return the endpoint that a relative URL names. Raises InvalidRequestError for any other."""
    endpoint = _ENDPOINTS.get(url.rstrip("/")) if isinstance(url, str) else None
    if endpoint is None:
        raise InvalidRequestError(f"`url` is {url!r}; it must be {CHAT_URL} or {EMBEDDINGS_URL}.")
    return endpoint


def _check_id(custom_id: object) -> None:
    if not isinstance(custom_id, str):
        raise InvalidRequestError(f"`custom_id` must be a string, not {type(custom_id).__name__}.")
    if not custom_id:
        raise InvalidRequestError("`custom_id` is empty; give it one, or leave it out.")


def _model_of(named: object, default: str | None, usual: str | None) -> str:
    if isinstance(named, str) or named is None:
        if default is not None:
            parse_model_id(default)  # refuses what is no text, which cannot be looked up below
        return _model_said(named, default, usual)
    raise InvalidRequestError(f"`model` must be a string, not {type(named).__name__}.")


@lru_cache(maxsize=64)
def _model_said(named: str | None, default: str | None, usual: str | None) -> str:
    """Return the model of a row; most rows say what the one before said."""
    if named is None:
        taken = usual if default is None else default
        if taken is None:
            raise InvalidRequestError("`body` names no model, and there is no other to take.")
        return parse_model_id(taken)
    model_id = parse_model_id(named)
    if default is not None and parse_model_id(default) != model_id:
        raise InvalidRequestError(f"`body` names model {named!r}, but {default!r} is asked for; make them the same.")
    return model_id


def _render_chat(body: dict[str, Any], model_id: str) -> dict[str, Any]:
    if "messages" not in body:
        raise InvalidRequestError("`body` has no messages.")
    if body.pop("stream", None):
        raise InvalidRequestError("`stream` is set; the answers of a batch are whole.")
    body.pop("stream_options", None)
    messages = body.pop("messages")
    return render_request(messages, model_id=model_id, stream=False, options={"extra_body": body})
