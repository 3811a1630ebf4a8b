"""The arguments of a client as `?`, completion and `help` show them: every setting by name. Made when asked for."""

from __future__ import annotations

from inspect import Parameter, Signature

from kilo_gateway.settings.settings import ROWS


class ClientSignature:
    """The `__signature__` of a client; its own would end in `**arguments`."""

    def __get__(self, instance: object, owner: type) -> Signature:
        settings = Parameter("settings", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation="Settings | None")
        names = ("http_client", *ROWS)
        return Signature([settings, *(Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in names)])
