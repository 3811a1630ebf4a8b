"""What the catalog knows of a model -> LangChain's model profile. What the catalog does not say is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.adapters.arguments import LEVELS

if TYPE_CHECKING:
    from langchain_core.language_models import ModelProfile

    from kilo_gateway import ModelInfo

_INPUTS = ("text", "image", "audio", "video")
_OUTPUTS = ("text", "image", "audio", "video")
_PARAMETERS = {"tool_choice": "tool_choice", "temperature": "temperature"}
"""Key of the profile -> request parameter whose support it tells."""


class CatalogProfile(dict[str, Any]):
    """A profile that came from the catalog, as opposed to one that the caller wrote: it follows the model."""


def render_profile(model: ModelInfo | None) -> ModelProfile | None:
    """Return the profile; None for a model that the catalog does not know."""
    if model is None:
        return None
    facts: dict[str, Any] = {
        "name": model.name,
        "max_input_tokens": model.context_length,
        "max_output_tokens": model.max_completion_tokens,
        "reasoning_output": model.reasoning,
        "reasoning_effort_levels": list(LEVELS[1:]) if model.reasoning else None,
        "tool_calling": model.tools,
        "tool_call_streaming": model.tools,
        "structured_output": model.structured_output,
        **{key: model.supports(parameter) for key, parameter in _PARAMETERS.items()},
        **_modalities(model),
    }
    return cast("ModelProfile", CatalogProfile({key: value for key, value in facts.items() if value is not None}))


def _modalities(model: ModelInfo) -> dict[str, bool]:
    facts: dict[str, bool] = {}
    if model.inputs is not None:
        takes_pdf = bool({"file", "pdf"} & set(model.inputs))
        facts |= {f"{kind}_inputs": kind in model.inputs for kind in _INPUTS}
        facts |= {"pdf_inputs": takes_pdf, "pdf_tool_message": takes_pdf, "attachment": takes_pdf}
        facts |= {"image_url_inputs": "image" in model.inputs, "image_tool_message": "image" in model.inputs}
    if model.outputs is not None:
        facts |= {f"{kind}_outputs": kind in model.outputs for kind in _OUTPUTS}
    return facts
