"""What sampling strategies do when models fail, say nothing, or lack what was asked for."""

from __future__ import annotations

import pytest

from llm_orc.errors import ServerFailed
from tests.strategies.test_sampling import sure

pytestmark = pytest.mark.anyio

DOWN = ServerFailed("down")
NO_N = {"m": {"supports": ["sampling", "seed", "logprobs"]}}
TWO = {"x": {}, "y": {}}


class TestSelfConsistency:
    async def test_a_wave_that_fails_leaves_the_samples_before_it(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 6, "early_stop": {"window": 3}},
            ["1", "2", "1", *[DOWN] * 9],
            models=NO_N,
        )
        assert thought.output == "1"
        assert "failed" in thought.steps

    async def test_a_sample_of_unknown_confidence_counts_like_the_average(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3, "vote": "confidence"},
            [sure("1", 0.9), "2", "2"],
            models=NO_N,
        )
        assert thought.output == "2"

    async def test_log_probabilities_that_never_come_are_said(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3, "vote": "confidence"}, ["1", "2", "2"], models=NO_N
        )
        assert (thought.output, "no_logprobs" in thought.steps) == ("2", True)


class TestCascade:
    async def test_a_rung_without_log_probabilities_has_to_agree_with_itself(self, think):
        thought = await think(
            {"type": "cascade", "models": ["x", "y"], "samples": 3},
            {"x": ["1", "1", "1", "1"], "y": ["2"]},
            models={"x": {"supports": ["sampling", "seed", "logprobs"]}, "y": {}},
        )
        assert (thought.output, thought.asked("y")) == ("1", [])
        assert "no_logprobs" in thought.steps

    async def test_the_last_rung_pays_for_no_agreement(self, think):
        thought = await think(
            {"type": "cascade", "models": ["x", "y"]}, {"x": [sure("1", 0.1)], "y": ["2"]}, models=TWO
        )
        assert (thought.output, len(thought.asked("y"))) == ("2", 1)

    async def test_an_empty_reply_is_passed_over(self, think):
        thought = await think(
            {"type": "cascade", "models": ["x", "y"]}, {"x": [sure("", 0.99)], "y": ["2"]}, models=TWO
        )
        assert thought.output == "2"

    async def test_a_verifier_that_fails_says_nothing(self, think):
        thought = await think(
            {"type": "cascade", "models": ["x", "y"], "confidence": "verifier", "verifier": "y"},
            {"x": ["1"], "y": [DOWN, "2", "90"]},
            models=TWO,
        )
        assert thought.output == "2"


async def test_a_weight_for_a_model_without_a_vote_is_a_mistake(think):
    with pytest.raises(Exception, match="weight for 'z', which has no vote"):
        await think({"type": "vote", "weights": {"z": 2}}, ["1"], models=TWO)
