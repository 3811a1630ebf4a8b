"""Errors of the core in the words of the command line: commands, options and variables instead of Python."""

from __future__ import annotations

import re
from typing import Final

_REWORDED: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"KiloClient\(\)\.list_models\(\) or [`']kilo-gateway models[`']", "kilo-gateway models"),
        (r"[`']kilo-gateway (\w+)[`']", r"kilo-gateway \1"),
        (r"set KILOCODE_API_KEY or pass api_key", "set KILOCODE_API_KEY"),
        (
            r"; for one that only the live list marks free, set discover=\"startup\"",
            "; kilo-gateway models --free lists them",
        ),
        (r"remove it and pass the key as api_key", "remove it and set KILOCODE_API_KEY"),
        (r"\bargument base_url\b(?:: base_url)?", "--base-url"),
        (r"\bKILOCODE_BASE_URL: base_url\b", "KILOCODE_BASE_URL"),
        (r"\bbase_url\b", "--base-url (or KILOCODE_BASE_URL)"),
        (r"\bargument model\b", "--model"),
        (r"is there already: resume it or overwrite it", "is there already. Add --resume or --overwrite"),
        (r"Accept changed requests to", "Add --accept-changed to"),
        (r"so a budget cannot hold: state a price", "so a budget cannot hold. State one with --price IN,OUT"),
        (r"Resuming and overwriting exclude each other", "--resume and --overwrite exclude each other"),
        (r"(Choose|choose) another output, or overwrite it", r"\1 another output, or add --overwrite"),
        (r"\bA budget is\b", "--budget is"),
        (r"and there is no other to take\.", "and there is no other to take. Name one with --model."),
        (r"What had arrived is in `partial`; try again\.", "Try again."),
        (r"\bapi_key\b", "KILOCODE_API_KEY"),
        (r"pass it as an argument instead", "use its own option instead"),
        (r"\bargument (\w+)\b", r"\1"),
        (
            r"What has no option of its own goes into extra_body\.",
            "What has no name here goes into -o extra_body={...}.",
        ),
        (r"`reasoning_effort`|'reasoning_effort'", "-o reasoning_effort"),
        (r"`reasoning`|'reasoning'", "--reasoning"),
        (r"such as \{'max_tokens': 2000\}", 'such as {"max_tokens": 2000}'),
        (r"(?:a number of seconds, )?\(connect, read\), a mapping, Timeouts or httpx\.Timeout", "a number of seconds"),
        (r"; None means no bound", ""),
        (r"\b(raise|lower) timeout(?:\.\w+)?\b", r"\1 KILOCODE_TIMEOUT"),
        (r"Pass an http_client that has one\.", "Ask who runs it for another way in."),
        (r"(?<!-o )\bextra_body (holds|must)\b", r"-o extra_body \1"),
        (r"\bmust be a (?:mapping|dict)(?: of names and values)?\b", "must be a JSON object"),
        (r"\bmust be a JSON object, not an? \w+", "must be a JSON object"),
        (r"(?<!-)\bupstream (?=')", "--upstream "),
        (r"\bIt is True or False\b|\bit is True or False\b", "it is true or false"),
    )
)


def reword(message: str) -> str:
    """Return a message of the core as the command line says it."""
    for pattern, text in _REWORDED:
        message = pattern.sub(text, message)
    return message
