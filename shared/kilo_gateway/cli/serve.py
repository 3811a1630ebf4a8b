"""`kilo-gateway serve`: the embedded gateway in the foreground."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import Number, json_option
from kilo_gateway.cli.statuses import CommandError, wrong_usage
from kilo_gateway.cli.streams import stderr, stdout
from kilo_gateway.cli.text import render_json_line

if TYPE_CHECKING:
    from kilo_gateway.testing.foreground import Serving


@click.command(cls=PlainCommand)
@click.option("--port", type=Number(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--server-version",
    type=click.Choice(["newest", "2026-02"]),
    default="newest",
    show_default=True,
    help="The server to imitate.",
)
@click.option(
    "--delay-ms", type=Number(0, is_whole=False), default=0, metavar="MS", help="The wait after each streamed event."
)
@click.option("--upstream", metavar="URL", help="Pass requests on to this gateway, with the key that they carry.")
@json_option
def serve(*, port: int, server_version: Any, delay_ms: float, upstream: str | None, as_json: bool) -> None:
    """Run the embedded gateway on 127.0.0.1 until Ctrl-C: no key, no network, no language model.

    Prints the variables that lead programs to it. A page shows what arrives, as it arrives.
    """
    try:
        from kilo_gateway.testing import serve as run  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        hint = 'Install it with: pip install "kilo-gateway[testing]"'
        raise wrong_usage(f"This needs {(error.name or '').partition('.')[0]}. {hint}") from None
    listening = threading.Event()

    def announce(serving: Serving) -> None:
        listening.set()
        _announce(serving, as_json=as_json)

    try:
        run(port=port, version=server_version, delay_ms=delay_ms, upstream=upstream, announce=announce)
    except OSError as error:
        if listening.is_set():
            raise
        raise CommandError(f"Port {port} cannot be used: {error.strerror}. Choose another --port.") from None


def _announce(serving: Serving, *, as_json: bool) -> None:
    if as_json:
        facts = {"base_url": serving.base_url, "api_key": serving.api_key, "page": serving.page}
        stdout().line(render_json_line(facts))
        return
    from kilo_gateway.request.changes import TELL_CHANGES  # noqa: PLC0415 - `--help` needs none of the core

    out, err = stdout(), stderr()
    out.line(f"export KILOCODE_BASE_URL={serving.base_url}")
    if serving.api_key is not None:
        out.line(f"export KILOCODE_API_KEY={serving.api_key}")
    if err.is_terminal:
        err.line(f"What is sent here shows at {serving.page}")
        err.line(f"export {TELL_CHANGES}=1 in that shell shows what the client changed, too.")
