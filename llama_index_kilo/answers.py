"""Whole completions -> LlamaIndex responses. A streamed answer ends in the same response as an unstreamed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    CitationBlock,
    CompletionResponse,
    ImageBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)

from kilo_gateway import Completion, render_metadata
from kilo_gateway.adapters.copies import copier
from kilo_gateway.adapters.media import split_data_url
from llama_index_kilo.messages import DETAILS
from llama_index_kilo.tools import parse_tool_call_block

if TYPE_CHECKING:
    from kilo_gateway import CompletionChoice, Usage

# Copies, as constructors would validate what is valid: a third of what reading an answer costs here.
text_block = copier(TextBlock(text=""), "text")
_message = copier(
    ChatMessage(role=MessageRole.ASSISTANT, blocks=[], additional_kwargs={}), "blocks", "additional_kwargs"
)
_response = copier(
    ChatResponse(message=ChatMessage(), raw={}, logprobs=None, additional_kwargs={}),
    *("message", "raw", "logprobs", "additional_kwargs"),
)


def parse_chat_response(completion: Completion, place: int = 0) -> ChatResponse:
    """Return the response of a whole answer; the choice at that place is the message."""
    choice = completion.choices[place]
    metadata = render_metadata(completion, place)
    if choice.is_text_alone:  # saves a quarter; test_copied_messages.py holds the two equal
        blocks, extras = [text_block(choice.text)], {}
    else:
        text, source = _find_text(choice)
        if source is not None:
            metadata["text_source"] = source
        blocks, extras = _render_blocks(choice, text, completion.usage), _message_extras(choice)
    return _response(
        message=_message(blocks=blocks, additional_kwargs=extras),
        raw={"usage": None, **completion.body},  # without the key LlamaIndex guesses the tokens
        logprobs=_parse_logprobs(choice),
        additional_kwargs=metadata | _token_counts(completion.usage),
    )


def parse_completion_response(response: ChatResponse) -> CompletionResponse:
    """Return a chat response as the answer to a prompt."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def _find_text(choice: CompletionChoice) -> tuple[str, str | None]:
    """Return the text, and where it was taken from if not from the content.

    A model that says all it has to say in its reasoning, or in a refusal, would otherwise seem to say nothing.
    """
    if choice.text or choice.tool_calls:
        return choice.text, None
    if choice.refusal:
        return choice.refusal, "refusal"
    if choice.finish_reason == "stop" and choice.reasoning and not (choice.images or choice.audio):
        return choice.reasoning, "reasoning"
    return "", None


def _render_blocks(choice: CompletionChoice, text: str, usage: Usage | None) -> list[Any]:
    blocks: list[Any] = []
    details = choice.reasoning_details
    if choice.reasoning or details:
        tokens = usage.reasoning_tokens if usage else None
        information = {DETAILS: details} if details else {}
        blocks.append(
            ThinkingBlock(content=choice.reasoning or None, num_tokens=tokens, additional_information=information)
        )
    if text:
        blocks.append(text_block(text))
    blocks.extend(_parse_citations(choice))
    blocks.extend(block for image in choice.images if (block := _parse_image(image)) is not None)
    if (audio := _parse_audio(choice)) is not None:
        blocks.append(audio)
    blocks.extend(parse_tool_call_block(call, choice.finish_reason) for call in choice.tool_calls)
    return blocks or [text_block("")]


def _message_extras(choice: CompletionChoice) -> dict[str, Any]:
    """Return what must travel with the message in a history."""
    extras: dict[str, Any] = {}
    if choice.tool_calls:
        extras["tool_calls"] = choice.tool_calls
    if choice.annotations:
        extras["annotations"] = choice.annotations
    if choice.refusal:
        extras["refusal"] = choice.refusal
    if isinstance(audio_id := (choice.audio or {}).get("id"), str):
        extras["audio"] = {"id": audio_id}
    return extras


def _token_counts(usage: Usage | None) -> dict[str, int]:
    if usage is None:
        return {}
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _parse_citations(choice: CompletionChoice) -> list[CitationBlock]:
    found = [annotation.get("url_citation") for annotation in choice.annotations]
    return [_parse_citation(citation) for citation in found if isinstance(citation, dict)]


def _parse_citation(citation: dict[str, Any]) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=_text(citation.get("content"))),
        source=_text(citation.get("url")),
        title=_text(citation.get("title")),
        additional_location_info={
            key: value for key in ("start_index", "end_index") if type(value := citation.get(key)) is int
        },
    )


def _parse_image(image: dict[str, Any]) -> ImageBlock | None:
    holder = image.get("image_url")
    url = holder.get("url") if isinstance(holder, dict) else holder
    detail = _text(holder.get("detail")) or None if isinstance(holder, dict) else None
    if not isinstance(url, str) or not url:
        return None
    try:
        if (found := split_data_url(url)) is not None and found[1]:
            return ImageBlock(image=found[1].encode(), image_mimetype=found[0] or "image/png", detail=detail)
        return ImageBlock(url=url, detail=detail)
    except ValueError:
        return None


def _parse_audio(choice: CompletionChoice) -> AudioBlock | None:
    audio = choice.audio or {}
    data, format_ = audio.get("data"), audio.get("format")
    if not isinstance(data, str) or not data:
        return None
    block = AudioBlock(audio=data.encode(), format=format_ if isinstance(format_, str) else None)
    block.format = block.format or "pcm16"  # the one format without a header to tell it by
    return block


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _parse_logprobs(choice: CompletionChoice) -> list[list[LogProb]] | None:
    """Return for each token its likeliest alternatives, or itself where none were asked for."""
    tokens = (choice.logprobs or {}).get("content")
    if not isinstance(tokens, list) or not tokens:
        return None
    return [_parse_alternatives(token) for token in tokens if isinstance(token, dict)]


def _parse_alternatives(token: dict[str, Any]) -> list[LogProb]:
    top = token.get("top_logprobs")
    alternatives = top if isinstance(top, list) and top else [token]
    return [_parse_logprob(item) for item in alternatives if isinstance(item, dict)]


def _parse_logprob(item: dict[str, Any]) -> LogProb:
    logprob, data = item.get("logprob"), item.get("bytes")
    return LogProb(
        token=_text(item.get("token")),
        logprob=float(logprob) if isinstance(logprob, (int, float)) else 0.0,
        bytes=data if isinstance(data, list) and all(type(byte) is int for byte in data) else [],
    )
