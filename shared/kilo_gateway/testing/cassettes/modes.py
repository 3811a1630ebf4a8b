"""When to record, in the words of vcrpy and pytest-recording. Decides from plain values; reads no environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcr.record_mode import RecordMode

from kilo_gateway.testing.cassettes.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("none", "once", "new_episodes", "all", "rewrite")

VARIABLE = "KILO_RECORD"

VCR_MODES = {
    "none": RecordMode.NONE,
    "once": RecordMode.ONCE,
    "new_episodes": RecordMode.NEW_EPISODES,
    "all": RecordMode.ALL,
    "rewrite": RecordMode.ALL,
}


def resolve_mode(environ: Mapping[str, str], *commands: str | None, defaults: tuple[str | None, ...] = ()) -> str:
    """Return the record mode.

    The first of `commands` that is given wins, then `KILO_RECORD`. Else it is `none` in CI, the first of `defaults`
    elsewhere, and `once` when nobody said anything.

    Raises:
        CassetteError: there is no such mode.
    """
    variable = environ.get(VARIABLE, "").strip().lower() or None
    mode = next((one for one in (*commands, variable) if one), None)
    if mode is None:
        mode = "none" if is_ci(environ) else next((one for one in defaults if one), "once")
    if mode not in MODES:
        raise CassetteError(f"There is no record mode {mode!r}. There are {', '.join(MODES)}.")
    return mode


def is_ci(environ: Mapping[str, str]) -> bool:
    """Return whether this is a run of continuous integration, by the variables that pytest goes by, too."""
    return any(environ.get(name, "").lower() not in {"", "0", "false"} for name in ("CI", "BUILD_NUMBER"))


def may_record(mode: str, *, exists: bool) -> bool:
    """Return whether a request may reach a gateway in this mode."""
    return mode in {"new_episodes", "all", "rewrite"} or (mode == "once" and not exists)
