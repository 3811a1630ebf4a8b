"""Wrong usage in one line: what was not understood, and the nearest thing that would be. Repeats no secret."""

from __future__ import annotations

import difflib
from typing import Final

import click

_KEY_OPTIONS: Final = frozenset({"--key", "--api-key", "--apikey", "--token", "-k"})
_SHORT: Final = len("-x")
_EXTRA_WORDS: Final = "Got unexpected extra argument"
_KEY_HINT: Final = "The key is read from KILOCODE_API_KEY only, because what is typed here can be seen by others."


def explain_usage(error: click.UsageError) -> str:
    """Return what was wrong and what to do."""
    context = error.ctx
    path = context.command_path if context is not None else "kilo-gateway"
    see = f"See {path} --help."
    if isinstance(error, click.NoSuchOption):
        return f"There is no option {error.option_name.partition('=')[0]}. {_option_hint(error) or see}"
    if isinstance(error, click.MissingParameter):
        return f"{_missing(error)} {see}"
    if isinstance(error, click.BadParameter):
        hint = error.format_message() if error.param is None else f"{_name(error.param)}: {error.message}"
        return f"{hint.rstrip('.')}. {see}"
    if error.message.startswith(_EXTRA_WORDS):
        return f"{_too_many_words(error)} {see}"
    return f"{error.format_message().rstrip('.')}. {see}" if error.message.count(". ") == 0 else error.format_message()


def nearest(word: str, known: list[str], count: int = 1) -> list[str]:
    """Return the known words that look most like a word."""
    return difflib.get_close_matches(word[:64], known, n=count, cutoff=0.5)


def _option_hint(error: click.NoSuchOption) -> str:
    if error.option_name in _KEY_OPTIONS:
        return _KEY_HINT
    if error.ctx is not None and error.ctx.parent is None and len(error.option_name) == _SHORT:
        return "Options of a command go after it, as in kilo-gateway chat -m MODEL PROMPT."
    if len(error.option_name) == _SHORT or any(letter.isspace() for letter in error.option_name):
        return "A text that begins with a dash goes after --."
    known = [] if error.ctx is None else [option for one in error.ctx.command.params for option in one.opts]
    found = nearest(error.option_name, [*known, "--help"])
    return f"Did you mean {found[0]}?" if found else ""


def _too_many_words(error: click.UsageError) -> str:
    context = error.ctx
    if context is None or context.parent is None:
        return "There are too many words."
    extra = error.message.partition("(")[2].rstrip(")").split()
    arguments = [one.name for one in context.command.params if isinstance(one, click.Argument)]
    words = [*(str(context.params.get(name)) for name in arguments), *extra]
    group = context.parent.command
    found = nearest(words[0], group.list_commands(context.parent)) if isinstance(group, click.Group) and words else []
    if found and context.parent.parent is not None and context.info_name not in found:
        return f"There is no command {words[0]!r}. Did you mean {context.parent.command_path} {found[0]}?"
    if not arguments:
        return f"{context.command_path} takes options only."
    return "There are too many words. Put a text of several words in quotes."


def _missing(error: click.MissingParameter) -> str:
    return "Something is missing." if error.param is None else f"{_name(error.param)} is missing."


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.human_readable_name
    return max(parameter.opts, key=len)
