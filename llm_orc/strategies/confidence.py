"""How sure a model was, in [0, 1], from the log-probabilities of its tokens."""

from __future__ import annotations

import math
from typing import Literal, get_args

from llm_orc.domain.completion import Choice

TokenMeasure = Literal["mean_logprob", "min_logprob", "sequence_probability", "perplexity", "entropy"]
MEASURES: tuple[TokenMeasure, ...] = get_args(TokenMeasure)
TOP = 5
"""Alternatives per token that the entropy is computed over."""


def all_measures(choice: Choice) -> dict[TokenMeasure, float]:
    """Every measure that the reply has what it takes for."""
    found = {measure: token_confidence(measure, choice) for measure in MEASURES}
    return {measure: value for measure, value in found.items() if value is not None}


def token_confidence(measure: TokenMeasure, choice: Choice) -> float | None:
    """None when the reply has no log-probabilities.

    - `mean_logprob`: the mean probability of the tokens
    - `min_logprob`: the least probability of a token
    - `sequence_probability`: the probability of the whole reply, which falls with its length
    - `perplexity`: its inverse, the geometric mean of the probabilities
    - `entropy`: 1 less the mean entropy over the likeliest tokens, as a share of the most it could be
    """
    logprobs = [token.logprob for token in choice.logprobs or ()]
    if not logprobs:
        return None
    match measure:
        case "mean_logprob":
            found = sum(map(math.exp, logprobs)) / len(logprobs)
        case "min_logprob":
            found = math.exp(min(logprobs))
        case "sequence_probability":
            found = math.exp(sum(logprobs))
        case "perplexity":
            found = math.exp(sum(logprobs) / len(logprobs))
        case "entropy":
            return _certainty(choice)
    return min(1.0, max(0.0, found))


def _certainty(choice: Choice) -> float | None:
    shares = []
    for token in choice.logprobs or ():
        weights = [math.exp(logprob) for _, logprob in token.top]
        total = sum(weights)
        if len(weights) < 2 or not total:
            continue
        entropy = -sum(w / total * math.log(w / total) for w in weights if w > 0)
        shares.append(entropy / math.log(len(weights)))
    return 1 - sum(shares) / len(shares) if shares else None
