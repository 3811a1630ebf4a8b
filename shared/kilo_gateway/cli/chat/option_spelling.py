"""Options of `chat` that may be spelt in two ways, brought to one before click reads them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import click

from kilo_gateway.cli.help import PlainCommand

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR: Final = "\0"
"""Between the two values of a pair; no word of a command line can hold it."""
_OPTION: Final = frozenset({"-o", "--option"})
_TYPED: Final = frozenset({"--at", "--attachment-type"})


class ChatCommand(PlainCommand):
    """A command that takes `-o NAME VALUE` beside `-o NAME=VALUE`, and keeps attachments in their order."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join the pairs, then parse."""
        is_complete = not ctx.resilient_parsing  # what is completed lacks its last words
        return super().parse_args(ctx, join_pairs(args, count_values(self.params)) if is_complete else args)


def count_values(parameters: Iterable[click.Parameter]) -> dict[str, int]:
    """Return how many words follow each option."""
    options = [one for one in parameters if isinstance(one, click.Option)]
    return {name: 0 if one.is_flag else one.nargs for one in options for name in one.opts}


def join_pairs(words: list[str], counts: dict[str, int]) -> list[str]:
    """Return the words with `-o NAME VALUE` and `--at PATH TYPE` as one option and one value each.

    A pair's values stand in one word, `SEPARATOR` between them; `--at` becomes `--attachment`, at its place.

    Raises:
        UsageError: a value is missing.
    """
    rest = deque(words)
    joined: list[str] = []
    while rest:
        word = rest.popleft()
        if word == "--":
            return [*joined, word, *rest]
        before, name, attached = _split(word, counts)
        joined += before
        if name in _OPTION:
            joined += ["--option", _take_option(attached, rest)]
        elif name in _TYPED:
            path = attached if attached is not None else _take(rest, f"{name} needs PATH and TYPE")
            joined += ["--attachment", SEPARATOR.join((path, _take(rest, f"{name} {path} needs a TYPE")))]
        else:
            joined.append(word if not before else f"-{word[len(before[0]) :]}")
            following = counts.get(name, 0) if attached is None else 0
            joined += [rest.popleft() for _ in range(min(following, len(rest)))]
    return joined


def _split(word: str, counts: dict[str, int]) -> tuple[list[str], str, str | None]:
    """Return flags that stand before an option in one word, the option, and the value in the same word."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return [], name, value if equals else None
    if word.startswith("-"):
        for place, letter in enumerate(word[1:], 1):
            if counts.get(f"-{letter}", 0):
                before = [word[:place]] if place > 1 else []
                return before, f"-{letter}", word[place + 1 :] or None
    return [], word, None


def _take_option(attached: str | None, rest: deque[str]) -> str:
    name = attached if attached is not None else _take(rest, "-o needs NAME=VALUE")
    return name if "=" in name else SEPARATOR.join((name, _take(rest, f"-o {name} needs a value")))


def _take(rest: deque[str], complaint: str) -> str:
    if not rest:
        context = click.get_current_context(silent=True)
        command = "kilo-gateway chat" if context is None else context.command_path
        raise click.UsageError(f"{complaint}. See {command} --help.")
    return rest.popleft()


def parse_option(word: str) -> tuple[str, Any]:
    """Return the name and the value of an option: JSON, else text."""
    from kilo_gateway.jsontext import loads  # noqa: PLC0415 - help needs no core

    name, _, text = word.partition(SEPARATOR if SEPARATOR in word else "=")
    try:
        return name, loads(text)
    except ValueError:
        return name, text
