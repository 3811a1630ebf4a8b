"""Writes docs/errors.md: every message of an error that the package can raise, by class, from the source itself.

`python tools/error_messages.py` writes the page; a test holds it to the code. Placeholders stand in angle brackets.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kilo_gateway import errors
from kilo_gateway.errors import GatewayError, messages, outcomes
from kilo_gateway.transport import failures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "errors.md"

_PACKAGES = {"kilo_gateway": ROOT / "shared", "langchain_kilo": ROOT, "llama_index_kilo": ROOT}
_WITHOUT_KILO_ERRORS = ("testing",)
_CLASSES = {
    name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.KiloError)
}
_MAKERS = {
    "malformed_answer": (
        "MalformedAnswerError",
        "The gateway's answer for model <model> {} (HTTP <status>). It begins: <quote>. <remedy>",
    ),
    "_malformed": ("MalformedAnswerError", "The gateway's model list {}. Check the base URL, or try again later."),
}
"""Functions that make an error of what they are given, and how."""

_REMEDIES = {
    "MissingKeyError": "Set `KILOCODE_API_KEY`, or pass `api_key`.",
    "InvalidSettingError": "Mend the argument or the environment variable that the message names.",
    "InvalidModelError": "Write the model as `kilocode/<lab>/<model>` or `<lab>/<model>`.",
    "InvalidRequestError": "Mend the message, tool or option that the message names.",
    "ConnectionFailedError": "Look at the network, the proxy and `base_url`; `was_sent` says whether it went out.",
    "RequestTimeoutError": "Ask for less, or raise the bound of `timeout` that the message names.",
    "BadRequestError": "Change the request; the same one will be refused again.",
    "ContextLengthError": "Shorten the messages, or choose a model with a larger context.",
    "RequestTooLargeError": "Send fewer or smaller images, files and messages: bytes count here, not tokens.",
    "AuthenticationError": "Mend the key.",
    "InsufficientCreditsError": "Add credits, or use a free model; `buy_credits_url` and `balance` say more.",
    "PermissionDeniedError": "Ask whoever set the policy, or choose another model.",
    "NotFoundError": "Mend `base_url` or the provider routing.",
    "ModelNotFoundError": "Choose a model of `kilo-gateway models`.",
    "ConflictError": "See what stands in the way.",
    "RateLimitError": "Wait; `retry_after_seconds` says how long, when the gateway does.",
    "ServerError": "Try again; report it with `request_id` if it goes on.",
    "ServiceUnavailableError": "Try again.",
    "MalformedAnswerError": "Look at `snippet`; check `base_url` and what stands between it and this machine.",
    "TruncatedStreamError": "Try again; `partial` holds what had arrived.",
    "BatchStoppedError": "See `reason`, then resume the batch.",
    "BudgetExceededError": "Raise the budget and resume, or be content.",
}

_HEAD = """# Errors and what to do

<!-- Written by tools/error_messages.py from the source: change the code, then run `make error-messages`. -->

Every message of an error, by class. What stands in angle brackets is filled in. All classes are in
`kilo_gateway.errors`; in LangChain each has a twin with `Kilo` before its name, which is LangChain's own class as well.
A message is one printable line of at most 2,000 characters and holds no key. `error.retry` says whether the same
request may succeed `soon`, `later` or `never`; `error.is_retryable` is its first case,
unless this package has used up its own tries.

An error of the gateway reads `<what was said> (model <model>, HTTP <status>, ...). <what to do>`. What was said is in
the server's own words, with the field that it is about where the server names one.
"""


class _Source:
    """One module: its text, what stands in it, and its values for what is constant in a message."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.text = path.read_text(encoding="utf-8")
        self._module: ModuleType | None = None

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in its tree, which takes long to read: look through its text first."""
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def imported(self) -> set[str]:
        """What it has from other modules."""
        imports = (node for node in self.nodes if isinstance(node, ast.ImportFrom))
        return {alias.name for node in imports for alias in node.names}

    @property
    def values(self) -> dict[str, Any]:
        if self._module is None:
            self._module = importlib.import_module(self.name)
        return vars(self._module)


def _sources() -> Iterator[_Source]:
    for package, folder in _PACKAGES.items():
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[-1] not in {"__init__", "__main__"} and parts[1] not in _WITHOUT_KILO_ERRORS:
                yield _Source(path, ".".join(parts))


def _pattern(node: ast.expr, source: _Source) -> str:
    """Return a text expression with its placeholders in angle brackets; constants are written out."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part, source) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pattern(node.left, source) + _pattern(node.right, source)
    if isinstance(node, ast.IfExp):
        return max(_pattern(node.body, source), _pattern(node.orelse, source), key=len)
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    names = [name.id for name in ast.walk(inner) if isinstance(name, ast.Name)]
    if names and all(name.strip("_").isupper() for name in names) and isinstance(inner, (ast.Name, ast.BinOp)):
        found = eval(compile(ast.Expression(inner), source.name, "eval"), source.values)
        if isinstance(found, (str, int, float)):
            return f"{found:.0f}" if isinstance(found, float) else str(found)
    words = re.findall(r"[a-z]\w+", ast.unparse(inner).lower())
    named = [word for word in words if word not in _NO_NAMES]
    return f"<{(named or words or ['value'])[-1].strip('_').replace('_', ' ')}>"


_NO_NAMES = frozenset(
    {
        "repr",
        "join",
        "map",
        "str",
        "for",
        "in",
        "if",
        "else",
        "or",
        "sorted",
        "type",
        "self",
        "is",
        "not",
        "none",
        "__name__",
    }
    | {"one_line", "reprlib", "len", "list", "dict", "kind_", "strip", "removesuffix", "min", "max", "stem", "name__"}
)


def _returned(sources: list[_Source], names: set[str]) -> dict[str, list[tuple[ast.expr, _Source]]]:
    """Return the texts that the functions of these names return, by name."""
    found: dict[str, list[tuple[ast.expr, _Source]]] = defaultdict(list)
    for source in sources:
        if names.isdisjoint(re.findall(r"def (\w+)\(", source.text)):
            continue
        for function in source.nodes:
            if isinstance(function, ast.FunctionDef) and function.name in names:
                texts = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
                found[function.name] += [(t, source) for t in texts if isinstance(t, (ast.JoinedStr, ast.BinOp))]
    return found


def _name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _made(sources: list[_Source]) -> Iterator[tuple[str, str, ast.expr, _Source]]:
    """Yield class, frame, text and place of every call that makes an error."""
    for source in sources:
        if (_CLASSES | _MAKERS.keys()).isdisjoint(re.findall(r"(\w+)\(", source.text)):
            continue
        for call in source.nodes:
            if isinstance(call, ast.Call) and call.args:
                cls, frame = _MAKERS.get(_name_of(call), (_name_of(call), "{}"))
                if cls in _CLASSES:
                    yield cls, frame, call.args[0], source


@cache
def raised() -> dict[str, set[str]]:
    """Return class -> patterns, of every place that makes an error of the package's own."""
    sources = list(_sources())
    made = list(_made(sources))
    returned = _returned(sources, {_name_of(text) for _, _, text, _ in made if isinstance(text, ast.Call)})
    found: dict[str, set[str]] = defaultdict(set)
    for cls, frame, first, source in made:
        texts = [(first, source)]
        if isinstance(first, ast.Call):
            there = returned.get(_name_of(first), [])
            texts = [text for text in there if text[1] is source or _name_of(first) in source.imported]
        patterns = (frame.format(_pattern(text, where)) for text, where in texts)
        found[cls] |= {" ".join(pattern.split()) for pattern in patterns if _says_something(pattern)}
    found["ConnectionFailedError"] |= {re.sub(r"\{(\w+)\}", r"<\1>", text) for text in failures._TLS.values()}
    return found


def _says_something(pattern: str) -> bool:
    """Return whether a pattern is more than placeholders, and not that of a function in `_MAKERS` itself."""
    return " <what>" not in pattern and re.search(r"[A-Za-z]{3}", re.sub(r"<.*?>", "", pattern)) is not None


@cache
def answered() -> dict[str, set[str]]:
    """Return class -> what an error of the gateway advises."""
    found: dict[str, set[str]] = defaultdict(set)
    for verdict in vars(outcomes).values():
        if isinstance(verdict, outcomes.Verdict):
            found[verdict.cls.__name__].add(_remedy(verdict.remedy))
            relayed = messages._RELAYED.get(verdict.remedy)
            found[verdict.cls.__name__] |= {_remedy(relayed)} if relayed else set()
    found["PermissionDeniedError"].add(_remedy("moderation"))
    found["AuthenticationError"].add(_remedy("own_provider_key"))
    return found


def _remedy(name: str) -> str:
    filled = {"again": "Try again in <wait>", "wait": "wait at least <wait>", "report": " Name the request id <id>."}
    text = messages._REMEDIES[name].format(credits_url=messages.CREDITS_URL, reasons="<reasons>", **filled)
    return f"<what was said> (model <model>, HTTP <status>). {text}"


def render() -> str:
    """Return the page."""
    ours, theirs = raised(), answered()
    lines = [_HEAD]
    for name, remedy in _REMEDIES.items():
        cls = getattr(errors, name)
        lines += [
            f"## {name}",
            "",
            f"**When:** {inspect.getdoc(cls)}",
            "",
            f"**What to do:** {remedy}",
            "",
            "| message |",
            "| --- |",
        ]
        shown = sorted(ours.get(name, set())) + sorted(theirs.get(name, set()) if issubclass(cls, GatewayError) else ())
        lines += [f"| `{pattern.replace('`', chr(39)).replace('|', '/')}` |" for pattern in shown]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}.")
