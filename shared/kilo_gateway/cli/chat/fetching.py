"""Fetches a sound from the web with one GET. Carries no key and no header of the settings."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from kilo_gateway.cli.statuses import TRY_LATER, WRONG_USAGE, CommandError
from kilo_gateway.settings.auth import USER_AGENT

_SECONDS: Final = 60.0


class _WebOnly(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.lower().startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, most_bytes: int) -> bytes:
    """Return the first bytes of what is at an http or https URL.

    Raises:
        CommandError: it does not arrive; says why.
    """
    try:
        request = Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310 - the scheme was checked
        with build_opener(_WebOnly).open(request, timeout=_SECONDS) as answer:
            data: bytes = answer.read(most_bytes)
            return data
    except HTTPError as error:
        is_later = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.TOO_MANY_REQUESTS
        raise CommandError(
            f"{url} cannot be fetched: HTTP {error.code}. Check the URL, or fetch it first and attach the file.",
            TRY_LATER if is_later else WRONG_USAGE,
        ) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CommandError(f"{url} cannot be fetched: {reason}. Check the network.", TRY_LATER) from None
