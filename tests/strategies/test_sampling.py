"""Strategies that draw samples: exactly which calls they make, and what they conclude."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.completion import Choice, Completion, TokenLogprob
from llm_orc.errors import RateLimited, ServerFailed
from llm_orc.strategies.calibration import calibrator
from llm_orc.strategies.confidence import token_confidence
from llm_orc.strategies.drawing import Sample
from llm_orc.strategies.early_stopping import (
    draws_until_safe,
    draws_until_window,
    lead_is_safe,
    lead_probability,
    window_agrees,
)
from llm_orc.strategies.voting import tally

pytestmark = pytest.mark.anyio


def sure(text: str, probability: float, tokens: int = 2) -> Completion:
    """A reply whose tokens all have this probability."""
    logprobs = tuple(TokenLogprob("t", math.log(probability)) for _ in range(tokens))
    return Completion(choices=(Choice(text=text, logprobs=logprobs),))


class TestChainOfThought:
    async def test_the_answer_is_the_last_line(self, think):
        thought = await think("chain_of_thought", ["6 times 7 is 42.\nAnswer: 42"])
        assert thought.output == "42"
        assert (
            thought.requests[0].messages[-1].content.startswith("What is 6 times 7?\n\nThink step by step.")
        )
        assert thought.outcome.evidence == {"reply": "6 times 7 is 42.\nAnswer: 42"}

    async def test_a_reply_without_a_final_answer_is_taken_whole(self, think):
        thought = await think("chain_of_thought", ["It is forty-two."])
        assert (thought.output, thought.steps) == ("It is forty-two.", ["no_answer"])

    async def test_instruction_and_extractor_can_be_set(self, think):
        thought = await think(
            {"type": "chain_of_thought", "instruction": "Reason.", "extract": {"regex": "<(.*?)>"}},
            ["so <42>"],
        )
        assert thought.output == "42"
        assert thought.requests[0].messages[-1].content.endswith("\n\nReason.")


class TestSelfConsistency:
    async def test_the_answer_that_most_samples_agree_on_wins(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 5, "extract": "last_number"},
            ["it is 42", "it is 41", "42", "I say 42.", "40"],
        )
        assert thought.output == "42"
        assert (thought.outcome.confidence, thought.outcome.effort.samples) == (0.6, 5)
        assert thought.outcome.evidence["votes"] == {"42": 3.0, "41": 1.0, "40": 1.0}
        assert [request.n for request in thought.requests] == [5]

    async def test_without_extract_the_whole_reply_is_the_output(self, think):
        thought = await think({"type": "self_consistency", "samples": 3}, [
            "Six sevens. The answer is 42.", "The answer is 41.", "Well, the answer is 42",
        ])  # fmt: skip
        assert thought.output == "Six sevens. The answer is 42."

    async def test_a_model_without_n_is_asked_once_per_sample(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 4}, ["42"], models={"m": {"supports": ["sampling"]}}
        )
        assert [request.n for request in thought.requests] == [1, 1, 1, 1]

    @pytest.mark.parametrize(
        ("size", "samples", "temperature"), [(3, 20, 0.5), (70, 10, 0.7), (None, 10, 0.7)]
    )
    async def test_small_models_draw_more_samples_closer_to_what_they_know(
        self, think, size, samples, temperature
    ):
        entry = {} if size is None else {"parameters_b": size}
        thought = await think("self_consistency", ["42"], models={"m": entry})
        (request,) = thought.requests
        assert (request.n, request.sampling.temperature) == (samples, temperature)

    async def test_what_the_file_says_of_temperature_wins(self, think):
        thought = await think("self_consistency", ["42"], temperature=0.9)
        assert thought.requests[0].sampling.temperature == 0.9
        thought = await think({"type": "self_consistency", "temperature": 0.3}, ["42"], temperature=0.9)
        assert thought.requests[0].sampling.temperature == 0.3

    async def test_a_window_that_agrees_stops_the_drawing(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 20, "early_stop": {"window": 3}},
            ["1", "42", "42", "42", "99"],
        )
        # Three, of which the last two agree, and the one that could settle it.
        assert [request.n for request in thought.requests] == [3, 1]
        assert thought.output == "42"
        assert thought.outcome.evidence["stopped_early"] == "the last 3 agree"
        (note,) = [note for note in thought.notes if note.step == "stopped_early"]
        assert note.detail["saved"] == 16

    async def test_a_safe_lead_stops_the_drawing(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 40, "early_stop": {"beta": 0.95}}, ["42"]
        )
        assert [request.n for request in thought.requests] == [4]
        assert thought.outcome.evidence["stopped_early"] == "4 to 0 is safe enough"

    async def test_it_never_draws_more_than_it_may(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 7, "early_stop": {"window": 4}},
            [str(n) for n in range(20)],
        )
        assert sum(request.n for request in thought.requests) == 7
        assert thought.outcome.evidence["stopped_early"] is None

    async def test_with_a_seed_every_sample_has_its_own(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3, "early_stop": {"window": 2}}, ["1", "2", "3"],
            models={"m": {"supports": ["sampling", "seed"]}}, seed=100,
        )  # fmt: skip
        assert [request.sampling.seed for request in thought.requests] == [100, 101, 102]

    async def test_replies_without_any_answer_have_no_confidence(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 2, "extract": "last_number"}, ["no idea", "none"]
        )
        assert (thought.output, thought.outcome.confidence) == ("no idea", 0.0)
        assert "no_answer" in thought.steps

    async def test_empty_replies_have_no_vote(self, think):
        thought = await think({"type": "self_consistency", "samples": 3}, ["", " ", "42"])
        assert thought.output == "42"
        assert thought.outcome.evidence["without_answer"] == 2

    async def test_a_tie_goes_to_what_was_drawn_first(self, think):
        thought = await think({"type": "self_consistency", "samples": 2}, ["41", "42"])
        assert (thought.output, thought.outcome.confidence) == ("41", 0.5)

    async def test_a_confidence_vote_weighs_by_how_sure_the_tokens_are(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3, "vote": "confidence"},
            [sure("41", 0.2), sure("41", 0.2), sure("42", 0.9)],
            models={"m": {"supports": ["sampling", "logprobs"]}},
        )
        assert thought.output == "42"
        assert thought.requests[0].top_logprobs == 0

    async def test_expressions_that_are_equal_vote_together(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3, "vote": "equivalence", "extract": "boxed"},
            [r"\boxed{2x+2}", r"\boxed{7}", r"\boxed{2(x+1)}"],
        )
        assert (thought.output, thought.outcome.confidence) == ("2x+2", pytest.approx(2 / 3))

    async def test_a_failing_sample_does_not_count(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3}, [RateLimited("busy"), "42", "42"],
            models={"m": {"supports": ["sampling"]}},
        )  # fmt: skip
        assert (thought.output, thought.outcome.confidence) == ("42", 1.0)
        assert thought.steps[0] == "failed"

    async def test_when_every_sample_fails_the_agent_does(self, think):
        thought = await think({"type": "self_consistency", "samples": 3}, [RateLimited("busy")],
                              models={"m": {"supports": ["sampling"]}})  # fmt: skip
        assert thought.outcome.cause.kind == "rate_limited"

    async def test_json_answers_satisfy_a_schema(self, think):
        thought = await think(
            {"type": "self_consistency", "samples": 3}, ['{"n": 1}', '{"n": 2}', '{ "n": 2.0 }'],
            output_schema={"type": "object", "required": ["n"]},
        )  # fmt: skip
        assert thought.output == {"n": 2}


VOTERS = {"x": {}, "y": {}, "z": {}}


class TestVote:
    async def test_the_majority_of_models_wins(self, think):
        thought = await think("vote", {"x": ["41"], "y": ["42"], "z": ["42"]}, models=VOTERS)
        assert (thought.output, thought.outcome.effort.model) == ("42", "y")

    async def test_weights_count(self, think):
        thought = await think(
            {"type": "vote", "weights": {"x": 3}}, {"x": ["41"], "y": ["42"], "z": ["42"]}, models=VOTERS
        )
        assert thought.output == "41"

    async def test_a_tie_goes_to_the_first_model_of_the_list(self, think):
        thought = await think("vote", {"x": ["1"], "y": ["2"], "z": ["3"]}, models=VOTERS)
        assert (thought.output, thought.outcome.effort.model) == ("1", "x")

    async def test_a_model_that_fails_has_no_vote(self, think):
        thought = await think("vote", {"x": [ServerFailed("down")], "y": ["42"], "z": ["42"]}, models=VOTERS)
        assert thought.output == "42"
        assert thought.steps[0] == "failed"

    async def test_the_models_of_the_strategy_are_those_that_vote(self, think):
        thought = await think({"type": "vote", "models": ["y", "z"]}, {"y": ["1"], "z": ["1"]}, models=VOTERS)
        assert [request.model.name for request in thought.requests] == ["y", "z"]


PAIR = {"x": {"capabilities": {"reasoning": 0.5}}, "y": {"capabilities": {"reasoning": 0.6}}}


class TestMux:
    async def test_the_model_that_agrees_with_itself_answers(self, think):
        def answer(request):
            texts = ["1", "2", "3"] if request.model.name == "x" else ["42", "42", "7"]
            return Completion(choices=tuple(Choice(text=text) for text in texts))

        thought = await think({"type": "mux", "samples": 3}, answer, models=PAIR)
        assert (thought.output, thought.outcome.effort.model) == ("42", "y")
        assert thought.outcome.evidence["consistency"] == {"x": 0.3333, "y": 0.6667}
        assert thought.outcome.effort.samples == 6

    async def test_of_equally_consistent_models_the_better_one_answers(self, think):
        thought = await think({"type": "mux", "samples": 2}, lambda r: r.model.name, models=PAIR)
        assert thought.output == "y"


RUNGS = {"small": {}, "middle": {}, "large": {}}


class TestCascade:
    async def test_the_first_confident_answer_is_taken(self, think):
        thought = await think(
            {"type": "cascade", "threshold": 0.8},
            {"small": [sure("41", 0.5)], "middle": [sure("42", 0.9)]}, models=RUNGS,
        )  # fmt: skip
        assert (thought.output, thought.outcome.effort.model) == ("42", "middle")
        assert thought.outcome.confidence == pytest.approx(0.9)
        assert [request.model.name for request in thought.requests] == ["small", "middle"]
        assert thought.steps == ["escalated", "accepted"]

    async def test_the_last_model_is_taken_as_it_is(self, think):
        thought = await think(
            "cascade",
            {"small": [sure("1", 0.5)], "middle": [sure("2", 0.6)], "large": [sure("3", 0.1)]},
            models=RUNGS,
        )
        assert (thought.output, thought.outcome.effort.model) == ("3", "large")

    async def test_the_middle_band_is_verified_by_samples(self, think):
        thought = await think(
            {"type": "cascade", "threshold": 0.8, "verify_threshold": 0.4,
             "verify": {"type": "self_consistency", "samples": 3}},
            {"small": [sure("41", 0.5), "42", "42", "42"]}, models=RUNGS,
        )  # fmt: skip
        assert (thought.output, thought.outcome.confidence, thought.outcome.effort.samples) == ("42", 1.0, 4)
        assert "verified" in thought.steps

    async def test_a_model_that_fails_is_passed_over(self, think):
        thought = await think(
            {"type": "cascade", "threshold": 0.8},
            {"small": [ServerFailed("down")], "middle": [sure("42", 0.9)]}, models=RUNGS,
        )  # fmt: skip
        assert thought.output == "42"
        assert thought.outcome.evidence["rungs"][0] == {"model": "small", "error": "server_failed"}

    async def test_when_the_last_fails_the_best_answer_so_far_is_taken(self, think):
        thought = await think("cascade", {
            "small": [sure("1", 0.5)], "middle": [sure("2", 0.3)], "large": [ServerFailed("down")],
        }, models=RUNGS)  # fmt: skip
        assert (thought.output, thought.outcome.effort.model) == ("1", "small")

    async def test_without_log_probabilities_samples_have_to_agree(self, think):
        thought = await think(
            {"type": "cascade", "samples": 2}, {"a": ["1", "2"], "b": ["42", "42"]},
            models={"a": {"supports": ["sampling", "n"]}, "b": {}},
            text="x",
        )  # fmt: skip
        assert thought.steps[0] == "no_logprobs"
        assert thought.outcome.effort.model == "b"

    async def test_a_verifier_says_how_likely_an_answer_is(self, think):
        replies = {"small": ["41"], "middle": ["42"], "large": ["I think 20", "95%"]}
        thought = await think(
            {"type": "cascade", "confidence": "verifier", "verifier": "large", "models": ["small", "middle"]},
            replies, models=RUNGS,
        )  # fmt: skip
        assert (thought.output, thought.outcome.confidence) == ("42", 0.95)

    async def test_a_verifier_off_format_says_nothing(self, think):
        replies = {"small": ["41"], "middle": ["42"], "large": ["who knows", "maybe"]}
        thought = await think(
            {"type": "cascade", "confidence": "verifier", "verifier": "large", "models": ["small", "middle"]},
            replies, models=RUNGS,
        )  # fmt: skip
        assert (thought.output, thought.outcome.confidence) == ("42", None)


class TestCalibration:
    async def test_a_calibrated_cascade_goes_by_how_often_answers_are_right(self, think):
        """0.9 means 0.2 for the small model here, and 0.9 for the middle one, which was not calibrated."""
        written = {"measure": "perplexity", "threshold": 0.8, "models": {
            "small": {"kind": "isotonic", "x": [0.0, 0.9, 1.0], "y": [0.0, 0.2, 0.3]},
        }}  # fmt: skip
        (think.folder / "c.json").write_text(json.dumps(written))
        thought = await think(
            {"type": "cascade", "confidence": "calibrated", "calibration": "c.json"},
            {"small": [sure("41", 0.9)], "middle": [sure("42", 0.9)]}, models=RUNGS,
        )  # fmt: skip
        assert (thought.output, thought.outcome.effort.model) == ("42", "middle")
        assert thought.outcome.evidence["rungs"][0]["confidence"] == pytest.approx(0.2)

    @pytest.mark.parametrize(
        ("spec", "given", "expected"),
        [
            ({"kind": "isotonic", "x": [0.2, 0.6], "y": [0.1, 0.5]}, 0.4, 0.3),
            ({"kind": "isotonic", "x": [0.2, 0.6], "y": [0.1, 0.5]}, 0.9, 0.5),
            ({"kind": "platt", "slope": 0.0, "shift": 0.0}, 0.9, 0.5),
            ({"kind": "temperature", "slope": 1.0, "shift": 0.0}, 0.9, 0.9),
            ({"kind": "combination", "weights": {"min_logprob": 1, "entropy": 5}, "shift": 0.0}, 0.9, 0.7),
        ],
    )  # fmt: skip
    def test_each_kind_says_what_its_parameters_say(self, spec, given, expected):
        assert calibrator(spec)(given, {"min_logprob": 0.7}) == pytest.approx(expected)

    @pytest.mark.parametrize("text", ["", "{}", '{"measure": 1, "models": [], "threshold": 0}', "[]"])
    async def test_a_file_of_something_else_is_refused(self, think, text):
        (think.folder / "c.json").write_text(text)
        thought = await think({"type": "cascade", "confidence": "calibrated", "calibration": "c.json"}, ["x"])
        assert thought.outcome.cause.kind == "usage_failed"


class TestRules:
    @given(st.integers(0, 60), st.integers(0, 60))
    def test_a_lead_is_a_probability_that_grows_with_the_leader(self, leader, second):
        assert 0 < lead_probability(leader, second) < 1 + 1e-12
        assert lead_probability(leader + 1, second) >= lead_probability(leader, second)
        assert lead_probability(leader, leader) == pytest.approx(0.5)

    @given(st.integers(0, 30), st.integers(0, 30), st.floats(0.55, 0.99))
    def test_a_wave_is_the_least_that_could_stop(self, leader, second, certainty):
        more = draws_until_safe(leader, second, certainty)
        assert lead_is_safe(leader + more, second, certainty)
        assert more == 1 or not lead_is_safe(leader + more - 1, second, certainty)

    @given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=12), st.integers(2, 6))
    def test_a_window_is_reached_by_as_many_draws_as_are_said(self, classes, window):
        if not window_agrees(classes, window):
            more = draws_until_window(classes, window)
            assert 1 <= more <= window
            like = next((c for c in [classes[-1]] if c is not None), 9) if classes else 9
            assert window_agrees([*classes, *[like] * more], window)

    @given(st.lists(st.one_of(st.none(), st.sampled_from("abc")), max_size=20))
    def test_every_answer_is_counted_once_and_the_leader_has_most(self, answers):
        samples = [Sample(answer or "", answer) for answer in answers]
        found = tally(samples, "majority")
        assert sum(found.weights.values()) == sum(answer is not None for answer in answers)
        assert list(found.weights.values()) == sorted(found.weights.values(), reverse=True)
        assert (found.leader is None) == all(answer is None for answer in answers)

    def test_confidence_is_measured_in_five_ways(self):
        tokens = (
            TokenLogprob("a", math.log(0.9), (("a", math.log(0.5)), ("b", math.log(0.5)))),
            TokenLogprob("b", math.log(0.4), (("b", math.log(1.0)), ("c", -100.0))),
        )
        choice = Choice(text="ab", logprobs=tokens)
        assert token_confidence("mean_logprob", choice) == pytest.approx(0.65)
        assert token_confidence("min_logprob", choice) == pytest.approx(0.4)
        assert token_confidence("sequence_probability", choice) == pytest.approx(0.36)
        assert token_confidence("perplexity", choice) == pytest.approx(0.6)
        assert token_confidence("entropy", choice) == pytest.approx(0.5)
        assert token_confidence("entropy", Choice(text="x")) is None


WORDINGS = (
    {"name": "plain"},
    {"name": "asked", "prompt": "Q: {{ input }}", "system_prompt": "Answer."},
    {"name": "short", "prompt": "{{ input }} Briefly."},
    {"name": "resting", "prompt": "no", "weight": 0},
)


class TestVariantsVote:
    async def test_every_wording_is_asked_once_and_their_answers_counted(self, think):
        vote = {"type": "vote", "over": "variants", "extract": "last_number"}
        said = {"What is 6 times 7?": "41", "Q: What is 6 times 7?": "It is 42."}
        thought = await think(
            vote, lambda request: said.get(request.messages[-1].content, "42"), variants=list(WORDINGS)
        )
        assert [[m.content for m in request.messages] for request in thought.requests] == [
            ["What is 6 times 7?"],
            ["Answer.", "Q: What is 6 times 7?"],
            ["What is 6 times 7? Briefly."],
        ]
        assert (thought.output, thought.outcome.confidence) == ("42", pytest.approx(2 / 3))
        assert thought.outcome.evidence["voters"] == ["plain", "asked", "short"]
        assert thought.outcome.effort.variant is None

    async def test_a_weight_is_how_much_an_answer_counts(self, think):
        wordings = [{**WORDINGS[0], "weight": 3}, *WORDINGS[1:]]
        vote = {"type": "vote", "over": "variants"}
        thought = await think(vote, ["41", "42", "42"], variants=wordings)
        assert thought.output == "41"
        thought = await think({**vote, "weights": {"plain": 1}}, ["41", "42", "42"], variants=wordings)
        assert thought.output == "42"

    async def test_all_wordings_are_asked_on_one_model(self, think):
        two = {"x": {}, "y": {}}
        answers = {"x": ["1", "1", "1"], "y": []}
        vote = {"type": "vote", "over": "variants"}
        thought = await think(vote, answers, models=two, variants=list(WORDINGS))
        assert len(thought.asked("x")) == 3

    async def test_each_voter_may_think_in_a_way_of_its_own(self, think):
        vote = {"type": "vote", "over": "variants", "each": {"type": "self_consistency", "samples": 3}}
        thought = await think(vote, ["1", "1", "2", "3", "3", "1", "1", "1", "4"], variants=list(WORDINGS))
        assert (thought.output, len(thought.requests)) == ("1", 3)
