"""What is wrong with an ensemble file, and where: each message as users see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, NotFound
from llm_orc.spec.ensemble_file import check_ensemble, load_ensemble

from .conftest import Check, Write
from .problems import KINDS, MODELS, NAMES, PROMPTS, SCHEMAS, SHAPE


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "bad.md").write_text("a\n{{ zz \n")
    (tmp_path / "p.md").write_text("first\n  then {{ zz }}\n")


@pytest.mark.parametrize(("agents", "problem"), [*SHAPE, *NAMES, *PROMPTS, *KINDS])
def test_a_problem_is_reported_where_it_is(check: Check, agents: str, problem: str) -> None:
    assert check(f"name: t\nagents:\n{agents}") == [f"e.yaml:{problem}"]


@pytest.mark.parametrize(("keys", "problem"), MODELS)
def test_a_problem_with_models_is_reported_where_it_is(check: Check, keys: str, problem: str) -> None:
    assert check(f"name: t\nagents:\n  - name: a\n{keys}") == [f"e.yaml:{problem}"]


@pytest.mark.parametrize(("schema", "problem"), SCHEMAS)
def test_a_problem_of_an_output_schema_is_reported_inside_of_it(
    check: Check, schema: str, problem: str
) -> None:
    text = f"name: t\nagents:\n  - name: a\n    output_schema: {schema}\n"

    assert check(text) == [f"e.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: t\n", "1:1: the key 'agents' is missing"),
        ("name: t\nagents: []\n", "2:9: agents: expected at least 1 entry, got none"),
        ("name: t\nagents: {a: 1}\n", "2:9: agents: expected a list, got a mapping"),
        ("name: t\nagent: []\nagents: [{name: a}]\n", "2:1: unknown key 'agent' (did you mean 'agents'?)"),
        (
            "name: t\ndefaults: {temprature: 1}\nagents: [{name: a}]\n",
            "2:12: unknown key 'temprature' (did you mean 'temperature'?)",
        ),
        (
            "name: t\nmodels: [small, nope]\nagents: [{name: a}, {name: b}]\n",
            "2:17: unknown model 'nope' (known models: large, mute, small)",
        ),
        (
            "name: t\ninputs: {q: {type: foo}}\nagents: [{name: a}]\n",
            "2:20: type: expected one of array, boolean, integer, null, number, object, string, "
            "got text 'foo'",
        ),
        (
            "name: t\nbudget: {usd: 0}\nagents: [{name: a}]\n",
            "2:15: usd: expected more than 0, got the number 0",
        ),
        (
            "name: t\nbudget: {usd: .inf}\nagents: [{name: a}]\n",
            "2:15: infinity and 'not a number' cannot be used",
        ),
        (
            "name: t\nname: u\nagents: [{name: a}]\n",
            "2:1: the key 'name' is given twice (first at line 1, column 1)",
        ),
    ],
)
def test_a_problem_of_the_whole_file_is_reported_where_it_is(check: Check, text: str, problem: str) -> None:
    assert check(text) == [f"e.yaml:{problem}"]


def test_a_problem_of_a_prompt_file_is_reported_in_that_file(check: Check) -> None:
    text = "name: t\nagents:\n  - name: a\n    prompt_file: p.md\n"

    assert check(text) == ["p.md:2:11: nothing provides 'zz' (variables: dependencies, input, parameters)"]


def test_every_problem_is_reported_in_the_order_of_the_file(check: Check) -> None:
    text = (
        "nam: t\nname: t\nagents:\n  - name: a\n    temperature: hot\n    model: smal\n"
        "  - nme: b\n  - name: c\n    depends_on: [d]\n    prompt: '{{ x }}'\n"
    )

    assert [line.split(" ")[0] for line in check(text)] == [
        "e.yaml:1:1:", "e.yaml:5:18:", "e.yaml:6:12:", "e.yaml:7:5:", "e.yaml:7:5:", "e.yaml:9:18:",
        "e.yaml:10:17:",
    ]  # fmt: skip


def test_what_depends_on_a_wrong_part_is_not_reported_again(check: Check) -> None:
    text = (
        "name: t\nagents:\n  - {name: a, model: 5}\n  - {name: b, depends_on: a, prompt: '{{ a }}'}\n"
        "  - {name: c, script: 5}\n"
    )

    assert len(check(text)) == 3


def test_loading_raises_every_problem(write: Write, fleet: Fleet) -> None:
    with pytest.raises(InvalidFile) as caught:
        load_ensemble(write("name: t\nagents: [{name: a, x: 1, y: 2}]\n"), fleet)

    assert len(caught.value.problems) == 2


def test_a_missing_model_is_a_problem_only_where_it_is_needed(write: Write) -> None:
    file = write("name: t\nagents: [{name: a}]\n")
    nothing = Fleet(models={})

    assert check_ensemble(file, nothing) == ()
    with pytest.raises(InvalidFile) as caught:
        load_ensemble(file, nothing)
    assert str(caught.value) == (
        f"{file}:2:17: agent 'a' has no model "
        "(set 'model:' here, or 'default:' in models.yaml, or pass --model)"
    )


def test_an_unknown_model_for_every_agent_is_an_error_of_use(write: Write, fleet: Fleet) -> None:
    with pytest.raises(NotFound) as caught:
        load_ensemble(write("name: t\nagents: [{name: a}]\n"), fleet, "smal")

    assert caught.value.hint == "did you mean 'small'?"


def test_a_chain_of_thousands_of_agents_is_checked(check: Check) -> None:
    agents = "".join(f"  - {{name: a{i}, depends_on: [a{i - 1}]}}\n" for i in range(1, 1500))

    assert check(f"name: t\nagents:\n  - {{name: a0}}\n{agents}") == []
