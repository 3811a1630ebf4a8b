"""Whether key, gateway and model work together: asked step by step, shown as one sentence with its details."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.balance import render_usd
from kilo_gateway.cli.failures import Failure, failure_of
from kilo_gateway.cli.settings import effective_settings
from kilo_gateway.cli.statuses import CREDITS, DONE, KEY, TRY_LATER
from kilo_gateway.client import KiloClient
from kilo_gateway.errors import AuthenticationError, KiloError, MissingKeyError
from kilo_gateway.settings.auth import has_credential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.account.balance import Balance
    from kilo_gateway.answer.completion import Completion

_QUESTION: Final = [{"role": "user", "content": "Answer with one word: ready?"}]
_MOST_TOKENS: Final = 64


@dataclass(slots=True)
class CheckReport:
    """What was found out; None is what was not."""

    settings: dict[str, dict[str, Any]]
    has_key: bool
    is_key_accepted: bool | None = None
    balance: Balance | None = None
    is_reachable: bool | None = None
    list_ms: int | None = None
    model_count: int | None = None
    requested: str = ""
    answer: Completion | None = None
    answer_ms: int | None = None
    notes: list[str] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def exit_status(self) -> int:
        """The exit status that the report means."""
        return DONE if self.failure is None else self.failure.exit_status

    @property
    def sentence(self) -> str:
        """The verdict: the report in one line."""
        if self.failure is not None:
            return f"not ok: {self.failure.message}"
        key = "no key, which this model does not need"
        if self.has_key:
            key = "the key is accepted" if self.is_key_accepted else "a key is set"
        facts = [key]
        if self._organization is not None:
            facts.append(f"organization {self._organization}")
        if self.balance is not None:
            facts.append(f"{render_usd(self.balance.balance)} left")
        time = self.answer_ms if self.answer_ms is not None else self.list_ms
        return f"ok: {', '.join([*facts, f'{time} ms'])}"

    @property
    def _organization(self) -> str | None:
        value = self.settings["organization_id"]["value"]
        return None if value is None else str(value)

    def lines(self) -> Iterator[str]:
        """Yield the report and its details for people."""
        yield self.sentence
        key = f"set by {self.settings['api_key']['from']}" if self.has_key else "none; set KILOCODE_API_KEY"
        yield f"key: {key}"
        yield f"gateway: {self.settings['base_url']['value']}"
        models = "the list is out of reach" if self.model_count is None else f"{self.model_count} in {self.list_ms} ms"
        yield f"models: {models}"
        if self.answer is not None:
            said = self.answer.text.strip() or "(no text)"
            yield f"model: {self.requested}, answered by {self.answer.model} in {self.answer_ms} ms: {said}"
        yield from (f"note: {note}" for note in self.notes)

    def describe(self) -> dict[str, Any]:
        """Return the report for scripts."""
        usage = None if self.answer is None else self.answer.usage
        key = {"set": self.has_key, "source": None, "accepted": self.is_key_accepted}
        if self.has_key:
            key["source"] = self.settings["api_key"]["from"]
        return {
            "ok": self.failure is None,
            "verdict": self.sentence,
            "key": key,
            "organization": self._organization,
            "balance": None if self.balance is None else self.balance.balance,
            "gateway": {
                "base_url": self.settings["base_url"]["value"],
                "reachable": self.is_reachable,
                "ms": self.list_ms,
                "models": self.model_count,
            },
            "model": {
                "requested": self.requested,
                "answered": None if self.answer is None else self.answer.model,
                "cost": None if usage is None else usage.cost,
                "ms": self.answer_ms,
            },
            "settings": self.settings,
            "error": None if self.failure is None else self.failure.describe(),
        }


def examine(client: KiloClient, *, asks: bool) -> CheckReport:
    """Return what is found out about a client's settings, in a few requests without second tries."""
    hasty = KiloClient(client.settings.model_copy(update={"max_retries": 0}))
    report = CheckReport(effective_settings(client), has_credential(client.settings))
    report.requested = client.settings.model.removeprefix("kilocode/")
    _list_models(hasty, report)
    refused = _ask_balance(hasty, report) if report.has_key else None
    if asks:
        _ask_model(hasty, report)
    else:
        report.failure = _judge_unasked(hasty, report, refused)
    if refused is not None and report.failure is None:
        report.notes.append(f"the balance was not told: {failure_of(refused).message}")
    return report


def _list_models(client: KiloClient, report: CheckReport) -> None:
    began = monotonic()
    catalog = client.discover(refresh=True)
    if catalog.is_live:
        report.is_reachable, report.model_count = True, len(catalog)
        report.list_ms = _milliseconds_since(began)


def _ask_balance(client: KiloClient, report: CheckReport) -> KiloError | None:
    """Note the balance; return why it was not told."""
    try:
        report.balance = client.balance()
    except KiloError as error:
        return error
    report.is_reachable = report.is_key_accepted = True
    return None


def _ask_model(client: KiloClient, report: CheckReport) -> None:
    began = monotonic()
    try:
        report.answer = client.complete(_QUESTION, max_tokens=_MOST_TOKENS)
    except KiloError as error:
        report.failure = failure_of(error)
        if isinstance(error, AuthenticationError) and report.has_key:
            report.is_key_accepted = False
        if report.is_reachable is None and getattr(error, "status", None) is None:
            report.is_reachable = None if isinstance(error, MissingKeyError) else False
        return
    report.answer_ms = _milliseconds_since(began)
    report.is_reachable = True
    report.is_key_accepted = True if report.has_key else None


def _judge_unasked(client: KiloClient, report: CheckReport, refused: KiloError | None) -> Failure | None:
    """Return what is wrong as far as it can be told without asking the model."""
    is_free = client.known_models().is_free(report.requested) is True
    if report.is_reachable is None and (refused is None or getattr(refused, "status", None) is None):
        report.is_reachable = False
        return _out_of_reach(refused)
    if is_free:
        return None
    if not report.has_key:
        return Failure("There is no key. Get one at https://app.kilo.ai and set KILOCODE_API_KEY.", KEY, "missing_key")
    if isinstance(refused, AuthenticationError):
        report.is_key_accepted = False
        return failure_of(refused)
    if report.balance is not None and report.balance.is_depleted:
        return Failure("No credits are left. Add some at https://app.kilo.ai/profile.", CREDITS, "insufficient_credits")
    return None


def _out_of_reach(refused: KiloError | None) -> Failure:
    if refused is not None:
        return failure_of(refused)
    return Failure("The gateway is out of reach. Check the network and --base-url.", TRY_LATER, "connection_failed")


def _milliseconds_since(began: float) -> int:
    return round((monotonic() - began) * 1000)
