"""The LLM's client: langchain-openai, for OpenAI and every server that speaks its protocol."""

from __future__ import annotations

from tandem.models.client import Client
from tandem.models.wire import http_client
from tandem.settings import Dialect

OPENAI_URL = "https://api.openai.com/v1"


def openai_client(
    *,
    url: str,
    api_key: str,
    model: str,
    dialect: Dialect,
    connect_s: float = 5.0,
    own_grammars: bool = False,
) -> Client:
    """A client over ChatOpenAI for the endpoint `url` (with or without /v1; empty: OpenAI).

    `response_format` travels in the extra body (dialects.py): as a parameter it would take the
    SDK's parsing path, which raises on an answer that was cut off.
    """
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    base = (url or OPENAI_URL).rstrip("/")
    base = base if base.endswith("/v1") else f"{base}/v1"
    http = http_client(base, dialect)
    chat = ChatOpenAI(
        base_url=base,
        api_key=SecretStr(api_key or "none"),  # the SDK refuses an empty key
        model=model or "default",
        http_client=http,
        max_retries=0,
        use_responses_api=False,
    )
    return Client(chat, http, dialect, model, connect_s, own_grammars)
