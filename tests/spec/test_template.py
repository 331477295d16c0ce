"""Prompts: what they see, what they refuse, and that the short way is the same as the long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from llm_orc.domain.json import JsonValue
from llm_orc.errors import PromptFailed
from llm_orc.spec.jinja_prompt import compile_jinja
from llm_orc.spec.template import JinjaPrompt, PlainPrompt, compile_prompt
from llm_orc.spec.template_fault import TemplateFault

VALUES: dict[str, JsonValue] = {"x": "X", "n": 5, "d": {"k": "é", "list": [1, None, True]}, "bad": "{{ x }}"}


def _rendered(source: str, folder: Path = Path()) -> str:
    return compile_prompt(source, folder).render(VALUES)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ x }}", "X"),
        ("a {{x}} b {{ n }}.", "a X b 5."),
        ("{{ d }}", '{"k": "é", "list": [1, null, true]}'),
        ("{{ d|json }}", '{"k":"é","list":[1,null,true]}'),
        ("{{ d.k }} {{ d['list'][1] }}", "é null"),
        ("{% for i in d.list %}{{ i }};{% endfor %}", "1;null;true;"),
        ("{{ bad }}", "{{ x }}"),
        ("{{ bad|upper }}", "{{ X }}"),
        ("{{ gone|default('-') }}{% if gone is defined %}{{ gone }}{% endif %}", "-"),
        ("<b> & {{ x }}", "<b> & X"),
        ("{{ x }}}", "X}"),
        ("{{ '%.2f'|format(n) }} {{ '{:>3}'.format(n) }}", "5.00   5"),
        ("{{ 'ab' * 2 }}{{ 2 ** 3 }} {{ 10000 * 10000 }} {{ 2 ** 0.5 > 1 }}", "abab8 100000000 true"),
        ("{{ x }}\n", "X"),
        ("{% macro f(a) %}<{{ a }}>{% endmacro %}{{ f(x) }}", "<X>"),
    ],
)
def test_a_prompt_is_rendered(source: str, text: str) -> None:
    assert _rendered(source) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ y }}", "'y' is undefined"),
        ("{{ y|upper }}", "'y' is undefined"),
        ("{{ d.foo }}", "the value has no attribute 'foo'"),
        ("{{ x.__class__ }}", "access to attribute '__class__' of the value is unsafe"),
        ("{{ x|attr('__class__') }}", "access to attribute '__class__' of the value is unsafe"),
        ("{{ '{0.__class__}'.format(x) }}", "access to attribute '__class__' of the value is unsafe"),
        ("{{ d.update({}) }}", "access to attribute 'update' of the value is unsafe"),
        ("{{ x() }}", "the value is not callable"),
        ("{{ n / 0 }}", "division by zero"),
        ("{% for i in range(10001) %}x{% endfor %}", "range() is limited to 10,000 numbers"),
        ("{{ 'a' * 10 ** 9 }}", "a repetition is too long"),
        ("{{ [1] * 10 ** 9 }}", "a repetition is too long"),
        ("{{ 10 ** 10 ** 10 ** 10 ** 10 }}", "a power is too large"),
        ("{{ '%99999999s' % x }}", "a width is too large"),
        ("{{ '%99999999s'|format(x) }}", "a width is too large"),
        ("{{ x|center(10 ** 8) }}", "a width is too large"),
        ("{{ x.ljust(10 ** 8) }}", "access to attribute 'ljust' of the value is unsafe"),
        ("{{ '{:99999999}'.format(x) }}", "access to attribute 'format' of the value is unsafe"),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}aaaaaaaa{% endfor %}{% endfor %}",
            "it is longer than 10,000,000 characters",
        ),
    ],
)
def test_a_prompt_that_cannot_be_rendered_says_why(source: str, said: str) -> None:
    with pytest.raises(PromptFailed) as caught:
        _rendered(source)

    assert caught.value.message == f"the prompt cannot be rendered: {said}"


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("a\n{% if %}", "not a template: Expected an expression, got 'end of statement block'", 2),
        ("{{ x", "not a template: unexpected end of template, expected 'end of print statement'", 1),
        ("{{ x|uper }}", "there is no filter 'uper'", 1),
        ("{% include x %}", "what is included must be named by a text", 1),
        ("{% include '../secret' %}", "'../secret' is not in the ensemble's folder", 1),
        ("{% include '/etc/passwd' %}", "'/etc/passwd' is not in the ensemble's folder", 1),
        ("a\nb\n{% include 'none' %}", "'none' cannot be included: there is no such file", 3),
        ("{{ " + "(" * 5000 + "x" + ")" * 5000 + " }}", "the template is nested too deeply", 1),
        ("{{ x" + " | upper" * 200 + " }}", "the template is nested too deeply", 1),
        ("{{ x" + " + x" * 30_000 + " }}", "the template is nested too deeply", 1),
        ("{% for a in x %}" * 40 + "{% endfor %}" * 40, "the template is nested too deeply", 1),
        ("{% if x %}" * 200 + "{% endif %}" * 200, "the template is nested too deeply", 1),
    ],
)
def test_a_prompt_that_cannot_be_compiled_says_why_and_where(
    source: str, said: str, line: int, tmp_path: Path
) -> None:
    with pytest.raises(TemplateFault) as caught:
        compile_prompt(source, tmp_path)

    assert (caught.value.message, caught.value.line) == (said, line)


def test_an_unknown_filter_has_a_suggestion() -> None:
    with pytest.raises(TemplateFault) as caught:
        compile_prompt("{{ x|uper }}", Path())

    assert caught.value.hint == "did you mean 'upper'?"


def test_included_files_are_part_of_the_prompt(tmp_path: Path) -> None:
    (tmp_path / "part.txt").write_text("{{ item }} of {{ total }}")

    prompt = compile_prompt("{% for item in [1, 2] %}{% include 'part.txt' %};{% endfor %}", tmp_path)

    assert prompt.names == {"total"}
    assert prompt.render({"total": 9}) == "1 of 9;2 of 9;"


def test_a_link_cannot_lead_an_include_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    folder = tmp_path / "ensembles"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(TemplateFault, match="is not in the ensemble's folder"):
        compile_prompt("{% include 'link' %}", folder)


def test_a_file_that_includes_itself_fails_when_rendered(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("{% include 'a' %}")

    with pytest.raises(PromptFailed, match="includes itself without end"):
        _rendered("{% include 'a' %}", tmp_path)


def test_constants_are_there_in_every_run() -> None:
    for source in ("{{ parameters }}", "{{ parameters.k }}"):
        prompt = compile_prompt(source, Path(), {"parameters": {"k": 1}})

        assert "1" in prompt.render({})


def test_names_that_may_be_missing_are_told_apart() -> None:
    prompt = compile_prompt("{{ a }}{{ b|default('') }}{% if c is defined %}{% endif %}", Path())

    assert prompt.names == {"a", "b", "c"}
    assert prompt.optional == {"b", "c"}


pieces = st.sampled_from(
    [
        "{{ x }}",
        "{{n}}",
        "{{ d }}",
        "{{  bad\n}}",
        "{",
        "}",
        " ",
        "\n",
        "%",
        "x",
        "#",
        "}}",
        "{{",
        "{%",
        "é",
        "'",
    ]
)


@given(st.lists(pieces, max_size=8).map("".join))
def test_the_short_way_renders_what_jinja_renders(source: str) -> None:
    try:
        template, names, _ = compile_jinja(source, Path())
    except TemplateFault:
        with pytest.raises(TemplateFault):
            compile_prompt(source, Path())
        return
    prompt = compile_prompt(source, Path())

    assert prompt.names == names
    assert _outcome(prompt) == _outcome(template)


def _outcome(prompt) -> str | None:
    """None for a name that is nowhere."""
    try:
        return prompt.render(VALUES)
    except (PromptFailed, UndefinedError):
        return None


def test_names_in_text_need_no_jinja() -> None:
    assert isinstance(compile_prompt("Hi {{ x }}, {{ n }}!", Path()), PlainPrompt)
    assert isinstance(compile_prompt("{{ true }}", Path()), JinjaPrompt)
