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

    api_key: SecretStr | str | None
    """The bearer key; None: only free models can be used. Model objects also take a function, plain or async, that
    returns the key of a call. `KILOCODE_API_KEY`, `KILO_API_KEY`."""
    organization_id: str | None
    """The organization that is billed and whose policies and models count; sent as `X-KiloCode-OrganizationId`.
    `KILOCODE_ORGANIZATION_ID`, `KILO_ORGANIZATION_ID`."""
    model: str | None
    """The ref of the model that is asked, `kilocode/<model-id>`; the prefix may be left out. `KILOCODE_MODEL`."""
    base_url: str | None
    """The gateway; kept with exactly one slash at its end. `KILOCODE_BASE_URL`."""
    timeout: Any
    """Bounds in seconds: a number, (connect, read), a mapping of `connect`, `read`, `silence`, `total`, `Timeouts` or
    `httpx.Timeout`. `KILOCODE_TIMEOUT`."""
    max_retries: int | None
    """Tries after the first, exactly; 0 means none. `KILOCODE_MAX_RETRIES`."""
    feature: str | None
    """The application, as the gateway attributes calls; sent as `X-KILOCODE-FEATURE`. None: what the variable says at
    the time of each request, else `direct-gateway`. `KILOCODE_FEATURE`."""
    task_id: str | None
    """Calls of one task share a prompt cache; sent as `X-KiloCode-TaskId`. `KILOCODE_TASK_ID`."""
    mode: str | None
    """What an auto model is chosen for, such as `code` or `plan`; sent as `x-kilocode-mode`. `KILOCODE_MODE`."""
    client_version: str | None
    """Sent as `X-KiloCode-Version`. None, the default, sends nothing: its presence marks an editor's client.
    `KILOCODE_CLIENT_VERSION`."""
    session: str | None
    """Calls of one session are booked together; sent as `x-kilo-session`. It does not share a prompt cache.
    `KILOCODE_SESSION`."""
    project_id: str | None
    """What calls are booked under, a name or a git URL, of which the gateway keeps the name; sent as `X-KiloCode-
    ProjectId`. `KILOCODE_PROJECT_ID`."""
    editor: str | None
    """The program that calls, such as `My App/1.2`; sent as `x-kilocode-editorname`. `KILOCODE_EDITOR`."""
    machine_id: str | None
    """Tells machines of one account apart; sent as `x-kilocode-machineid`. None, the default, tells nothing.
    `KILOCODE_MACHINE_ID`."""
    default_headers: Mapping[str, str] | None
    """Sent with every request. `KILOCODE_DEFAULT_HEADERS`."""
    discover: Literal["lazy", "startup"] | None
    """When the model list is fetched: where its answer is needed, or when the first client is made.
    `KILOCODE_DISCOVERY`."""
    shared_pause: bool | None
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key.
    `KILOCODE_SHARED_PAUSE`."""
