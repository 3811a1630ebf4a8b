"""What can be imported from the top of each package."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_gateway
import langchain_kilo
import llama_index_kilo

ROOT = Path(__file__).parent.parent

PUBLIC = {
    "kilo_gateway": """
        AnswerError AsyncChatStream AsyncKiloClient AuthenticationError BadRequestError Balance
        BatchStoppedError Budget BudgetExceededError Catalog ChatStream Completion CompletionChoice
        ConflictError ConnectionFailedError ContextLengthError CostTracker DEFAULT_BASE_URL DEFAULT_MODEL
        Defaults Delta EmbeddingCatalog EmbeddingModel EmbeddingOptions Embeddings GatewayError
        InsufficientCreditsError InvalidModelError InvalidRequestError InvalidSettingError KiloClient
        KiloError MalformedAnswerError MissingKeyError ModelEndpoint ModelInfo ModelNotFoundError
        NotFoundError PermissionDeniedError Pricing Provider RateLimitError RequestOptions RequestTimeoutError
        RequestTooLargeError ServerError ServiceUnavailableError Settings SetupError Timeouts ToolCallDelta
        TransportError TruncatedStreamError Usage __version__ bundled_catalog cost_tags cost_tracker
        parse_arguments parse_model_id render_metadata render_ref resolve_settings
    """,
    "kilo_gateway.errors": """
        Advice AnswerError AuthenticationError BadRequestError BatchStoppedError BudgetExceededError
        ConflictError ConnectionFailedError ContextLengthError GET_A_KEY GatewayError InsufficientCreditsError
        InvalidModelError InvalidRequestError InvalidSettingError KiloError MalformedAnswerError
        MissingKeyError ModelNotFoundError NotFoundError PermissionDeniedError RateLimitError
        RequestTimeoutError RequestTooLargeError ServerError ServiceUnavailableError SetupError StopReason
        TransportError TruncatedStreamError
    """,
    "kilo_gateway.testing": """
        Account Accounts CassetteError EmbeddedGateway Fault Finding NetworkBlockedError NoMatchError Options
        Organization Received ReceivedHeaders Reply SecretFoundError UnreadableCassetteError
        UnusedInteractionsError UnusedInteractionsWarning VERSIONS Version check_cassettes error_ids
        kilo_vcr_config serve use_cassette
    """,
    "langchain_kilo": """
        ChatKilo CostCallback KiloEmbeddings __version__
    """,
    "llama_index_kilo": """
        CostCallback EmbeddingUsageEvent KiloEmbedding KiloLLM NoToolCallError StructuredAnswerError
    """,
}
"""Package -> its public names: what users may import stays where it is, and a new name is a decision."""


@pytest.mark.parametrize(
    "package", [kilo_gateway, langchain_kilo, llama_index_kilo], ids=lambda package: package.__name__
)
def test_public_names_are_sorted_and_there(package: object) -> None:
    """Every name in `__all__` can be imported, and the list is in order."""
    names = package.__all__  # type: ignore[attr-defined] # every package here has one
    assert list(names) == sorted(names)
    assert all(hasattr(package, name) for name in names)
    assert set(names) <= set(dir(package))


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these(package: str) -> None:
    """No public name goes, moves or comes without this list being changed."""
    module = importlib.import_module(package)
    assert set(module.__all__) == set(PUBLIC[package].split())
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """The names that the core imports on first use are those that it declares for type checkers."""
    tree = ast.parse((ROOT / "shared/kilo_gateway/__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(kilo_gateway.__all__) - {"__version__"}


def test_unknown_names_are_refused() -> None:
    """A name that the package does not have is an AttributeError, as anywhere."""
    with pytest.raises(AttributeError, match="no attribute 'KiloCLient'"):
        kilo_gateway.KiloCLient  # noqa: B018 - the look-up is the test


def test_importing_loads_no_http_library() -> None:
    """Importing the core does not load httpx, which comes with the first call; the adapters' cost tests hold theirs."""
    code = (
        "import sys, kilo_gateway, kilo_gateway.settings.settings\n"
        "print(sorted({'httpx', 'httpcore', 'h11', 'openai'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("package", "framework", "extra"),
    [("langchain_kilo", "langchain_core", "langchain"), ("llama_index_kilo", "llama_index", "llama-index")],
)
def test_a_missing_framework_is_named_with_its_extra(package: str, framework: str, extra: str) -> None:
    """Without its framework an adapter's import says what to install."""
    code = f"import sys; sys.modules[{framework!r}] = None; sys.modules['llama_index.core'] = None; import {package}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(rf'ImportError: {package} needs .* pip install "kilo-gateway\[{extra}\]"', done.stderr)
