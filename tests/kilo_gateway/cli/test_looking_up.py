"""`models`, `check`, `balance`, `settings`, `renew-models`: what the gateway tells, as processes with pipes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway import __version__
from kilo_gateway.testing import Fault, Organization, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kilo_gateway.testing import EmbeddedGateway

OUT_OF_REACH = ("--base-url", "http://127.0.0.1:9/")
NO_RETRIES = {"KILOCODE_MAX_RETRIES": "0"}


def ids(done: Any) -> list[str]:
    """Return the first column."""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_models_are_records_with_tabs(run: Callable[..., Any]) -> None:
    """Without a terminal each model is a line of seven fields, with no header, no count and nothing cut."""
    done = run("models")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows if row[0] == "kilo-auto/balanced"] == ["kilo-auto/balanced"]
    assert done.stderr == ""


def test_models_are_searched_and_sorted(run: Callable[..., Any]) -> None:
    """A part of an id or name, the word `list` or none before it; `--sort id` orders by id."""
    found = ids(run("models", "SONNET", "--sort", "id"))
    assert found == sorted(found)
    assert all("sonnet" in one for one in found)
    assert ids(run("models", "list", "SONNET", "--sort", "id")) == found


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        (("--free",), lambda row: row["free"] is True),
        (("--tools",), lambda row: row["tools"] is True),
        (("--vision",), lambda row: "image" in row["input"]),
        (("--reasoning",), lambda row: row["reasoning"] is True),
        (("--max-price", "0.5"), lambda row: row["price"]["input"] is not None and row["price"]["input"] <= 0.5),
        (("--min-context", "200k"), lambda row: row["contextWindow"] >= 200_000),
        (("--min-context", "1M"), lambda row: row["contextWindow"] >= 1_000_000),
        (("--lab", "Anthropic"), lambda row: row["lab"] == "anthropic"),
        (("--sort", "price", "--max-price", "2"), lambda row: row["price"]["input"] <= 2),
    ],
)
def test_models_are_filtered(words: tuple[str, ...], holds: Callable[[Any], bool], run: Callable[..., Any]) -> None:
    """Each filter leaves those that are known to be so, and not everything."""
    rows = [json.loads(line) for line in run("models", "--json", *words).stdout.splitlines()]
    everything = run("models", "--json").stdout.splitlines()
    assert rows
    assert len(rows) < len(everything)
    assert all(holds(row) for row in rows)


@pytest.mark.parametrize(("order", "name"), [("price", "input"), ("context", ""), ("new", "")])
def test_models_in_order(order: str, name: str, run: Callable[..., Any]) -> None:
    """By price the cheapest and the unknown last, by context the largest first, by age the newest first."""
    rows = [json.loads(line) for line in run("models", "--json", "--sort", order).stdout.splitlines()]
    if order == "price":
        prices = [float("inf") if row["price"][name] is None else row["price"][name] for row in rows]
        assert prices == sorted(prices)
    elif order == "context":
        known = [row["contextWindow"] for row in rows[:10]]
        assert known == sorted(known, reverse=True)
    else:
        assert len(rows) == len(run("models").stdout.splitlines())


def test_models_as_json(run: Callable[..., Any]) -> None:
    """Each line is the row of the provider page with what that leaves out; an unknown price is null."""
    rows = {row["id"]: row for row in map(json.loads, run("models", "--json").stdout.splitlines())}
    auto = rows["kilo/auto"]
    keys = "id name input reasoning contextWindow maxTokens cost output tools free lab price source"
    assert set(auto) == set(keys.split())
    assert auto["maxTokens"] == 128_000
    assert auto["source"] == "bundled"
    assert {row["source"] for row in rows.values()} == {"live", "bundled"}
    assert any(row["price"]["input"] is None for row in rows.values())


def test_no_model_matches(run: Callable[..., Any]) -> None:
    """Nothing found ends with 1 and names the nearest ids."""
    assert "anthropic/claude-sonnet" in run("models", "claude-sonet", status=1).stderr
    assert run("models", "--lab", "nobody", status=1).stdout == ""
    assert "no lab 'antropic'. Nearest: anthropic." in run("models", "--lab", "antropic", status=1).stderr


def test_models_out_of_reach(run: Callable[..., Any]) -> None:
    """Without a gateway the bundled list is shown, with one warning and status 0."""
    done = run("models", *OUT_OF_REACH)
    assert "kilo/auto" in ids(done)
    assert done.stderr.startswith("warning: ")
    assert done.stderr.count("\n") == 1


def test_one_model(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`models show` says all that is known, in whatever spelling the id came; with providers, where they are told."""
    shown = run("models", "show", "kilocode/Anthropic/Claude-Sonnet-4.6").stdout
    assert "id: anthropic/claude-sonnet-4.6\n" in shown
    assert "providers: 1\n" in shown
    page = json.loads(run("models", "show", "anthropic/claude-sonnet-4.6", "--json").stdout)
    assert {"description", "created", "supported_parameters", "endpoints"} <= set(page)
    assert set(page["endpoints"][0]) == {"provider", "tag", "contextWindow", "maxTokens", "price"}
    gateway.enqueue(Fault(status=404), endpoint="model-endpoints")
    assert "providers: not told\n" in run("models", "show", "anthropic/claude-sonnet-4.6").stdout


def test_an_unknown_model(run: Callable[..., Any]) -> None:
    """`models show` of an unknown id ends with 1 and names the nearest; without an id it is wrong usage."""
    assert "anthropic/claude-sonnet-4.6" in run("models", "show", "anthropic/claude-sonet-4.6", status=1).stderr
    assert "ID is missing" in run("models", "show", status=2).stderr


def test_check_is_one_verdict(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`check` begins with `ok:`, says where the key came from, how much is left and who answered; never the key."""
    gateway.enqueue(Reply(text="Ready."))
    done = run("check")
    assert done.stdout.startswith("ok: the key is accepted, $25.00 left, ")
    assert "key: set by KILOCODE_API_KEY\n" in done.stdout
    assert "Ready." in done.stdout
    assert gateway.api_key not in done.stdout
    verdict = json.loads(run("check", "--json").stdout)
    assert set(verdict) == {"ok", "verdict", "key", "organization", "balance", "gateway", "model", "settings", "error"}
    assert set(verdict["key"]) == {"set", "source", "accepted"}
    assert set(verdict["gateway"]) == {"base_url", "reachable", "ms", "models"}
    assert set(verdict["model"]) == {"requested", "answered", "cost", "ms"}
    assert verdict["settings"]["api_key"]["value"] == "***"


def test_check_without_asking(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`--no-ask` sends no question; the balance tells whether the key is taken."""
    assert run("check", "--no-ask").stdout.startswith("ok: ")
    assert not [one for one in gateway.requests if one.method == "POST"]
    gateway.accounts.adjust(gateway.api_key, balance=-1.0)
    assert run("check", "--no-ask", status=5).stdout.startswith("not ok: No credits")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.named("invalid_token"), 4),
        (Fault.named("usage_limit"), 5),
        (Fault(status=500), 3),
        (Fault(status=400, body={"error": {"message": "no"}}), 1),
    ],
)
def test_check_is_not_ok(fault: Fault, status: int, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """What is wrong is the first line and the exit status; with `--json` the object says so too."""
    gateway.enqueue(fault, fault)
    assert run("check", status=status).stdout.startswith("not ok: ")
    verdict = json.loads(run("check", "--json", status=status).stdout)
    assert verdict["ok"] is False
    assert verdict["error"]["message"]


def test_a_key_that_the_balance_refuses(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """A key that chat accepts is ok although the balance refuses it; a note says so."""
    gateway.enqueue(Fault(status=401, body={"error": "Unauthorized"}), endpoint="balance")
    done = run("check")
    assert done.stdout.startswith("ok: the key is accepted, ")
    assert "note: the balance was not told" in done.stdout


def test_check_out_of_reach_and_without_a_key(run: Callable[..., Any]) -> None:
    """No connection ends with 3, no key with 4; a free model needs none."""
    assert run("check", *OUT_OF_REACH, status=3).stdout.startswith("not ok: ")
    assert run("check", "--no-ask", *OUT_OF_REACH, status=3).stdout.startswith("not ok: ")
    no_key = {"KILOCODE_API_KEY": None}
    assert run("check", status=4, variables=no_key).stdout.startswith("not ok: ")
    assert run("check", "--no-ask", status=4, variables=no_key).stdout.startswith("not ok: ")
    free = ids(run("models", "--free"))[0]
    assert run("check", "-m", free, variables=no_key).stdout.startswith("ok: no key")


@pytest.mark.parametrize(("amount", "shown"), [(25.0, "$25.00\n"), (-3.2, "-$3.20\n"), (0.0, "$0.00\n")])
def test_the_balance(amount: float, shown: str, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`balance` is one sum, also below zero; `--json` says what is known."""
    gateway.accounts.adjust(gateway.api_key, balance=amount)
    assert run("balance").stdout == shown
    told = json.loads(run("balance", "--json").stdout)
    assert told == {"balance": amount, "currency": "USD", "is_depleted": amount <= 0, "organization_id": None}


def test_the_balance_of_an_organization(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """Where an organization is set its balance is shown; without a key the command ends with 4."""
    variables = {"KILOCODE_ORGANIZATION_ID": Organization().id}
    assert run("balance", variables=variables).stdout == "$100.00\n"
    assert run("balance", status=4, variables={"KILOCODE_API_KEY": None}).stdout == ""
    error = json.loads(run("balance", "--json", status=4, variables={"KILOCODE_API_KEY": None}).stdout)["error"]
    assert error["type"] == "missing_key"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:hunter2@example.com/api", "https://user:***@example.com/api"),
        ("https://user:hun@ter2@example.com:8443", "https://user:***@example.com:8443"),
        ("https://hunter2@example.com/", "https://***@example.com/"),
    ],
)
def test_settings_show_a_url_that_no_call_takes(url: str, shown: str, run: Callable[..., Any]) -> None:
    """A password in the gateway's address is ***, and a warning says that it must go; questions are refused."""
    for words in (("settings", "--base-url", url), ("settings", "--json", "--base-url", url)):
        done = run(*words)
        assert shown in done.stdout
        assert "warning: --base-url holds" in done.stderr
        assert "ter2" not in done.stdout + done.stderr
    assert f"base_url\t{shown}\tKILOCODE_BASE_URL" in run("settings", variables={"KILOCODE_BASE_URL": url}).stdout
    assert "ter2" not in run("chat", "Hi", "--base-url", url, status=2).stderr


def test_settings_hide_every_secret(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """The key and every header's value are ***; each setting has its origin."""
    headers = {"KILOCODE_DEFAULT_HEADERS": '{"X-Plain": "value-one", "Authorization": "Bearer value-two"}'}
    done = run("settings", "-m", "a/b", variables=headers)
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in done.stdout.splitlines())}
    assert rows["base_url"] == [gateway.base_url, "KILOCODE_BASE_URL"]
    assert rows["api_key"] == ["***", "KILOCODE_API_KEY"]
    assert rows["model"] == ["kilocode/a/b", "--model"]
    assert rows["feature"][0] == "direct-gateway"
    for secret in (gateway.api_key, "value-one", "value-two"):
        assert secret not in done.stdout
        assert secret not in run("settings", "--json", variables=headers).stdout
    described = json.loads(run("settings", "--json").stdout)
    assert described["max_retries"] == {"value": 2, "from": "default"}


def test_a_password_in_a_url_is_not_repeated(run: Callable[..., Any]) -> None:
    """An address with a password is refused without quoting it."""
    done = run("balance", status=2, variables={"KILOCODE_BASE_URL": "https://me:s3cr3t@host/"})
    assert "s3cr3t" not in done.stderr
    assert "KILOCODE_BASE_URL" in done.stderr


def test_the_bundled_list_is_renewed(gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """`renew-models` writes the live facts of the bundled ids, and nothing without a gateway."""
    run("renew-models", "models.json")
    written = json.loads((tmp_path / "models.json").read_text())
    assert written["models"][0]["id"] == "kilo/auto"
    assert written["source"] == f"{gateway.base_url}models"
    run("renew-models", "other.json", *OUT_OF_REACH, status=3)
    assert not (tmp_path / "other.json").exists()
    assert run("renew-models", "no/models.json", status=1).stderr.startswith("error: no/models.json: ")


def test_version(run: Callable[..., Any]) -> None:
    """`version` prints the version alone, `--version` with the program's name."""
    assert run("version").stdout == f"{__version__}\n"
    assert run("--version").stdout == f"kilo-gateway {__version__}\n"
