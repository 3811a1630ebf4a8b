"""The sentences by which servers tell what is wrong, where no word and no status does. A table of patterns.

A row counts only at the statuses that it names: there the sentence cannot mean anything else. Where a relay or a local
server has a sentence of its own, an example stands beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kilo_gateway.errors import outcomes

if TYPE_CHECKING:
    from kilo_gateway.errors.outcomes import Verdict


class Wording(NamedTuple):
    """A row of the table."""

    pattern: re.Pattern[str]
    statuses: frozenset[int | None]
    """Where the text counts, None being an error without a status; empty for everywhere."""
    verdict: Verdict


_ANYWHERE: frozenset[int | None] = frozenset()
_REFUSALS: frozenset[int | None] = frozenset({None, 400, 413, 422})


def _row(verdict: Verdict, statuses: frozenset[int | None], *patterns: str) -> Wording:
    return Wording(re.compile("|".join(patterns), re.IGNORECASE), statuses, verdict)


_TOKENS_PER_MINUTE = _row(
    outcomes.TOKENS_PER_MINUTE,
    frozenset({None, 413, 429}),
    r"request too large for .{0,200}tokens per (?:min|day)",  # OpenAI, Groq: more than a minute's allowance at once
)

_CONTEXT = _row(
    outcomes.CONTEXT,
    _ANYWHERE,
    r"maximum (?:context|prompt|input|sequence) length (?:is|of):? ?[\d,.]*\d",  # OpenAI, vLLM, OpenRouter, xAI
    r"exceed\w* (?:[\w']+ ){0,4}context (?:window|length|size|limit)",  # llama.cpp, LiteLLM, Ollama, Cloudflare
    r"exceeded model token limit|exceed\w* (?:[\w']+ ){0,4}input length",  # Moonshot, Poolside
    r"context[ _](?:window|length|size) (?:\w+ ){0,3}exceed",  # MiniMax
    r"(?:input|prompt)\b.{0,60}longer than the (?:[\w']+ ){0,2}(?:context|model) length",  # SGLang, vLLM
    r"greater than the context length|context length (?:of|is) only",  # LM Studio
    r"configured context size is",
    r"too (?:large|long) (?:for model with|to fit into the model)",  # Mistral, vLLM
    r"prompt (?:\([^)]{0,60}\) )?(?:is )?too long|input is too long for requested model",  # Anthropic, Bedrock
    r"(?:input|prompt) token count\b.{0,80}(?:exceeds|supports)",  # Gemini, Copilot
    r"tokens? \+ `?max_new_tokens`? must be|`inputs` must have less than",  # text-generation-inference
    r"range of input length should be",  # DashScope
    r"number of input tokens\b.{0,40}cannot exceed",  # watsonx
    r"current length is \d+ while limit is \d+",  # Cerebras
    r"max(?:imum)? size: [\d,]+ tokens",  # GitHub Models
    r"input is too large to process",  # llama.cpp, embeddings
    r"prompt ?(?:超长|过长)|输入.{0,8}(?:超长|过长)",  # Zhipu
)
_CONTEXT_IN_A_REFUSAL = _row(
    outcomes.CONTEXT,
    _REFUSALS,
    r"inputs? (?:text )?(?:is |are )?too long|context[ _]length|context window",
    r"input token count|reduce the length of (?:the |your )?(?:input )?(?:messages|prompt)",  # Groq
    r"too many (?:input |prompt )?tokens\b(?! per)|token limit exceeded|cannot exceed \d+ tokens",  # Cohere, Jina
    r"exceed\w* (?:[\w']+ ){0,4}(?:token limit|number of tokens|message tokens|limit of \d+ tokens)",
    r"input length\b.{0,60}exceed|prompt exceeds (?:the |max )",  # Anthropic, SGLang, Zhipu
    r"tokens per (?:submitted batch|request)\b",  # Voyage, OpenAI's embeddings
)

_SIZE = _row(
    outcomes.SIZE,
    frozenset({None, 400, 413, 422, 500, 502}),
    r"(?:request|payload|body|entity|content)\b.{0,40} too large",
    r"too large body|payload_too_large|request exceeds the maximum size|length limit exceeded",  # nginx, Vercel, axum
    r"(?:body|payload|request|content)\b.{0,40}exceed\w*\b.{0,40}(?:bytes|\d ?[kmg]i?b\b|(?:size|body) limit)",
    r"\d bytes > \d+ bytes|exceeds? \d+ ?[kmg]i?b\b",  # Anthropic, images
)

_MODEL_BY_SENTENCE = _row(
    outcomes.MODEL,
    frozenset({None, 400, 404, 410, 422}),
    r"is not a valid model id|model identifier is invalid|could not resolve the foundation model",  # Bedrock
    r"(?:invalid|unknown) model(?: name| id)? (?:passed|specified)|call `?/v1/models`? to view",  # LiteLLM
    r"(?:invalid|unknown) model(?: name| id)?(?: ?[:=`'\"]|\.|, |$)|no such model|no models? (?:is |are )?loaded",
    r"\bmodel (?:is )?not loaded",  # LM Studio
    r"\bmodel (?:does )?not (?:exist|found)|not found the model|unable to access model",  # DeepSeek, Moonshot, Together
    r"\bmodel [`'\"]?[\w./:@-]{1,200}[`'\"]? (?:does not exist|not found|has been (?:decommissioned|retired|removed))",
    r"requested model is not supported|模型不存在",  # Copilot, Zhipu
    r"llm provider not provided",  # LiteLLM, of a name that it does not know
)
_MODEL_NOT_FOUND = _row(
    outcomes.MODEL,
    frozenset({404, 410}),
    r"no endpoints found for|^model: ?\S|deployment for this resource does not exist",  # OpenRouter, Anthropic, Azure
    r"\bmodels?\b.{0,300}(?:does not exist|not be found|not found|(?:un|not )available|no longer|deprecated|has ended)",
    r"\bmodel\b.{0,100}end of its life|model not found",
)

WORDINGS: tuple[Wording, ...] = (
    _TOKENS_PER_MINUTE,
    _CONTEXT,
    _CONTEXT_IN_A_REFUSAL,
    _SIZE,
    _row(
        outcomes.FORCED_TOOL,
        _REFUSALS,
        r"(?:thinking|reasoning)\b.{0,80}tool_choice|tool_choice\b.{0,120}(?:thinking|reasoning)\b",  # Anthropic, Qwen
        r"(?:reasoner|thinking mode) does not support this tool_choice",  # DeepSeek
    ),
    _row(
        outcomes.FILTERED,
        _REFUSALS | {403},
        r"敏感内容|(?:input|output) (?:new_)?sensitive\b",  # Zhipu, MiniMax
        r"violat\w+ (?:\w+ ){0,2}(?:usage|content|use|safety) (?:polic(?:y|ies)|guidelines)",  # OpenAI, xAI
        r"blocked by (?:\w+ ){0,2}content filter",  # Anthropic
    ),
    _row(outcomes.POLICY, _ANYWHERE, r"not allowed for your team"),
    _row(
        outcomes.NO_MEMBER,
        frozenset({401, 403, 404}),
        r"do not have access to this organization|not a member of the organization",
    ),
    _row(outcomes.ORGANIZATION_REFUSED, frozenset({400}), r"invalid organization id"),
    _row(outcomes.ORGANIZATION_CONFLICT, frozenset({409}), r"organization"),
    _row(outcomes.PATH, frozenset({400}), r"only accepts the path"),
    _row(
        outcomes.PLAIN_HTTP,
        frozenset({400}),
        r"plain http request was sent to https|http request to an https server",  # nginx, Go
    ),
    _row(outcomes.QUOTA, frozenset({429}), r"usage limit reached|free-models-per-day"),
    _row(
        outcomes.BILLING,
        frozenset({429}),
        r"exceeded your current quota|insufficient (?:balance|funds|credits)|余额不足|欠费",  # OpenAI, Zhipu
        r"used all available credits|\bspending (?:limit|cap)\b",  # xAI, Gemini
    ),
    _row(
        outcomes.CREDITS,
        frozenset({None, 400, 403}),
        r"credit balance is too low|insufficient (?:balance|funds|credits)|budget has been exceeded|余额不足|欠费",
        r"(?:doesn't|does not) have any credits|额度不足|预扣费额度失败",  # xAI, New API
        r"^key limit exceeded",  # OpenRouter
    ),
    _row(
        outcomes.KEY,
        frozenset({None, 400, 403}),
        r"\bapi[ _-]?key (?:is )?(?:not valid|invalid|expired|missing|incorrect)",  # Gemini
        r"(?:invalid|incorrect|missing|expired|no) api[ _-]?key\b|\bnot authenticated\b",  # FastAPI
        r"invalid authorization header|^authentication error\b",  # Google, Cloudflare
        r"\binvalid access token|access token (?:is )?(?:invalid|expired)",
        r"security token included in the request is invalid|^signature expired",  # AWS
    ),
    _row(outcomes.KEY, frozenset({None}), r"^unauthori[sz]ed\b|authentication fail|^login fail"),  # MiniMax
    _row(
        outcomes.RATE,
        frozenset({None, 400, 403}),
        r"too many (?:requests|connections)|rate[ -]limit (?:reached|exceeded)",
        r"(?:reached|exceeded) (?:the |your )?rate[ -]limit",
        r"\brate[ -]limited\b|速率限制|并发数过高|频率(?!惩罚)",  # Zhipu, DashScope
    ),
    _row(
        outcomes.RATE,
        frozenset({None}),
        r"rate[ -]limit|rate exceeded|too many tokens|request limit (?:reached|exceeded)|quota exceeded|spike arrest",
    ),
    _row(
        outcomes.UNAVAILABLE,
        frozenset({None}),
        r"capacity (?:is |was )?(?:\w+ )?(?:exhausted|exceeded)|\boverloaded\b",
        r"(?:service|server)\b.{0,40}\bunavailable|no (?:instances|workers|channels?) available|负载已饱和|繁忙",
    ),
    _row(outcomes.FORBIDDEN_PATH, frozenset({403}), r"missing authentication token"),  # AWS: there is no such path
    _row(
        outcomes.FORBIDDEN_BY_EDGE,
        frozenset({403}),
        r"cloudflare|just a moment|error code: 10\d\d|\bwaf\b|firewall|an html page|you have been blocked",
    ),
    _row(outcomes.NO_UPSTREAM, frozenset({500, 502}), r"no body returned from upstream"),
    _row(
        outcomes.ROUTING_NOT_FOUND,
        frozenset({404}),
        r"no allowed providers|no eligible provider|no endpoints (?:found (?:that|matching)|available)",
    ),
    _MODEL_BY_SENTENCE,
    _MODEL_NOT_FOUND,
)
"""The first row that counts decides."""
