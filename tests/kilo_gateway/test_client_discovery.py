"""Which models there are, when the gateway is asked, and what stands in for `kilo/auto` where it is gone."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import pytest

from kilo_gateway import (
    AsyncKiloClient,
    KiloClient,
    MissingKeyError,
    ModelNotFoundError,
    Settings,
    Timeouts,
    bundled_catalog,
    render_metadata,
)
from kilo_gateway.catalog import discovery
from kilo_gateway.testing import Account, Fault, Organization, Reply
from kilo_gateway.testing.accounts import DEFAULT_ORGANIZATION

BOTH = pytest.mark.parametrize("cls", [KiloClient, AsyncKiloClient])
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        for module in ("client", "async_client", "client_base"):
            monkeypatch.setattr(f"kilo_gateway.{module}.monotonic", lambda: time.monotonic() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the clients."""
    return Clock(monkeypatch)


def paths(gateway: Any) -> list[str]:
    """Return the last words of the paths that were asked, in order."""
    return [request.path.rpartition("/")[2] for request in gateway.requests]


def call(session: Any, *, stream: bool, **options: Any) -> Any:
    """Return the completion of a call that must succeed."""
    if not stream:
        return session.complete(**options)
    streamed = session.stream(**options)
    assert streamed.error is None
    return streamed.completion


@SHAPES
def test_the_successor_of_auto(connect: Any, gateway: Any, caplog: Any, stream: bool) -> None:
    """A gateway that has retired kilo/auto is asked once more with the successor it lists, and that is remembered."""
    session, other = connect(model=None), connect(model="kilo/auto")
    with caplog.at_level(logging.WARNING, "kilo_gateway"):
        first, second, third = (call(one, stream=stream) for one in (session, session, other))
    assert paths(gateway) == ["completions", "models", "completions", "completions", "completions"]
    asked = [request.body["model"] for request in gateway.requests if request.method == "POST"]
    assert asked == ["kilo/auto"] + ["kilo-auto/balanced"] * 3
    for completion in (first, second, third):
        metadata = render_metadata(completion)
        assert (metadata["requested_model"], metadata["sent_model"]) == ("kilo/auto", "kilo-auto/balanced")
    assert (
        [record.getMessage() for record in caplog.records].count(
            f"{gateway.base_url} no longer knows kilo/auto; kilo-auto/balanced is asked instead."
        )
        == len(caplog.records)
        == 1
    )


@SHAPES
def test_the_second_successor(connect: Any, gateway: Any, stream: bool) -> None:
    """Where kilo-auto/balanced is not listed, kilo-auto/efficient is asked."""
    gateway.catalog[:] = [row for row in gateway.catalog if row["id"] != "kilo-auto/balanced"]
    assert call(connect(model=None), stream=stream).sent_model == "kilo-auto/efficient"


@SHAPES
def test_a_gateway_that_lists_no_successor(connect: Any, gateway: Any, stream: bool) -> None:
    """Where the gateway lists no successor, its own error is raised, and nothing else is asked."""
    gateway.catalog[:] = [row for row in gateway.catalog if not row["id"].startswith("kilo-auto/")]
    error = connect(model=None).fail(stream=stream)
    assert isinstance(error, ModelNotFoundError)
    assert error.model == "kilocode/kilo/auto"
    assert paths(gateway) == ["completions", "models"]


def test_a_successor_that_is_bundled_only(connect: Any, gateway: Any) -> None:
    """A list that cannot be fetched names no successor: the gateway's error is raised."""
    gateway.enqueue(Fault(status=500, times=math.inf), endpoint="models")
    assert isinstance(connect(model=None).fail(), ModelNotFoundError)
    assert paths(gateway) == ["completions", "models"]


def test_a_successor_that_fails_too(connect: Any, gateway: Any) -> None:
    """A successor that is not known either raises the error that names it; there is no third."""
    gone = Fault.named("model_unavailable")
    gateway.enqueue(gone, gone)
    error = connect(model=None).fail()
    assert isinstance(error, ModelNotFoundError)
    assert error.model == "kilocode/kilo-auto/balanced"
    assert paths(gateway) == ["completions", "models", "completions"]


@SHAPES
@pytest.mark.parametrize("model", ["nobody/nothing", "kilo/auto-2", "kilo-auto/nothing"])
def test_no_other_model_is_substituted(connect: Any, gateway: Any, model: str, stream: bool) -> None:
    """An unknown model other than kilo/auto is one request and the gateway's error."""
    gateway.enqueue(Fault.named("model_unavailable", times=9))
    assert isinstance(connect(model=model).fail(stream=stream), ModelNotFoundError)
    assert paths(gateway) == ["completions"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 500])
def test_other_errors_of_auto_are_its_own(connect: Any, gateway: Any, status: int) -> None:
    """Only "model not found" retires kilo/auto; any other error is raised as it is."""
    gateway.enqueue(Fault(status=status, body={"error": {"message": "no", "code": status}}, times=9))
    assert connect(model=None, max_retries=0).fail().status == status
    assert paths(gateway) == ["completions"]


def test_an_old_gateway_takes_auto(connect: Any, gateway: Any) -> None:
    """A gateway that knows kilo/auto is asked for it, and the list is not fetched."""
    gateway.options.accept_kilo_auto = True
    completion = connect(model=None).complete()
    assert (completion.requested_model, completion.sent_model) == ("kilo/auto", None)
    assert paths(gateway) == ["completions"]


def test_the_list_is_live_first_then_bundled(connect: Any, gateway: Any) -> None:
    """Models come in the gateway's order, then the bundled ones it did not list; kilo/auto is always there."""
    models = connect().list_models()
    live = [model.id for model in models if model.source == "live"]
    assert live == [model.id for model in models][: len(live)]
    assert set(live) <= {row["id"] for row in gateway.catalog}
    assert "kilo/auto" in [model.id for model in models[len(live) :]]


def test_the_list_is_fetched_with_the_account(connect: Any, gateway: Any) -> None:
    """Discovery sends the bearer and the organization, and its list is that organization's."""
    allowed = Organization(allowed_models=["openai/gpt-5-mini"])
    gateway.accounts.adjust(gateway.api_key, organizations=(allowed,))
    catalog = connect(organization_id=DEFAULT_ORGANIZATION).discover()
    (request,) = gateway.requests
    assert (request.method, request.path, request.raw_body) == ("GET", "/api/gateway/models", b"")
    assert request.headers["authorization"] == f"Bearer {gateway.api_key}"
    assert request.headers["x-kilocode-organizationid"] == DEFAULT_ORGANIZATION
    assert "content-type" not in request.headers
    assert [model.id for model in catalog if model.source == "live"] == ["openai/gpt-5-mini"]


def test_the_catalog_tells_what_it_left_out(connect: Any, gateway: Any, caplog: Any) -> None:
    """An entry of the gateway's list that cannot be used is named in the catalog, and once in the log."""
    gateway.enqueue(Reply(body={"data": [{"id": "lab/model"}, {"id": 7}]}), endpoint="models")
    (skipped,) = connect().discover().skipped
    assert skipped.startswith("Entry 1: ")
    assert skipped in caplog.text


def test_the_list_is_fetched_once_and_ages(connect: Any, gateway: Any, clock: Clock) -> None:
    """A list serves ten minutes for every object of the account, then it is fetched anew; `refresh` does so at once."""
    session, other = connect(), connect()
    session.discover()
    other.discover()
    clock.ahead = discovery.MAX_AGE_SECONDS - 5
    other.list_models()
    assert paths(gateway) == ["models"]
    clock.ahead = discovery.MAX_AGE_SECONDS + 5
    other.discover()
    assert paths(gateway) == ["models"] * 2
    other.discover(refresh=True)
    assert paths(gateway) == ["models"] * 3


def test_accounts_have_their_own_lists(connect: Any, gateway: Any) -> None:
    """Another key or another organization is another list."""
    gateway.accounts.add(Account(key="another-account-key"))
    connect().discover()
    connect(api_key="another-account-key").discover()
    connect(organization_id=DEFAULT_ORGANIZATION).discover()
    connect().discover()
    assert paths(gateway) == ["models"] * 3


def test_the_lists_of_many_accounts_are_not_kept_for_ever() -> None:
    """A server whose users bring keys of their own remembers the lists that were fetched last."""
    accounts = [Settings(api_key=f"key-{number}") for number in range(discovery.MOST_KEPT + 2)]
    for number, account in enumerate(accounts):
        discovery.remember_catalog(account, bundled_catalog(), now=float(number))
        discovery.remember_catalog(accounts[0], bundled_catalog(), now=float(number))
    kept = [discovery.was_asked(account) for account in accounts]
    assert kept == [True, False, False, *[True] * (discovery.MOST_KEPT - 1)]


def test_knowing_is_not_asking(connect: Any, gateway: Any) -> None:
    """`known_models` makes no request: the bundled list first, the fetched one afterwards."""
    session = connect()
    assert session.client.known_models() is bundled_catalog()
    assert gateway.requests == []
    assert session.discover() is session.client.known_models()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, body={"error": "down"}, times=math.inf),
        Fault(status=401, body={"error": "no"}, times=math.inf),
        Fault(status=200, body="html", times=math.inf),
        Fault(status=200, body={"data": []}, times=math.inf),
        Fault(status=200, body={"data": None}, times=math.inf),
        Fault(status=200, body=[], times=math.inf),
        Fault(status=204, times=math.inf),
        Fault(status=307, headers={"Location": "https://example.com/"}, times=math.inf),
        Fault(raw=b"nonsense\r\n\r\n", times=math.inf),
        Fault(cut_before_headers=True, times=math.inf),
    ],
    ids=lambda fault: str(fault.status or fault.raw or "cut"),
)
def test_discovery_never_fails(connect: Any, gateway: Any, clock: Clock, caplog: Any, fault: Fault) -> None:
    """Whatever the gateway answers, the bundled list stands in, with one warning and no second try for a minute."""
    gateway.enqueue(fault, endpoint="models")
    session = connect()
    with caplog.at_level(logging.WARNING, "kilo_gateway"):
        assert session.discover() is bundled_catalog()
        assert session.discover() is bundled_catalog()
        assert len(gateway.requests) == 1
        clock.ahead = discovery.MAX_FAILURE_AGE_SECONDS + 5
        session.discover()
    assert len(gateway.requests) == 2
    assert ["discovery failed" in record.getMessage() for record in caplog.records] == [True]


def test_an_older_list_outlives_a_failure(connect: Any, gateway: Any) -> None:
    """A list that was fetched before stays in use when the next fetch fails."""
    session = connect()
    before = session.discover()
    gateway.enqueue(Fault(status=500), endpoint="models")
    assert session.discover(refresh=True) is before
    assert before.is_live


@pytest.mark.parametrize(
    "fault",
    [Fault(delay_seconds=math.inf), Fault(status=200, body={"data": []}, headers={"content-length": "99999"})],
    ids=["silent", "stalled-body"],
)
def test_discovery_is_bounded(connect: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """A gateway that is slow to list is given up within the bounds, even on a client with a longer timeout."""
    monkeypatch.setattr(discovery, "DISCOVERY_TIMEOUTS", Timeouts(connect=0.2, read=0.2, silence=0.3, total=0.3))
    gateway.enqueue(fault, endpoint="models")
    begun = time.monotonic()
    assert connect(timeout=60).discover() is bundled_catalog()
    assert time.monotonic() - begun < 2


def test_the_bounds_of_discovery() -> None:
    """Discovery may take five seconds in all, and no single wait is longer."""
    bounds = discovery.DISCOVERY_TIMEOUTS
    assert bounds.total == 5
    assert max(bounds.connect or 99, bounds.read_bound or 99) <= 5


@BOTH
def test_startup_discovery(cls: Any, gateway: Any) -> None:
    """With discover="startup" the list is there once the first client of an account is made, and is fetched once."""
    given = {"api_key": gateway.api_key, "base_url": gateway.base_url, "discover": "startup"}
    client = cls(**given)
    assert client.known_models().is_live
    cls(**given)
    KiloClient(**given)
    assert paths(gateway) == ["models"]
    assert gateway.requests[0].headers["authorization"] == f"Bearer {gateway.api_key}"


@BOTH
def test_startup_discovery_by_variable(cls: Any, gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """KILOCODE_DISCOVERY=startup does the same; without it a constructor makes no request."""
    cls(api_key=gateway.api_key, base_url=gateway.base_url)
    assert gateway.requests == []
    monkeypatch.setenv("KILOCODE_DISCOVERY", "startup")
    assert cls(api_key=gateway.api_key, base_url=gateway.base_url).known_models().is_live


@BOTH
def test_startup_discovery_never_raises(cls: Any, gateway: Any, caplog: Any, monkeypatch: Any) -> None:
    """A gateway that fails, an address where nobody listens and a broken environment leave the constructor whole."""
    gateway.enqueue(Fault(status=500), endpoint="models")
    given = {"api_key": gateway.api_key, "discover": "startup"}
    assert not cls(base_url=gateway.base_url, **given).known_models().is_live
    assert not cls(base_url="http://127.0.0.1:1/", **given).known_models().is_live
    assert len(caplog.records) == 2
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    assert not cls(base_url="http://127.0.0.1:2/", **given).known_models().is_live


@SHAPES
@pytest.mark.parametrize("model", ["minimax/minimax-m2.5:free", "kilo-auto/free", "openrouter/free"])
def test_free_models_need_no_key(connect: Any, gateway: Any, model: str, stream: bool) -> None:
    """A model that is free by its id is asked at once, with the anonymous bearer."""
    gateway.enqueue(Reply(text="Yes."))
    assert call(connect(api_key=None, model=model), stream=stream).text == "Yes."
    assert paths(gateway) == ["completions"]
    assert gateway.requests[0].headers.get_all("authorization") == ["Bearer anonymous"]


@SHAPES
def test_a_model_that_only_the_live_list_calls_free(connect: Any, gateway: Any, stream: bool) -> None:
    """Without a key the live list is asked whether a model is free; it is, so the call is made."""
    entry = next(row for row in gateway.catalog if row["id"] == "deepseek/deepseek-v3.2")
    entry["isFree"] = True
    gateway.state.hosting[entry["id"]] = {"is_hosted_free": True}
    assert call(connect(api_key=None, model=entry["id"]), stream=stream).text
    assert paths(gateway) == ["models", "completions"]


@SHAPES
@pytest.mark.parametrize(
    ("api_key", "model"),
    [(None, "openai/gpt-5-mini"), (None, "nobody/knows"), (None, "kilo/auto"), ("anonymous", "openai/gpt-5-mini")],
)
def test_other_models_need_a_key(connect: Any, gateway: Any, model: str, stream: bool, api_key: Any) -> None:
    """Without a key a model that is not free is refused before any chat request, saying how to get a key."""
    error = connect(api_key=api_key, model=model).fail(stream=stream)
    assert isinstance(error, MissingKeyError)
    assert "app.kilo.ai" in str(error)
    assert "KILOCODE_API_KEY" in str(error)
    assert paths(gateway) == ["models"]
