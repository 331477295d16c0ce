"""List prices of hosted models, from the package genai-prices; loaded only when one is asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

from llm_orc.domain.model import Model, Price

_SERVICES = {"openai": "openai", "anthropic": "anthropic"}
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
_MILLION = 1_000_000
_TOKENS = 1000
"""Of the request that is priced: a long one would fall into the dearer tier that several models have."""


def list_price(model: Model) -> Price | None:
    """What the service asks for per million tokens of short requests.

    None for a model that is not known, or is served here.
    """
    service = None if model.base_url else _SERVICES.get(model.provider)
    host = urlsplit(model.base_url or "").hostname or ""
    if service is None and (not model.base_url or host in _HERE):
        return None
    from genai_prices import Usage, calc_price

    try:
        usage = Usage(input_tokens=_TOKENS, output_tokens=_TOKENS)
        if service is not None:
            found = calc_price(usage, model.wire_name, provider_id=service)
        else:
            found = calc_price(usage, model.wire_name, provider_api_url=model.base_url)
    except LookupError:
        return None
    return Price(
        input_per_million=float(found.input_price / _TOKENS * _MILLION),
        output_per_million=float(found.output_price / _TOKENS * _MILLION),
        source="genai-prices",
    )
