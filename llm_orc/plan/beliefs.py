"""What is believed of each model at each kind of task: how good, how many tokens, how fast.

Quality is a Beta posterior (quasi-Bayes for scores between 0 and 1), whose prior is what the catalogue
declares and counts like twelve observations, eight where it is a guess. Before each observation the
posterior is drawn a little towards its prior, so that a changed model is learned anew. The router is
given the mean and half a standard deviation: an optimism that explores, yet is the same each time
(cf. Kaufmann et al. 2012, "On Bayesian Upper Confidence Bounds for Bandit Problems").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from llm_orc.domain.evidence import Evidence
from llm_orc.domain.model import Model

DECLARED_WEIGHT = 12.0
GUESSED_WEIGHT = 8.0
GUESS = 0.5
FORGETTING = 0.98
OPTIMISM = 0.5
_RATIO_BOUNDS = (0.1, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """One model at one kind of task. `observed` counts what was seen, by weight.

    `tokens` and `seconds_per_token` are factors and figures learned from usage: the first multiplies
    what was estimated, the second is None until a call was timed.
    """

    prior: float
    weight: float
    good: float
    bad: float
    observed: float = 0.0
    log_tokens: float = 0.0
    timed: int = 0
    seconds_per_token: float | None = None

    @classmethod
    def from_prior(cls, prior: float, weight: float) -> Belief:
        return cls(prior=prior, weight=weight, good=weight * prior, bad=weight * (1 - prior))

    @property
    def mean(self) -> float:
        """The expected score, in [0, 1]."""
        return self.good / (self.good + self.bad)

    @property
    def deviation(self) -> float:
        """The standard deviation of the expected score."""
        total = self.good + self.bad
        return math.sqrt(self.good * self.bad / (total * total * (total + 1)))

    @property
    def optimistic(self) -> float:
        """What is routed on: the mean and half a standard deviation, at most 1."""
        return min(1.0, self.mean + OPTIMISM * self.deviation)

    @property
    def tokens(self) -> float:
        """By how much the tokens used exceed what was estimated."""
        return math.exp(self.log_tokens)

    def scored(self, score: float, weight: float = 1.0) -> Belief:
        """After an outcome worth `score`; `weight` discounts evidence that is weaker than a metric."""
        kept = FORGETTING**weight
        good = kept * self.good + (1 - kept) * self.weight * self.prior
        bad = kept * self.bad + (1 - kept) * self.weight * (1 - self.prior)
        return replace(
            self, good=good + weight * score, bad=bad + weight * (1 - score), observed=self.observed + weight
        )

    def used(self, ratio: float, seconds_per_token: float | None) -> Belief:
        """After a call that took `ratio` times the tokens that were estimated."""
        low, high = _RATIO_BOUNDS
        step = 1 / (self.timed + 1 + self.weight)
        step = max(step, 1 - FORGETTING)
        log_tokens = self.log_tokens + step * (math.log(min(max(ratio, low), high)) - self.log_tokens)
        known = self.seconds_per_token
        if seconds_per_token is not None and known is not None:
            seconds_per_token = known + max(1 / (self.timed + 1), 1 - FORGETTING) * (
                seconds_per_token - known
            )
        return replace(
            self,
            log_tokens=log_tokens,
            timed=self.timed + 1,
            seconds_per_token=known if seconds_per_token is None else seconds_per_token,
        )


class Beliefs:
    """All beliefs of a project. A model is known by its digest where it has one: a new one starts anew."""

    def __init__(self, evidence: Iterable[Evidence] = ()) -> None:
        self._learned: dict[tuple[str, str], list[Evidence]] = {}
        self._beliefs: dict[tuple[str, str], Belief] = {}
        for piece in evidence:
            self._learned.setdefault((piece.model, piece.task), []).append(piece)

    def of(self, model: Model, task: str) -> Belief:
        """The belief about a model at a kind of task."""
        key = (identity(model), task)
        belief = self._beliefs.get(key)
        if belief is None:
            belief = prior_of(model, task)
            for piece in self._learned.pop(key, ()):
                belief = _after(belief, piece)
            self._beliefs[key] = belief
        return belief

    def learn(self, model: Model, piece: Evidence) -> None:
        """Take a piece of evidence about `model` into account."""
        self._beliefs[identity(model), piece.task] = _after(self.of(model, piece.task), piece)


def identity(model: Model) -> str:
    """What evidence is filed under: the digest of the weights where it is known, else the name."""
    return model.digest or model.name


def prior_of(model: Model, task: str) -> Belief:
    """What the catalogue says of the model at this kind of task; else the mean of what it says of others."""
    declared = model.capabilities
    guess = sum(declared.values()) / len(declared) if declared else GUESS
    weight = DECLARED_WEIGHT if task in declared else GUESSED_WEIGHT
    # 0 and 1 leave no room to learn.
    return Belief.from_prior(min(max(declared.get(task, guess), 0.01), 0.99), weight)


def _after(belief: Belief, piece: Evidence) -> Belief:
    if piece.score is not None:
        belief = belief.scored(piece.score, piece.weight)
    if piece.token_ratio is not None:
        belief = belief.used(piece.token_ratio, piece.seconds_per_token)
    return belief
