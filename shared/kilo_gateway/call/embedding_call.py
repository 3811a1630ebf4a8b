"""A request for vectors: reads them, and names the models that there are when there is none of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.call.gateway_call import GatewayCall
from kilo_gateway.catalog.embedding_models import advise_embedding_id
from kilo_gateway.embeddings import Embeddings, parse_embeddings
from kilo_gateway.errors import KiloError, ModelNotFoundError
from kilo_gateway.errors.bodies import replayed_note

if TYPE_CHECKING:
    from collections.abc import Mapping


_LIST_EMBEDDING_MODELS = "See KiloClient().embedding_models(); the list of models does not show them."


class EmbeddingCall(GatewayCall[Embeddings]):
    """A request for the vectors of some texts."""

    path = "embeddings"
    operation = "embeddings"
    has_output = False
    what = "embeddings"
    is_listed = False

    @property
    def count(self) -> int:
        """How many texts are asked about."""
        return len(self._body["input"])

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> KiloError:
        """Return the error of another status; of an unknown model, one that leads to those that there are."""
        error = super().parse_error(status, headers, body)
        if not isinstance(error, ModelNotFoundError):
            return error
        advice = " ".join(filter(None, (advise_embedding_id(self.model_id), _LIST_EMBEDDING_MODELS)))
        message = f"The gateway has no embedding model {self.model_id!r} (HTTP {status}). {advice}"
        message += replayed_note(error.headers)
        facts = {name: getattr(error, name) for name in ("code", "error_type", "request_id", "headers", "body")}
        return ModelNotFoundError(message, model=self.ref, status=error.status, http_status=status, **facts)

    def parse_answer(self, body: bytes) -> Embeddings:
        """Return the vectors of a body of status 200. Raises what `kilo_gateway.embeddings.parse_embeddings` raises."""
        return parse_embeddings(body, count=self.count, model=self.model_id, headers=self.answer_headers)
