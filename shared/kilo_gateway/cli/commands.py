"""The commands of `kilo-gateway`, each a thin layer over KiloClient. Prints no key."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads annotations when the program runs
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from kilo_gateway import KiloClient, KiloError, __version__
from kilo_gateway.catalog.snapshot import render_snapshot
from kilo_gateway.cli.tables import models_table, settings_table
from kilo_gateway.settings.auth import resolve_feature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway import Completion

app = typer.Typer(
    help="Kilo Gateway from the command line. The key is read from KILOCODE_API_KEY.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_WIDE = 160
"""Columns where there is no terminal to ask, so that nothing is cut in a file or a pipe."""

out = Console(emoji=False, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, emoji=False, soft_wrap=True)

Model = Annotated[str | None, typer.Option("--model", "-m", help="A model ref; default kilocode/kilo/auto.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Another gateway, such as the embedded one.")]


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Print errors of this package and of the system as a sentence and exit with 1."""
    try:
        yield
    except (KiloError, OSError) as error:
        err.print(f"[red]{type(error).__name__}[/red]: ", end="")
        err.print(str(error), markup=False, highlight=False)
        raise typer.Exit(1) from None


@app.command()
def check(model: Model = None, base_url: BaseUrl = None) -> None:
    """Check that key, gateway and model work together: lists the models and asks for one short answer."""
    with _told_plainly():
        client = KiloClient(model=model, base_url=base_url)
        out.print(settings_table(_effective(client)))
        catalog = client.discover(refresh=True)
        out.print(f"Models: {len(catalog)} ({'live' if catalog.is_live else 'bundled, the live list is out of reach'})")
        answer = client.complete([{"role": "user", "content": "Answer with one word: ready?"}], max_tokens=64)
        out.print(f"Answer: {answer.text.strip() or '(no text)'}", markup=False)
        out.print(_summary(answer), markup=False)


@app.command()
def models(
    search: Annotated[str, typer.Argument(help="Only ids or names that hold this text.")] = "",
    base_url: BaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as the document has it.")] = False,
) -> None:
    """List the models that this account can use, the gateway's own list first."""
    with _told_plainly():
        catalog = KiloClient(base_url=base_url).discover()
        found = [entry for entry in catalog if search.lower() in f"{entry.id} {entry.name}".lower()]
        if as_json:
            for entry in found:
                typer.echo(json.dumps(entry.provider_row(), default=str))
            return
        out.print(models_table(found))
        out.print(f"{len(found)} of {len(catalog)} models" + ("" if catalog.is_live else " (bundled list)"))


@app.command()
def chat(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    model: Model = None,
    base_url: BaseUrl = None,
    system: Annotated[str | None, typer.Option("--system", help="A system prompt.")] = None,
    reasoning: Annotated[str | None, typer.Option("--reasoning", help="off, minimal, low, ... max")] = None,
) -> None:
    """Ask a question and print the answer as it streams, then model, tokens and cost."""
    messages = [{"role": "system", "content": system}] if system else []
    with _told_plainly():
        client = KiloClient(model=model, base_url=base_url)
        stream = client.stream([*messages, {"role": "user", "content": question}], reasoning=reasoning)
        try:
            for delta in stream:
                if delta.reasoning:
                    typer.secho(delta.reasoning, nl=False, dim=True)
                typer.echo(delta.text, nl=False)
        finally:
            typer.echo()
        err.print(_summary(stream.completion), markup=False, style="dim")


@app.command()
def settings(base_url: BaseUrl = None, model: Model = None) -> None:
    """Show the effective settings and where each came from, the key masked."""
    with _told_plainly():
        out.print(settings_table(_effective(KiloClient(base_url=base_url, model=model))))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 0,
    server_version: Annotated[Literal["newest", "2026-02"], typer.Option("--server-version")] = "newest",
    upstream: Annotated[
        str | None, typer.Option(metavar="URL", help="Show what is sent to this gateway instead.")
    ] = None,
) -> None:
    """Run the embedded gateway on this machine, with no key and no network."""
    try:
        from kilo_gateway.testing import serve as run  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        err.print(str(error), markup=False)
        raise typer.Exit(2) from None
    with _told_plainly():
        run(port=port, version=server_version, upstream=upstream)


@app.command(name="renew-models")
def renew_models(
    path: Annotated[Path, typer.Argument(help="The file to write: models.json of the catalog.")],
    base_url: BaseUrl = None,
) -> None:
    """Write the bundled catalog anew from the gateway's live list."""
    with _told_plainly():
        client = KiloClient(base_url=base_url)
        catalog = client.discover(refresh=True)
        if not catalog.is_live:
            err.print("The gateway's list is out of reach; nothing was written.")
            raise typer.Exit(1)
        source = f"{client.settings.base_url}models"
        path.write_text(render_snapshot(catalog, source=source, date=datetime.now(UTC).date().isoformat()))
        out.print(f"Wrote {path}.")


@app.command()
def version() -> None:
    """Print the version of this package."""
    typer.echo(__version__)


def _effective(client: KiloClient) -> dict[str, dict[str, Any]]:
    """Return the settings as described, with the feature that a request made now would carry."""
    described = client.settings.describe()
    described["feature"]["value"] = resolve_feature(client.settings, os.environ)
    return described


def _summary(answer: Completion) -> str:
    usage = answer.usage
    facts: dict[str, Any] = {"model": answer.model, "provider": answer.provider}
    if usage is not None:
        facts |= {"tokens": f"{usage.input_tokens} in, {usage.output_tokens} out"}
        facts |= {} if usage.cost is None else {"cost": f"${usage.cost:.6f}"}
    return " | ".join(f"{name}: {value}" for name, value in facts.items() if value)
