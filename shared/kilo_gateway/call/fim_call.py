"""A request to fill a gap in a text: its address, which lies beside the base URL, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.call.gateway_call import GatewayCall
from kilo_gateway.fim import parse_fim_answer
from kilo_gateway.settings.base_url import api_root

if TYPE_CHECKING:
    from kilo_gateway.answer.completion import Completion


class FimCall(GatewayCall["Completion"]):
    """A request for the text between two others."""

    path = "fim/completions"
    operation = "text_completion"
    what = "fill-in-the-middle"
    is_listed = False

    @property
    def url(self) -> str:
        """Where the request goes: beside the base URL, not below it."""
        return f"{api_root(self.settings.base_url)}{self.path}"

    def parse_answer(self, body: bytes) -> Completion:
        """Return the completion of a body of status 200. Raises what `kilo_gateway.fim.parse_fim_answer` raises."""
        return parse_fim_answer(body, model=self.model_id, headers=self.answer_headers)
