"""Writes the fields of model objects and the arguments of clients from the tables, with their types and docs.

`python tools/model_fields.py` writes adapters/fields.py and settings/arguments.py of the core; a test holds both to the
tables. They are source and not made at run time, so that editors and type checkers see every name.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kilo_gateway.request.options import FIELD_OF
from kilo_gateway.settings.settings import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
CORE = ROOT / "shared" / "kilo_gateway"
PAGE = CORE / "adapters" / "fields.py"
ARGUMENTS = CORE / "settings" / "arguments.py"
_WIDTH = 120

_HEAD = '''\
"""The settings and options of model objects as fields. Written by `make fields` from the tables; edit those.

The tables are `kilo_gateway.settings.settings.Settings` and those of `kilo_gateway.request.options`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from kilo_gateway.adapters.model_object import ModelObject
from kilo_gateway.refs import DEFAULT_MODEL
from kilo_gateway.request.reasoning import Level, plain_level
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL
from kilo_gateway.settings.settings import DEFAULT_MAX_RETRIES
'''
_CLASS = '''

class {name}(ModelObject):
    """{doc}"""

    model_config = ConfigDict(defer_build=True)

'''


_ARGUMENTS_HEAD = '''\
"""The settings as arguments of a client, for editors and type checkers. Written by `make fields`; edit the table.

The table is `kilo_gateway.settings.settings.Settings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr


class SettingArguments(TypedDict, total=False):
    """Settings by name. None, or a name that is left out, means that the environment decides, else the default."""

'''


class Row(NamedTuple):
    """One row of a table."""

    name: str
    type: str
    default: str
    doc: str


def _rows(path: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a class: its annotated names, each with the text under it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name).body
    for row, under in itertools.pairwise(body):
        if isinstance(row, ast.AnnAssign) and isinstance(row.target, ast.Name):
            assert isinstance(under, ast.Expr), f"{row.target.id} has no text under it"
            assert isinstance(under.value, ast.Constant)
            default = "None" if row.value is None else ast.unparse(row.value)
            doc = " ".join(inspect.cleandoc(str(under.value.value)).split())
            yield Row(row.target.id, _bare(row.annotation), default, doc)


def _bare(annotation: ast.expr) -> str:
    """Return a type without what `Annotated` adds to it."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        assert isinstance(annotation.slice, ast.Tuple)
        return ast.unparse(annotation.slice.elts[0])
    return ast.unparse(annotation)


def _render_field(row: Row) -> str:
    type_ = row.type.replace("'", '"')
    default = row.default.replace("'", '"')
    return f"    {row.name}: {type_} = {default}\n" + _render_doc(row.doc)


def _render_doc(doc: str) -> str:
    return textwrap.fill(f'"""{doc}"""', _WIDTH, initial_indent="    ", subsequent_indent="    ") + "\n"


def _option_fields(table: str) -> Iterator[str]:
    for row in _rows(CORE / "request" / "options.py", table):
        field = FIELD_OF.get(row.name, row.name)
        if "Level" in row.type:
            row = row._replace(type=f"Annotated[{row.type}, BeforeValidator(plain_level)]")  # noqa: PLW2901 - a copy
        sent = "" if field == row.name else f" Sent as `{row.name}`."
        yield _render_field(row._replace(name=field, doc=row.doc + sent))


def _setting_fields() -> Iterator[str]:
    for row in _rows(CORE / "settings" / "settings.py", "Settings"):
        if row.name not in ROWS or row.name == "model":
            continue
        setting = ROWS[row.name]
        doc = f"{row.doc} {', '.join(f'`{variable}`' for variable in setting.variables)}."
        default = "None" if setting.argument else row.default
        if setting.hidden:
            default = "Field(default=None, exclude=True, repr=False)"
        yield _render_field(Row(row.name, setting.argument or row.type, default, doc))


def _model_field() -> str:
    row = next(row for row in _rows(CORE / "settings" / "settings.py", "Settings") if row.name == "model")
    return _render_field(row._replace(doc=f"{row.doc} `{ROWS['model'].variables[0]}`."))


def render() -> str:
    """Return the file as it should be."""
    chat = "The fields of a chat model. None means not given: nothing is sent, and the gateway or the model decides."
    embedding = "The fields of an embedding model, but for its name. None means not given: nothing is sent."
    parts = [
        _HEAD,
        _CLASS.format(name="ChatFields", doc=chat),
        _model_field(),
        *_setting_fields(),
        "\n",
        *_option_fields("RequestOptions"),
        _CLASS.format(name="EmbeddingFields", doc=embedding),
        *_setting_fields(),
        "\n",
        *(text for text in _option_fields("EmbeddingOptions") if not text.startswith("    input_type:")),
    ]
    return "".join(parts)


def render_arguments() -> str:
    """Return the file of arguments as it should be."""
    parts = [_ARGUMENTS_HEAD]
    for row in _rows(CORE / "settings" / "settings.py", "Settings"):
        if row.name in ROWS:
            type_ = "SecretStr | str" if row.name == "api_key" else (ROWS[row.name].argument or row.type)
            optional = type_ if type_ == "Any" or type_.endswith("| None") else f"{type_} | None"
            variables = ", ".join(f"`{variable}`" for variable in ROWS[row.name].variables)
            quoted = optional.replace("'", '"')
            parts.append(f"    {row.name}: {quoted}\n{_render_doc(f'{row.doc} {variables}.')}")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    ARGUMENTS.write_text(render_arguments(), encoding="utf-8")
