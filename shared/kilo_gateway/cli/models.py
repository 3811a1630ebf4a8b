"""`kilo-gateway models`: the models that can be used, chosen and sorted, or one of them with all that is known."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import click

from kilo_gateway.cli.completion import complete_labs, complete_models
from kilo_gateway.cli.groups import CommandEntry, LazyGroup
from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import base_url_option, json_option, open_client
from kilo_gateway.cli.statuses import CommandError
from kilo_gateway.cli.streams import stderr, stdout
from kilo_gateway.cli.text import render_json_line
from kilo_gateway.cli.usage import nearest
from kilo_gateway.cli.wait_indicator import awaiting

if TYPE_CHECKING:
    from kilo_gateway.catalog.catalog import Catalog

_UNITS: Final = {"": 1, "k": 1000, "m": 1_000_000}


@click.group(
    cls=LazyGroup,
    entries={
        "list": CommandEntry("models", "list_models", "List models; this is meant when nothing is named."),
        "show": CommandEntry("models", "show_model", "Show all that is known about one model."),
    },
    default="list",
    subcommand_metavar="[list] [SEARCH] | show ID",
    hint="See kilo-gateway models --help.",
)
def models() -> None:
    """List the models that this account can use, those of the gateway first. SEARCH is a part of an id or name."""


class _Tokens(click.ParamType):  # type: ignore[type-arg] # generic in new versions of click only
    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no number of tokens, such as 200000, 200k or 1M", param, ctx)
        return round(float(found[1]) * _UNITS[found[2]])


class _Price(click.ParamType):  # type: ignore[type-arg] # generic in new versions of click only
    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            price = float(str(value).removeprefix("$"))
        except ValueError:
            price = math.nan
        if not (math.isfinite(price) and price >= 0):
            self.fail(f"{value!r} is no price, such as 0.5", param, ctx)
        return price


@click.command("list", cls=PlainCommand)
@click.argument("search", default="", shell_complete=complete_models)
@click.option("--free", is_flag=True, help="Only those that need no key.")
@click.option("--tools", is_flag=True, help="Only those that call tools.")
@click.option("--vision", is_flag=True, help="Only those that take images.")
@click.option("--reasoning", is_flag=True, help="Only those that can be asked to reason.")
@click.option("--max-price", type=_Price(), help="The most for a million input tokens; unknown does not pass.")
@click.option("--min-context", type=_Tokens(), help="The least context: 200000, 200k, 1M.")
@click.option("--lab", metavar="LAB", shell_complete=complete_labs, help="Only those of one lab, such as anthropic.")
@click.option("--sort", type=click.Choice(["id", "price", "context", "new"]), help="Else the gateway's order.")
@base_url_option
@json_option
def list_models(*, search: str, base_url: str | None, as_json: bool, **wanted: Any) -> None:
    """List the models that this account can use. SEARCH is a part of an id or name."""
    from kilo_gateway.cli.model_rows import Filters, model_object, models_table, sort_models  # noqa: PLC0415

    sort = wanted.pop("sort")
    catalog = _catalog(base_url, is_quiet=as_json)
    filters = Filters(search=search, **wanted)
    found = sort_models([model for model in catalog if filters.pass_model(model)], sort)
    if not found:
        raise CommandError(_no_such_lab(wanted["lab"], catalog) or _no_match(search, catalog))
    out = stdout()
    if as_json:
        for model in found:
            out.line(render_json_line(model_object(model)))
        return
    models_table(out, found)
    err = stderr()
    if err.is_terminal:
        err.line(f"{len(found)} of {len(catalog)} models")


@click.command("show", cls=PlainCommand)
@click.argument("model", metavar="ID", shell_complete=complete_models)
@base_url_option
@json_option
def show_model(*, model: str, base_url: str | None, as_json: bool) -> None:
    """Show all that is known about one model, and who hosts it."""
    from kilo_gateway.cli.model_page import known_endpoints, page_object, write_page  # noqa: PLC0415

    client = open_client(base_url=base_url)
    catalog = _catalog(base_url, is_quiet=as_json)
    found = catalog.get(model)
    if found is None:
        raise CommandError(_no_match(model, catalog, what=f"There is no model {model!r}"))
    with awaiting(is_quiet=as_json):
        endpoints = known_endpoints(client, found) if catalog.is_live else None
    if as_json:
        stdout().line(render_json_line(page_object(found, endpoints)))
    else:
        write_page(stdout(), found, endpoints)


def _catalog(base_url: str | None, *, is_quiet: bool) -> Catalog:
    """Return the models; a gateway out of reach is one warning."""
    with awaiting(is_quiet=is_quiet):
        catalog = open_client(base_url=base_url).discover()
    if not catalog.is_live:
        dated = f" of {catalog.origin.date}" if catalog.origin is not None and catalog.origin.date else ""
        stderr().line(f"warning: The gateway's list is out of reach; this is the bundled one{dated}.")
    return catalog


def _no_such_lab(lab: str | None, catalog: Catalog) -> str | None:
    """Return what to say of a lab that has no model at all; None where the lab is not to blame."""
    from kilo_gateway.cli.model_rows import lab_of  # noqa: PLC0415 - imports the core

    labs = {known.lower() for model in catalog if (known := lab_of(model)) is not None}
    wanted = None if lab is None else lab.lower().rstrip("/")
    if wanted is None or wanted in labs:
        return None
    found = nearest(wanted, sorted(labs), 3)
    return f"There is no lab {lab!r}. " + (f"Nearest: {', '.join(found)}." if found else "See kilo-gateway models.")


def _no_match(search: str, catalog: Catalog, *, what: str = "") -> str:
    from kilo_gateway.cli.model_rows import nearest_ids  # noqa: PLC0415 - imports the core

    found = nearest_ids(search, catalog) if search else []
    said = what or (f"No model matches {search!r}" if search else "No model matches")
    otherwise = "See kilo-gateway models." if what else "Ask for less, or see kilo-gateway models."
    hint = f"Nearest: {', '.join(found)}." if found else otherwise
    return f"{said}. {hint}"
