"""YAML as cassettes use it: one line a value, block text for several lines, JSON's numbers, no anchors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from kilo_gateway.testing.cassettes.json_text import JsonNumber, parse_number

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

_FLOAT = "tag:yaml.org,2002:float"
_INT = "tag:yaml.org,2002:int"
_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_STR = "tag:yaml.org,2002:str"

_JSON_INT = re.compile(r"-?(?:0|[1-9][0-9]*)$")
_JSON_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$")
_DIGITS = list("-0123456789")

_CHANGED_BY_YAML = re.compile("[\x85\u2028\u2029\ufeff\r]")
"""Characters that YAML takes for line ends or swallows outside of double quotes."""

_ENDLESS = 1 << 30
"""Columns: a value is never folded."""


class OneLine(str):
    """A text that is written on one line, its line ends as escapes."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # PyYAML has no types
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: a reader must not look for anchors."""
        return True


class _FlowList(list[Any]):
    """A list that is written on one line."""


def flow(items: list[Any]) -> list[Any]:
    """Return the list so that it is written on one line."""
    return _FlowList(items)


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own protocol: filled below


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    if _CHANGED_BY_YAML.search(text):
        style = '"'
    elif "\n" in text:
        style = '"' if isinstance(text, OneLine) else "|"
    else:
        style = None
    return dumper.represent_scalar(_STR, str(text), style=style)


def _represent_float(dumper: _Dumper, number: float) -> ScalarNode:
    return dumper.represent_scalar(_FLOAT, number.text if isinstance(number, JsonNumber) else repr(number))


def _represent_flow_list(dumper: _Dumper, items: _FlowList) -> Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", list(items), flow_style=True)


for _kind in (str, OneLine):
    _Dumper.add_representer(_kind, _represent_text)
for _number in (float, JsonNumber):
    _Dumper.add_representer(_number, _represent_float)
_Dumper.add_representer(_FlowList, _represent_flow_list)
_Dumper.add_implicit_resolver(_FLOAT, _JSON_FLOAT, _DIGITS)
_Loader.add_implicit_resolver(_FLOAT, _JSON_FLOAT, _DIGITS)
_Loader.add_implicit_resolver(_INT, _JSON_INT, _DIGITS)
_Loader.add_implicit_resolver(_BOOL, re.compile("(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(_NULL, re.compile("null$"), ["n"])
for _tag in (_FLOAT, _INT):
    _Loader.add_constructor(_tag, lambda _, node: parse_number(node.value))


def dump(document: Any) -> str:
    """Return the YAML of a document of dicts, lists and plain values."""
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_ENDLESS,
        default_flow_style=False,
    )
    return text


def load(text: str) -> Any:
    """Return the document of a YAML text.

    Raises:
        ValueError: it is no YAML, or holds what cassettes never hold; says where.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise ValueError(f"{where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error
    except (TypeError, RecursionError) as error:
        raise ValueError(f"it is not the YAML of a cassette ({error})") from error
