"""One model of a list: what the gateway says about it, read field by field. Never refuses a model for an odd detail.

Rules: the provider page and its source, extensions/kilocode/provider-models.ts of https://github.com/openclaw/openclaw;
the entry's fields are those of GET /models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from kilo_gateway.catalog.prices import Pricing, parse_pricing
from kilo_gateway.errors import InvalidModelError
from kilo_gateway.refs import parse_model_id, render_ref
from kilo_gateway.request.families import is_free_id

if TYPE_CHECKING:
    from decimal import Decimal

Source = Literal["live", "bundled"]
"""Who said it: the gateway, or the snapshot that is shipped with this package."""

DEFAULT_CONTEXT_WINDOW = 1_000_000
"""Tokens assumed where the entry names no context length; the provider page's own default."""
DEFAULT_MAX_TOKENS = 128_000
"""Output tokens assumed where the entry names no limit; the provider page's own default."""

_OTHER_CONTEXT_LENGTHS = ("max_model_len", "context_window", "max_context_length")
_MAX_SAFE_INTEGER = 2**53 - 1
_REASONING_PARAMETERS = frozenset({"reasoning", "include_reasoning"})
_CAPABILITY_PARAMETERS = _REASONING_PARAMETERS | {"tools", "structured_outputs", "temperature"}
"""The parameters that the bundled snapshot knows to be missing when it does not list them."""


class ModelInfo(BaseModel):
    """A model as a model list describes it; None is what the list does not say."""

    model_config = ConfigDict(frozen=True)

    id: str
    """The id as listed, without outer blanks; this goes on the wire."""
    name: str
    """The display name; the id when there is none."""
    description: str | None = None
    """Markdown."""
    created: int | None = None
    """Unix seconds; 0 for automatic routes."""
    context_length: int | None = None
    """Tokens of input and output together, as the gateway says."""
    max_completion_tokens: int | None = None
    """Most output tokens, as the gateway says."""
    inputs: tuple[str, ...] | None = None
    """Kinds of input in lower case: text, image, audio, video, file, pdf."""
    outputs: tuple[str, ...] | None = None
    """Kinds of output in lower case."""
    supported_parameters: tuple[str, ...] | None = None
    """Request parameters the model takes; an empty list means unknown, so it is None."""
    tools: bool | None = None
    """Whether it calls tools."""
    reasoning: bool | None = None
    """Whether it can be asked to reason."""
    structured_output: bool | None = None
    """Whether it answers by a JSON schema."""
    pricing: Pricing = Field(default_factory=Pricing)
    """USD; unknown is not zero."""
    is_free: bool | None = None
    """Whether no key is needed; a price of zero alone does not say so."""
    source: Source = "live"
    """Who said all this."""
    raw: Annotated[dict[str, Any], SkipValidation] = Field(default_factory=dict, repr=False)
    """The entry as sent."""

    def __hash__(self) -> int:
        return hash((self.id, self.source))

    @property
    def ref(self) -> str:
        """The ref, `kilocode/<id>`."""
        return render_ref(self.id)

    @property
    def context_window(self) -> int:
        """Tokens of context, or the provider page's default."""
        return self.context_length or DEFAULT_CONTEXT_WINDOW

    @property
    def max_tokens(self) -> int:
        """Most output tokens, or the provider page's default."""
        return self.max_completion_tokens or DEFAULT_MAX_TOKENS

    def supports(self, parameter: str) -> bool | None:
        """Return whether the model takes a request parameter; None when the list does not say."""
        if self.supported_parameters is None:
            return None
        if parameter in self.supported_parameters:
            return True
        return None if self.source == "bundled" and parameter not in _CAPABILITY_PARAMETERS else False

    def provider_row(self) -> dict[str, Any]:
        """Return the row of the provider page; there, what is unknown has the page's defaults.

        `{"id", "name", "input", "reasoning", "contextWindow", "maxTokens",
        "cost": {"input", "output", "cacheRead", "cacheWrite"}}`, costs in USD per million tokens, 0 when unknown.
        """
        prices = self.pricing
        return {
            "id": self.id,
            "name": self.name,
            "input": ["text", "image"] if "image" in (self.inputs or ()) else ["text"],
            "reasoning": bool(self.reasoning),
            "contextWindow": self.context_window,
            "maxTokens": self.max_tokens,
            "cost": {
                "input": _row_cost(prices.prompt),
                "output": _row_cost(prices.completion),
                "cacheRead": _row_cost(prices.cache_read),
                "cacheWrite": _row_cost(prices.cache_write),
            },
        }


def parse_model(entry: object, *, source: Source = "live") -> ModelInfo | str:
    """Return the model of one list entry, or in words why the entry cannot be used.

    Needed is a usable `id`, as OpenAI's lists have it too; anything else that is missing or odd is unknown.
    """
    if not isinstance(entry, dict):
        return "the entry is not an object"
    model_id = _parse_id(entry.get("id"))
    if model_id is None:
        return "`id` names no model"
    architecture, provider = _object(entry.get("architecture")), _object(entry.get("top_provider"))
    parameters = _texts(entry.get("supported_parameters"))
    pricing = parse_pricing(_object(entry.get("pricing")))
    return ModelInfo(
        id=model_id,
        name=_text(entry.get("name")) or model_id,
        description=_text(entry.get("description")),
        created=_whole_number(entry.get("created"), smallest=0),
        context_length=_context_length(entry, provider),
        max_completion_tokens=_whole_number(provider.get("max_completion_tokens")),
        inputs=_texts(architecture.get("input_modalities"), lower=True),
        outputs=_texts(architecture.get("output_modalities"), lower=True),
        supported_parameters=parameters,
        tools=None if parameters is None else "tools" in parameters,
        reasoning=None if parameters is None else not _REASONING_PARAMETERS.isdisjoint(parameters),
        structured_output=None if parameters is None else "structured_outputs" in parameters,
        pricing=pricing,
        is_free=_is_free(model_id, entry.get("isFree"), pricing),
        source=source,
        raw=entry,
    )


def _context_length(entry: dict[str, Any], provider: dict[str, Any]) -> int | None:
    """Return the gateway's number, else the one that vLLM, Groq, Mistral or LM Studio state under a name of theirs."""
    stated = (entry.get("context_length"), provider.get("context_length"), *map(entry.get, _OTHER_CONTEXT_LENGTHS))
    return next((number for value in stated if (number := _whole_number(value)) is not None), None)


def _is_free(model_id: str, marked: object, pricing: Pricing) -> bool | None:
    if is_free_id(model_id):
        return True
    if isinstance(marked, bool):
        return marked
    return False if pricing.prompt or pricing.completion else None


def _parse_id(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        parse_model_id(value)
    except InvalidModelError:
        return None
    return value.strip()


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Return a string without outer blanks; None for blank ones and for lone surrogates, which nothing can write."""
    if not isinstance(value, str):
        return None
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
    return value.strip() or None


def _texts(value: object, *, lower: bool = False) -> tuple[str, ...] | None:
    """Return the distinct strings of a list in its order; None for no list and for one without strings."""
    if not isinstance(value, list):
        return None
    texts = (text.lower() if lower else text for item in value if (text := _text(item)))
    return tuple(dict.fromkeys(texts)) or None


def _whole_number(value: object, *, smallest: int = 1) -> int | None:
    """Return a JSON number that is a safe integer; 8192.0 is one, "8192", True and 8192.5 are none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if smallest <= value <= _MAX_SAFE_INTEGER else None


def _row_cost(price: Decimal | None) -> int | float:
    if not price:
        return 0
    return int(price) if price == price.to_integral_value() else float(price)
