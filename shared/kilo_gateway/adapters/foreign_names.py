"""Names of arguments that people bring along from other classes, and what to write here. Refuses none itself.

They are those of ChatOpenAI, AzureChatOpenAI, ChatOpenRouter, ChatAnthropic, ChatGoogleGenerativeAI, ChatOllama and
ChatLiteLLM of LangChain, and of OpenAI, AzureOpenAI, OpenAILike, OpenRouter, Anthropic and Ollama of LlamaIndex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.request.option_checks import HINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANT: Mapping[str, tuple[str, ...]] = {
    **{name: (meant,) for name, meant in HINTS.items()},
    # who calls, and where
    "openai_api_key": ("api_key",),
    "openrouter_api_key": ("api_key",),
    "anthropic_api_key": ("api_key",),
    "google_api_key": ("api_key",),
    "azure_ad_token": ("api_key",),
    "azure_ad_token_provider": ("api_key",),
    "token": ("api_key",),
    "openai_api_base": ("base_url",),
    "openrouter_api_base": ("base_url",),
    "anthropic_api_url": ("base_url",),
    "azure_endpoint": ("base_url",),
    "endpoint": ("base_url",),
    "url": ("base_url",),
    "organization": ("organization_id",),
    "org_id": ("organization_id",),
    "openai_organization": ("organization_id",),
    "headers": ("extra_headers", "default_headers"),
    "async_client": ("http_async_client", "async_http_client"),
    "async_http_client": ("http_async_client",),
    "http_async_client": ("async_http_client",),
    "client": ("http_client",),
    "openai_client": ("http_client",),
    # which model
    "model_id": ("model",),
    "engine": ("model",),
    "deployment_name": ("model",),
    "azure_deployment": ("model",),
    "deployment": ("model",),
    "fallback_models": ("models",),
    # how long, how often
    "request_timeout": ("timeout",),
    "default_request_timeout": ("timeout",),
    "stream_chunk_timeout": ("timeout",),
    "max_tries": ("max_retries",),
    "num_retries": ("max_retries",),
    # options
    "max_tokens_to_sample": ("max_tokens",),
    "max_new_tokens": ("max_tokens",),
    "num_predict": ("max_tokens",),
    "num_output": ("max_tokens",),
    "num_ctx": ("context_window", "profile"),
    "repeat_penalty": ("repetition_penalty",),
    "stop_token_ids": ("stop",),
    "thinking_budget": ("reasoning",),
    "thinking_level": ("reasoning",),
    "thinking_dict": ("reasoning",),
    "include_thoughts": ("include_reasoning",),
    "openrouter_reasoning": ("reasoning",),
    "openrouter_provider": ("provider",),
    "provider_order": ("provider",),
    "order": ("provider",),
    "allow_fallbacks": ("provider",),
    "openrouter_route": ("route",),
    "audio_config": ("audio",),
    "json_schema": ("response_format",),
    "format": ("response_format",),
    "prompt_cache_retention": ("prompt_cache_key",),
    "extra_kwargs": ("additional_kwargs", "extra_body"),
    "additional_kwargs": ("extra_body",),
}
"""Name -> what it means here; the first of them that the class has counts."""

_ONE_API = "The gateway has one API, chat completions: leave it out."
_ATTRIBUTION = "How the gateway attributes calls is the setting 'feature'; other headers go into default_headers."
_AS_THEY_ARE = "Texts are sent as they are, never as token ids: leave it out, and cut long texts before."

NOTES: Mapping[str, str] = {
    "stream_usage": "The usage comes with every stream: leave it out.",
    "use_responses_api": _ONE_API,
    "use_previous_response_id": _ONE_API,
    "include": _ONE_API,
    "truncation": _ONE_API,
    "context_management": _ONE_API,
    "openai_api_type": _ONE_API,
    "api_type": _ONE_API,
    "api_version": "The gateway's API has no versions: leave it out.",
    "openai_api_version": "The gateway's API has no versions: leave it out.",
    "model_version": "A version is part of the model's id: write it into model.",
    "trace": "What a tracer is to know goes into extra_body, as trace.",
    "check_embedding_ctx_length": _AS_THEY_ARE,
    "embedding_ctx_length": _AS_THEY_ARE,
    "tiktoken_enabled": _AS_THEY_ARE,
    "skip_empty": "An empty text is refused: leave it out.",
    "default_query": "Requests to the gateway have no query: leave it out, or put what it says into default_headers.",
    "openai_proxy": "Set HTTPS_PROXY, or pass an HTTP client of your own that has a proxy.",
    "proxy": "Set HTTPS_PROXY, or pass an HTTP client of your own that has a proxy.",
    "proxies": "Set HTTPS_PROXY, or pass an HTTP client of your own that has a proxy.",
    "http_socket_options": "Pass an HTTP client of your own that has them.",
    "verify": "Set SSL_CERT_FILE, or pass an HTTP client of your own that has them.",
    "app_url": _ATTRIBUTION,
    "app_title": _ATTRIBUTION,
    "app_categories": _ATTRIBUTION,
    "site_url": _ATTRIBUTION,
    "site_name": _ATTRIBUTION,
    "disabled_params": "What is not given is not sent: leave it out.",
    "validate_base_url": "It is always checked: leave it out.",
    "is_chat_model": "Every model is one here: leave it out.",
    "reuse_client": "Connections are shared and kept: leave it out.",
    "tokenizer": "Tokens are counted by the gateway; custom_get_token_ids counts them beforehand in LangChain.",
    "tiktoken_model_name": "Tokens are counted by the gateway; custom_get_token_ids counts them beforehand.",
    "should_use_structured_outputs": "The catalog knows which models take schemas: leave it out.",
    "model_provider": "Every model here is one of the gateway's: leave it out, and name the lab in model.",
    "custom_llm_provider": "Every model here is one of the gateway's: leave it out, and name the lab in model.",
    "safety_settings": "Put it into extra_body, for the models that take it.",
    "betas": "Put them into default_headers, as anthropic-beta.",
    "mcp_servers": "Servers of tools go into tools, each as the object that the gateway takes.",
    "root_client": "Pass an HTTP client of your own as http_client.",
    "root_async_client": "Pass an HTTP client of your own for async calls.",
}
"""Name of something that has no argument here -> what to do."""
