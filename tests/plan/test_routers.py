"""What every router promises: it fits, it is the best there is, and order does not matter."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from time import perf_counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llm_orc.domain.plan import Candidate, Horizon, Loadable, RoutingSettings, TaskAhead
from llm_orc.errors import RoutingFailed
from llm_orc.plan.dynamic import dynamic_route
from llm_orc.plan.exact import Exact
from llm_orc.plan.formulation import Readable
from llm_orc.plan.greedy import Greedy
from llm_orc.plan.milp import Milp
from llm_orc.plan.problem import Problem, prepare, weighed
from tests.plan.instances import TIGHT, brute_force, check, horizons, random_horizon

SETTINGS = RoutingSettings()
UNHURRIED = RoutingSettings(time_limit_s=60)
"""A solver that is compared must come to its end, whatever else the machine does."""
EXACT, READABLE, MILP = Exact(), Readable(), Milp()


def solved(horizon: Horizon, with_settings: RoutingSettings = SETTINGS):
    """The route, None where there is none at all, not even for the first step alone."""
    try:
        return EXACT.solve(horizon, with_settings)
    except RoutingFailed:
        return None


def prepared(horizon: Horizon) -> Problem:
    """The problem; one in which a task has no model at all is not looked at."""
    try:
        return prepare(horizon, UNHURRIED)
    except RoutingFailed:
        assume(False)
        raise


@given(horizons(models=3, tasks=4, steps=2))
@settings(max_examples=150, deadline=None)
def test_the_exact_route_is_the_best_that_there_is(horizon):
    best = brute_force(horizon, SETTINGS)
    route = solved(horizon)
    if best is None:
        assert route is None or "planned without it" in route.note
        return
    assert route is not None
    check(horizon, route)
    assert route.objective == pytest.approx(best, abs=1e-5)
    assert route.status == "optimal"


@given(horizons(devices=1))
@settings(max_examples=60, deadline=None)
def test_the_formulation_in_cvxpy_comes_to_the_same(horizon):
    route = solved(horizon)
    assume(route is not None and not route.note)
    assert READABLE.solve(horizon, SETTINGS).objective == pytest.approx(route.objective, abs=1e-5)


@given(horizons(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_greedy_and_rounded_routes_fit_and_are_never_better(horizon, rounded):
    import anyio

    exact = solved(horizon)
    assume(exact is not None and not exact.note)
    with_settings = replace(SETTINGS, relaxed=rounded)
    try:
        router = EXACT if rounded else Greedy()
        route = anyio.run(router.route, horizon, with_settings)
    except RoutingFailed:
        return
    assume(len(route.assignments) == len(horizon.tasks))  # else later steps were given up
    check(horizon, route)
    assert route.objective <= exact.objective + TIGHT


@given(horizons(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_tasks_and_models_does_not_matter(horizon, random):
    tasks, models = list(horizon.tasks), list(horizon.models.items())
    random.shuffle(tasks)
    random.shuffle(models)
    shuffled = replace(
        horizon,
        models=dict(models),
        tasks=tuple(
            replace(t, candidates=tuple(random.sample(t.candidates, len(t.candidates)))) for t in tasks
        ),
    )
    first, second = solved(horizon), solved(shuffled)
    assert (first is None) == (second is None)
    if first is not None:
        assert second.objective == pytest.approx(first.objective, abs=1e-5)


@given(horizons(money=False, devices=1), st.sampled_from([1.0, 5.0, 20.0]))
@settings(max_examples=100, deadline=None)
def test_more_room_is_never_worse(horizon, more):
    route = solved(horizon)
    assume(route is not None and not route.note)
    larger = solved(replace(horizon, room_gb=tuple(room + more for room in horizon.room_gb)))
    assert larger.objective >= route.objective - 1e-5


@given(horizons(devices=1), st.sampled_from([0.5, 5.0]))
@settings(max_examples=100, deadline=None)
def test_more_money_is_never_worse(horizon, more):
    assume(horizon.money_left is not None)
    route = solved(horizon)
    assume(route is not None and not route.note)
    richer = solved(replace(horizon, money_left=horizon.money_left + more))
    assert richer.objective >= route.objective - 1e-5


@given(horizons())
@settings(max_examples=150, deadline=None)
def test_highs_and_dynamic_programming_come_to_the_same(horizon):
    problem = prepared(replace(horizon, money_left=None))
    by_solver, by_programme = MILP.solve(problem, perf_counter()), dynamic_route(problem, 0.0)
    assert (by_solver is None) == (by_programme is None)
    if by_solver is not None:
        check(problem.horizon, by_solver)
        assert by_solver.objective == pytest.approx(by_programme.objective, abs=1e-5)


def test_larger_problems_are_feasible_and_solved_alike_both_ways():
    random = Random(7)
    for _ in range(10):
        horizon = random_horizon(random, models=8, tasks=12, steps=3)
        route = EXACT.solve(horizon, SETTINGS)
        check(horizon, route)
        by_solver = MILP.solve(prepare(horizon, UNHURRIED), perf_counter())
        assert by_solver.objective == pytest.approx(route.objective, abs=1e-5)
        assert EXACT.room_worth(horizon, SETTINGS)[0] >= 0


def test_one_more_gb_is_worth_what_it_adds_to_the_relaxation():
    made = horizon_of(
        task("a", ("x", 0.8), ("remote", 0.2)), task("b", ("y", 0.8), ("remote", 0.2)),
        models=(loadable("x", 4), loadable("y", 4), loadable("remote")), room_gb=(6.0,),
    )  # fmt: skip
    assert EXACT.room_worth(made, SETTINGS)[0] == pytest.approx(0.6 / 4)
    assert EXACT.room_worth(replace(made, room_gb=(9.0,)), SETTINGS) == (0.0,)


def task(agent: str, *models: tuple[str, float], **keys) -> TaskAhead:
    found = tuple(Candidate(model=name, quality=quality) for name, quality in models)
    return TaskAhead(agent=agent, candidates=found, **keys)


def loadable(name: str, vram: float = 0.0, load: float = 0.0, **keys) -> Loadable:
    return Loadable(model=name, vram_gb=vram, load_seconds=load, **keys)


def horizon_of(*tasks: TaskAhead, models: tuple[Loadable, ...], **keys) -> Horizon:
    return Horizon(tasks=tasks, models={model.model: model for model in models}, **keys)


def test_a_model_that_fits_nowhere_is_not_chosen():
    both = horizon_of(
        task("a", ("large", 1.0), ("small", 0.2)),
        models=(loadable("large", 40), loadable("small", 2)), room_gb=(8.0,),
    )  # fmt: skip
    assert EXACT.solve(both, SETTINGS).assignments["a"].model == "small"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (horizon_of(task("a", ("big", 1.0)), models=(loadable("big", 40),), room_gb=(8.0, 8.0)),
         "no model can serve agent 'a': big needs 40 GB and there are 8 GB"),
        (horizon_of(task("a", ("m", 0.4), min_quality=0.9), models=(loadable("m"),)),
         "no model can serve agent 'a': m is expected to reach 0.40, and min_quality is 0.9"),
        (horizon_of(
            TaskAhead(agent="a", candidates=(Candidate(model="m", quality=1, usd=None),)),
            models=(loadable("m"),), money_left=1.0),
         "no model can serve agent 'a': m has no known price, and there is a budget"),
        (horizon_of(
            TaskAhead(agent="a", candidates=(Candidate(model="m", quality=1, seconds=9.0),), max_seconds=2.0),
            models=(loadable("m"),)),
         "no model can serve agent 'a': m is expected to take 9.0 s, and max_latency_seconds is 2"),
        (horizon_of(task("a", ("x", 1.0)), task("b", ("y", 1.0)),
                    models=(loadable("x", 5), loadable("y", 5)), room_gb=(8.0,)),
         "no models for agent 'a' and those beside it fit together into 8 GB"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_named_with_the_reason(made, said):
    with pytest.raises(RoutingFailed) as caught:
        EXACT.solve(made, SETTINGS)
    assert caught.value.message == said
    assert (caught.value.agent, bool(caught.value.hint)) == ("a", True)


def test_of_equals_the_one_that_is_there_already_is_kept():
    made = horizon_of(
        task("a", ("x", 0.5), ("y", 0.5)),
        models=(loadable("x", 2), loadable("y", 2)), room_gb=(3.0,), resident={"y": (0,)},
    )  # fmt: skip
    assert EXACT.solve(made, SETTINGS).assignments["a"].model == "y"


def test_a_model_that_is_needed_later_is_kept_when_loading_it_again_costs_more():
    made = horizon_of(
        task("now", ("tiny", 0.50), ("other", 0.55)),
        task("later", ("tiny", 0.0), ("big", 0.9), step=1),
        models=(loadable("tiny", 1), loadable("other", 5), loadable("big", 7, 20)),
        room_gb=(8.0,), resident={"big": (0,)},
    )  # fmt: skip
    route = EXACT.solve(made, SETTINGS)
    assert (route.assignments["now"].model, route.assignments["later"].model) == ("tiny", "big")
    alone = EXACT.solve(replace(made, tasks=made.tasks[:1]), SETTINGS)
    assert alone.assignments["now"].model == "other"


def test_a_solver_out_of_time_leaves_a_route_that_fits():
    horizon = random_horizon(Random(3), models=12, tasks=60, steps=4)
    route = Milp().solve(prepare(horizon, replace(SETTINGS, time_limit_s=1e-6)), 0.0)
    check(horizon, route)
    assert route.status in ("greedy", "feasible", "optimal")
    assert route.status == "optimal" or "stopped early" in route.note


def test_a_large_model_is_split_where_the_catalogue_says_so():
    made = horizon_of(task("a", ("big", 1.0)), models=(loadable("big", 12, split=True),), room_gb=(8.0, 8.0))
    assert EXACT.solve(made, SETTINGS).resident[0] == {"big": (0, 1)}


@given(horizons())
@settings(max_examples=60, deadline=None)
def test_what_serves_an_agent_was_weighed_among_its_candidates(horizon):
    ready = weighed(horizon, SETTINGS)
    several = {task.agent: task for task in horizon.tasks if task.step == 0 and len(task.candidates) > 1}
    assert ready.keys() == several.keys()
    for name, task in several.items():
        assert {each.model for each in ready[name]} == {each.model for each in task.candidates}
        allowed = [each for each in ready[name] if not each.refused]
        assert allowed == sorted(allowed, key=lambda each: -each.utility)
        assert all(each.switch_term == 0 for each in ready[name] if each.model in horizon.resident)
    route = solved(horizon)
    assume(route is not None)
    for name, those in ready.items():
        (served,) = [each for each in those if each.model == route.assignments[name].model]
        assert not served.refused
        assert served.utility == pytest.approx(route.assignments[name].utility)
