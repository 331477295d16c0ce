"""How flow is read from files, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc import InvalidFile, Orchestrator
from llm_orc.domain.ensemble import Dispatch, Loop, SubEnsemble

INNER = (
    "name: inner\ninputs: {x: {type: string}}\nagents:\n  - {name: a, model: scripted/m, prompt: '{{ x }}'}\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    write(tmp_path, "inner", INNER)
    return tmp_path


def write(project: Path, name: str, text: str) -> Path:
    file = project / "ensembles" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def problems(project: Path, agent: str) -> list[str]:
    text = f"name: t\nagents:\n  - {{name: s, script: 'true'}}\n  - {{name: a, {agent}}}\n"
    found = Orchestrator(project).check(write(project, "t", text))
    return [str(problem).partition("t.yaml:")[2] for problem in found]


@pytest.mark.parametrize(
    ("agent", "problem"),
    [
        ("script: 'true', when: 'x ='", "4:37: this is not a condition: invalid syntax"),
        ("script: 'true', when: 's == 1'", "4:37: nothing provides 's' (add 's' to depends_on)"),
        ("script: 'true', depends_on: [{agent: s, condition: 's >'}]", "4:66: this is not a condition"),
        ("script: 'true', depends_on: [{agent: s, condition: success}]", "4:66: nothing provides 'success'"),
        ("script: 'true', fan_out: true", "4:40: there is no list to run over"),
        ("script: 'true', depends_on: [s], fan_out: z.items", "4:57: nothing provides 'z'"),
        ("script: 'true', input_key: k", "4:42: there is no output to take it from"),
        ("script: 'true', depends_on: [s], input_key: 'a..b'", "4:59: 'a..b' is not a path"),
        ("ensemble: nowhere", "4:25: no ensemble is called 'nowhere'"),
        ("ensemble: ../../etc/passwd", "4:25: there is no ensemble file"),
        ("loop: {body: inner, until: 'a b'}", "4:21: this is not a condition"),
        ("loop: {body: inner, carry: [y]}", "4:21: carry: 'inner' has no input 'y'"),
        ("dispatch: s.name", "4:25: nothing provides 's' (add 's' to depends_on)"),
        ("depends_on: [s], dispatch: {from: s, allow: [gone]}", "4:42: no ensemble is called 'gone'"),
    ],
)
def test_a_mistake_is_reported_where_it_is(project, agent, problem):
    assert any(found.startswith(problem) for found in problems(project, agent)), problems(project, agent)


def test_each_kind_is_read(project):
    text = (
        "name: t\nagents:\n"
        "  - {name: e, ensemble: inner}\n"
        "  - {name: l, loop: {body: inner, until: 'iteration > 2', max_iterations: 5, carry: {x: output}}}\n"
        "  - {name: d, depends_on: [e], dispatch: {from: e, allow: [inner], default: inner}}\n"
    )
    agents = Orchestrator(project).load(write(project, "t", text)).agents
    assert isinstance(agents["e"].work, SubEnsemble)
    assert isinstance(agents["l"].work, Loop)
    assert agents["l"].work.carry == {"x": ("output",)}
    assert isinstance(agents["d"].work, Dispatch)
    assert list(agents["d"].work.allowed) == ["inner"]


def test_an_ensemble_that_holds_itself_through_two_others_is_refused(project):
    for name, held in (("one", "two"), ("two", "three"), ("three", "one")):
        write(project, name, f"name: {name}\nagents: [{{name: a, ensemble: {held}}}]\n")
    with pytest.raises(InvalidFile, match="hold each other: one -> two -> three -> one"):
        Orchestrator(project).load("one")


def test_the_problems_of_a_held_ensemble_are_reported_with_its_own_file(project):
    write(project, "broken", "name: broken\nagents: [{name: a, promt: x}]\n")
    with pytest.raises(InvalidFile) as caught:
        Orchestrator(project).load(write(project, "t", "name: t\nagents: [{name: a, ensemble: broken}]\n"))
    assert "broken.yaml:2:20: unknown key 'promt'" in str(caught.value)


def test_fallbacks_are_read_in_order_profiles_with_their_own(project):
    (project / ".llm-orc" / "config.yaml").write_text(
        "model_profiles:\n  p: {model: one, provider: ollama, fallback_model_profile: q}\n"
        "  q: {model: two, provider: ollama}\n",
        encoding="utf-8",
    )
    text = "name: t\nagents: [{name: a, model: scripted/m, fallback: [p, scripted/z]}]\n"
    work = Orchestrator(project).load(write(project, "t", text)).agents["a"].work
    assert [model.wire_name for model in work.fallbacks] == ["one", "two", "z"]


def test_a_fallback_may_be_written_where_it_is_used(project):
    text = (
        "name: t\nagents:\n  - name: a\n    model: scripted/m\n"
        "    fallback: [{provider: scripted, name: other}, scripted/z]\n"
    )
    work = Orchestrator(project).load(write(project, "t", text)).agents["a"].work
    assert [model.wire_name for model in work.fallbacks] == ["other", "z"]
