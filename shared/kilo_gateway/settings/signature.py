"""The arguments of a client as `?`, completion and `help` show them: every setting by name. Made when asked for."""

from __future__ import annotations

from inspect import Parameter, Signature

from kilo_gateway.settings.arguments import SettingArguments
from kilo_gateway.settings.settings import ROWS


class ClientSignature:
    """The `__signature__` of a client; its own would end in `**arguments`."""

    def __get__(self, instance: object, owner: type) -> Signature:
        settings = Parameter("settings", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation="Settings | None")
        client = Parameter("http_client", Parameter.KEYWORD_ONLY, default=None)
        return Signature([settings, client, *map(_parameter, ROWS)])


def _parameter(setting: str) -> Parameter:
    shown = getattr(SettingArguments.__annotations__[setting], "__forward_arg__", Parameter.empty)
    return Parameter(setting, Parameter.KEYWORD_ONLY, default=None, annotation=shown)
