"""Who may ask a server on this machine: its own page and programs, but no other site's page. Decides; sends nothing.

A page of another site can reach loopback in two ways: it asks across sites (the browser says so in `Origin` and
`Sec-Fetch-Site`), or its own name is made to mean 127.0.0.1 (DNS rebinding; the browser then still sends that name as
`Host`). Source: https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_OWN_SITE = frozenset({"same-origin", "none"})


def reason_to_refuse(method: str, path: str, headers: Sequence[tuple[str, str]]) -> str | None:
    """Return why a request is not answered, or None; `headers` are pairs, in any spelling."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.strip())
    hosts = values.get("host", [])
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return "Host must be 127.0.0.1 or localhost: a name that another site made up for this machine is refused."
    own = f"http://{hosts[0]}".lower()
    if any(origin.lower() != own for origin in values.get("origin", [])):
        return "Origin must be this server's own: pages of other sites are refused."
    if any(site not in _OWN_SITE for site in values.get("sec-fetch-site", [])) and not _is_visit(method, path, values):
        return "This was asked by a page of another site, which is refused."
    return None


def _is_visit(method: str, path: str, values: dict[str, list[str]]) -> bool:
    """Return whether somebody followed a link to the page; who links does not get to read it."""
    mode, target = values.get("sec-fetch-mode"), values.get("sec-fetch-dest")
    return method == "GET" and path == "/" and mode == ["navigate"] and target == ["document"]
