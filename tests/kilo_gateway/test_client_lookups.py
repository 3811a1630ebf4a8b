"""What the gateway tells of accounts, providers and embedding models, asked by both clients over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway import (
    AuthenticationError,
    EmbeddingCatalog,
    InvalidRequestError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    MissingKeyError,
    ModelNotFoundError,
    NotFoundError,
)
from kilo_gateway.catalog.providers import parse_endpoints, parse_providers
from kilo_gateway.settings.base_url import api_root
from kilo_gateway.testing import EmbeddedGateway, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kilo_gateway.conftest import Connect

QUESTIONS: list[Callable[[Any], Any]] = [
    lambda client: client.balance(),
    lambda client: client.defaults(),
    lambda client: client.model_endpoints("openai/gpt-4.1-mini"),
    lambda client: client.providers(),
    lambda client: client.models_by_provider(),
    lambda client: client.embedding_models(),
]


def test_the_balance_is_told_for_the_account_and_for_the_organization(
    gateway: EmbeddedGateway, connect: Connect
) -> None:
    """`balance` is the account's, or the organization's where one is set; it may be negative."""
    own = connect()
    assert (own.wait(own.client.balance()).balance, own.wait(own.client.balance()).organization_id) == (25.0, None)
    gateway.accounts.adjust(gateway.api_key, balance=-1.5)
    left = own.wait(own.client.balance())
    assert (left.balance, left.is_depleted) == (-1.5, True)
    organization = gateway.accounts[gateway.api_key].organizations[0].id
    member = connect(organization_id=organization)
    assert member.wait(member.client.balance()).balance == 100.0
    assert gateway.requests[-1].path == "/api/profile/balance"


def test_what_needs_a_key_is_not_asked_without_one(gateway: EmbeddedGateway, connect: Connect) -> None:
    """Without a key the balance is a MissingKeyError and nothing is sent; a refused key is an AuthenticationError."""
    without = connect(api_key=None)
    with pytest.raises(MissingKeyError):
        without.wait(without.client.balance())
    assert not gateway.requests
    wrong = connect(api_key="a-key-that-is-wrong")
    with pytest.raises(AuthenticationError) as refused:
        wrong.wait(wrong.client.balance())
    assert "a-key-that-is-wrong" not in str(refused.value)


def test_defaults_are_told_for_the_user_and_the_organization(gateway: EmbeddedGateway, connect: Connect) -> None:
    """`defaults` names the default and the free model, of the organization where one is set."""
    own = connect()
    assert own.wait(own.client.defaults()).model == "kilo-auto/balanced"
    organization = gateway.accounts[gateway.api_key].organizations[0].id
    member = connect(organization_id=organization)
    assert member.wait(member.client.defaults()).organization_id == organization
    assert gateway.requests[-1].path == f"/api/organizations/{organization}/defaults"


def test_providers_are_told_with_prices_and_models(gateway: EmbeddedGateway, connect: Connect) -> None:
    """A model's endpoints carry prices; providers come bare or under `data`; their models where asked for."""
    one = connect()
    (endpoint,) = one.wait(one.client.model_endpoints("kilocode/openai/gpt-4.1-mini"))
    assert endpoint.provider == "Kilo Embedded"
    assert endpoint.pricing.prompt is not None
    bare = one.wait(one.client.providers())
    gateway.options.providers_shape = "data"
    assert one.wait(one.client.providers()) == bare
    assert all(provider.models is None for provider in bare)
    by_provider = one.wait(one.client.models_by_provider())
    assert any("openai/gpt-4.1-mini" in (provider.models or ()) for provider in by_provider)


def test_embedding_models_are_told_with_dimensions_and_short_names(gateway: EmbeddedGateway, connect: Connect) -> None:
    """The embedding catalog has a default, and finds a model by its id or a short name."""
    one = connect()
    catalog: EmbeddingCatalog = one.wait(one.client.embedding_models())
    assert catalog.default == "mistralai/codestral-embed-2505"
    small = catalog.get("text-embedding-3-small")
    assert small is not None
    assert (small.id, small.dimension, small.is_fixed) == ("openai/text-embedding-3-small", 1536, False)
    assert catalog.get("no-such-model") is None


def test_a_bare_id_of_an_embedding_model_is_sent_in_full(gateway: EmbeddedGateway, connect: Connect) -> None:
    """`text-embedding-3-small` is sent with its lab, because the gateway resolves no short names."""
    one = connect()
    assert one.wait(one.client.embed(["Hello"], model="text-embedding-3-small")).vectors
    assert gateway.requests[-1].body["model"] == "openai/text-embedding-3-small"


def test_the_gap_between_two_texts_is_filled(gateway: EmbeddedGateway, connect: Connect) -> None:
    """`fill_in` returns a completion, sends only what the gateway takes, and refuses a number that it would not."""
    one = connect()
    answer = one.wait(one.client.fill_in("def add(a, b):\n    return ", "\n", max_tokens=20, stop="\n\n"))
    assert answer.text
    assert answer.usage is not None
    sent = gateway.requests[-1]
    assert sent.path == "/api/fim/completions"
    assert sent.body["stop"] == ["\n\n"]
    with pytest.raises(InvalidRequestError, match="1 to 1000"):
        one.wait(one.client.fill_in("a", max_tokens=1001))


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_the_path_does_not_tell(gateway: EmbeddedGateway, connect: Connect, status: int) -> None:
    """An empty 405, or a page with 404, is a NotFoundError that says what this gateway does not tell."""
    for endpoint in ("balance", "defaults", "model-endpoints", "providers", "models-by-provider", "embedding-models"):
        gateway.enqueue(Fault(status=status, body="html" if status == 404 else None), endpoint=endpoint)
    one = connect()
    for ask in QUESTIONS:
        with pytest.raises(NotFoundError, match="This gateway does not tell"):
            one.wait(ask(one.client))


@pytest.mark.parametrize("amount", [f"1{'0' * 400}", "1e400", "true", '"much"'])
def test_a_balance_that_is_no_amount_is_an_error(gateway: EmbeddedGateway, connect: Connect, amount: str) -> None:
    """An amount that no float holds, or that is none, is a MalformedAnswerError."""
    gateway.enqueue(Fault(status=200, body=f'{{"balance": {amount}}}'), endpoint="balance")
    one = connect(max_retries=0)
    with pytest.raises(MalformedAnswerError, match="holds no balance"):
        one.wait(one.client.balance())


@pytest.mark.parametrize("choice", ['{"text": 5}', '{"text": null}', '{"message": {}}', "{}"])
def test_a_gap_that_nothing_fills_is_an_error(gateway: EmbeddedGateway, connect: Connect, choice: str) -> None:
    """A choice without text and without a finish reason is a MalformedAnswerError, as in a chat."""
    gateway.enqueue(Fault(status=200, body=f'{{"choices": [{choice}]}}'), endpoint="fim")
    one = connect(max_retries=0)
    with pytest.raises(MalformedAnswerError, match="holds nothing, not even a finish reason"):
        one.wait(one.client.fill_in("a"))


def test_an_old_server_tells_less(connect: Connect) -> None:
    """The server of 2026-02 has no embeddings, no list of their models and no endpoints of a model."""
    with EmbeddedGateway(version="2026-02") as old:
        one = connect(base_url=old.base_url, api_key=old.api_key)
        for ask in (one.client.embedding_models, lambda: one.client.model_endpoints("openai/gpt-4.1-mini")):
            with pytest.raises(NotFoundError, match="does not tell"):
                one.wait(ask())
        with pytest.raises(NotFoundError, match="has no embeddings"):
            one.wait(one.client.embed(["Hello"], model="text-embedding-3-small"))


@pytest.mark.parametrize(("status", "body"), [(405, None), (404, "html"), (404, {}), (404, None)])
def test_a_gateway_without_a_path_says_what_it_lacks(
    gateway: EmbeddedGateway, connect: Connect, status: int, body: Any
) -> None:
    """Embeddings and gaps of a server that knows neither are a NotFoundError, never a model that is not found."""
    for endpoint in ("embeddings", "fim"):
        gateway.enqueue(Fault(status=status, body=body), endpoint=endpoint)
    one = connect()
    with pytest.raises(NotFoundError, match="has no embeddings") as lacking:
        one.wait(one.client.embed(["Hello"], model="openai/text-embedding-3-small"))
    assert not isinstance(lacking.value, ModelNotFoundError)
    with pytest.raises(NotFoundError, match="has no fill-in-the-middle"):
        one.wait(one.client.fill_in("a"))


def test_a_model_that_is_not_listed_is_told_as_such(connect: Connect) -> None:
    """Endpoints of an unknown model are a ModelNotFoundError, not a gateway that does not tell."""
    one = connect()
    with pytest.raises(ModelNotFoundError, match="no/such"):
        one.wait(one.client.model_endpoints("no/such"))


@pytest.mark.parametrize("body", ["{}", "[1]", "null", "<html>", '{"error": {"message": "Out of order", "code": 500}}'])
def test_an_answer_that_does_not_tell_is_an_error(gateway: EmbeddedGateway, connect: Connect, body: str) -> None:
    """What is not the shape that was asked for is a typed error or an empty list, never a traceback."""
    for endpoint in ("balance", "defaults", "model-endpoints", "providers", "models-by-provider", "embedding-models"):
        gateway.enqueue(Fault(status=200, body=body, times=9), endpoint=endpoint)
    one = connect(max_retries=0)
    for ask in QUESTIONS:
        try:
            told: object = one.wait(ask(one.client))
        except KiloError as error:
            told = error
        assert told == () or isinstance(told, MalformedAnswerError) or "Out of order" in str(told)


def test_odd_rows_are_left_out() -> None:
    """Rows that are no objects or have no name are skipped; odd values are unknown."""
    (endpoint,) = parse_endpoints({"data": {"endpoints": [1, {}, {"provider_name": "A", "pricing": "free"}]}})
    assert (endpoint.provider, endpoint.pricing.prompt, endpoint.context_length) == ("A", None, None)
    (provider,) = parse_providers({"providers": [None, {"slug": "a", "models": [{"slug": "a/b"}, 3, "a/c"]}]})
    assert (provider.name, provider.models, provider.trains_on_prompts) == ("a", ("a/b", "a/c"), None)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://api.kilo.ai/api/gateway/", "https://api.kilo.ai/api/"),
        ("https://api.kilo.ai/api/openrouter/v1/", "https://api.kilo.ai/api/"),
        ("https://api.kilo.ai/api/v1/", "https://api.kilo.ai/api/"),
        ("http://127.0.0.1:8080/proxy/api/gateway/", "http://127.0.0.1:8080/proxy/api/"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/api/"),
    ],
)
def test_the_endpoints_beside_the_base_url_are_found(base_url: str, root: str) -> None:
    """Balance, defaults and fill-in-the-middle stand beside the gateway's own path."""
    assert api_root(base_url) == root


def test_the_id_of_one_request_goes_with_it(gateway: EmbeddedGateway, connect: Connect) -> None:
    """`request_id` is sent with that call alone, whatever it asks for; one that is blank or said twice is refused."""
    one = connect()
    ask = [{"role": "user", "content": "Hello"}]
    one.wait(one.client.complete(ask, request_id=" req-1 "))
    one.wait(one.client.embed(["Hello"], model="text-embedding-3-small", request_id="req-2"))
    one.wait(one.client.fill_in("a = ", request_id="req-3"))
    one.wait(one.client.complete(ask))
    sent = [request.headers.get("x-kilo-request") for request in gateway.requests]
    assert sent == ["req-1", "req-2", "req-3", None]
    for arguments in (
        {"request_id": " "},
        {"request_id": "a\nb"},
        {"request_id": "a", "extra_headers": {"X-KILO-Request": "b"}},
    ):
        with pytest.raises(InvalidSettingError, match="request_id"):
            one.wait(one.client.complete(ask, **arguments))


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("text-embedding-3-smal", "Did you mean 'openai/text-embedding-3-small'"),
        ("openai/text-embedding-3-lage", "Did you mean 'openai/text-embedding-3-large'"),
        ("something-else", "begins with its lab"),
        ("lab/something-else", "no embedding model 'lab/something-else'"),
    ],
)
def test_an_unknown_embedding_model_says_what_to_write(connect: Connect, model: str, advice: str) -> None:
    """The error of an unknown embedding model names the nearest one, or where they are listed; nothing is guessed."""
    one = connect()
    with pytest.raises(ModelNotFoundError, match=advice) as unknown:
        one.wait(one.client.embed(["Hello"], model=model))
    assert "embedding_models()" in str(unknown.value)
    assert (unknown.value.status, unknown.value.model) == (404, f"kilocode/{model}")
