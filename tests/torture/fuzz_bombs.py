"""Files made to harm whoever reads them: YAML that explodes, nests or never ends, templates, patterns, sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

SCRIPTED = "model: scripted/x"


def agents(*lines: str) -> str:
    """A file with agents, each a flow mapping."""
    return "name: bomb\nagents:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def one_agent(**keys: object) -> str:
    """A file with an agent that has these keys."""
    return json.dumps({"name": "bomb", "agents": [{"name": "a", "model": "scripted/x", **keys}]})


def aliases(chance: Random) -> str:
    """Billion laughs: each level holds the one before several times."""
    levels, width = chance.randint(3, 60), chance.randint(2, 12)
    lines = ["x-0: &a0 [lol, lol]"]
    for level in range(1, levels):
        held = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"x-{level}: &a{level} [{held}]")
    return "\n".join([*lines, agents(f"name: a, {SCRIPTED}, parameters: {{k: *a{levels - 1}}}")])


def mapping_aliases(chance: Random) -> str:
    """The same with mappings, merged into each other."""
    levels = chance.randint(3, 40)
    lines = ["x-0: &m0 {k0: v}"]
    for level in range(1, levels):
        lines.append(f"x-{level}: &m{level} {{<<: [*m{level - 1}, *m{level - 1}], k{level}: *m{level - 1}}}")
    return "\n".join([*lines, agents(f"<<: *m{levels - 1}, name: a")])


def recursive(chance: Random) -> str:
    """What holds itself."""
    return chance.choice([
        "a: &a\n  <<: *a\n", "&a [*a]", "name: &n {x: *n}\n", "agents: &a\n  - *a\n",
        "x: &x {<<: [*x, {y: *x}]}\nname: n\n", "&r {name: r, agents: [{<<: *r, name: a}]}",
        "a: &a {<<: *b}\nb: &b {<<: *a}\n",
    ])  # fmt: skip


def deep(chance: Random) -> str:
    """Levels upon levels, in the flow style, the block style, or both."""
    depth = chance.choice([50, 90, 110, 500, 5_000, 100_000])
    kind = chance.randrange(5)
    if kind == 0:
        return "x: " + "[" * depth + "]" * chance.choice([depth, 0])
    if kind == 1:
        return "x: " + "{a: " * depth + "1" + "}" * chance.choice([depth, 0])
    if kind == 2:
        return "\n".join(" " * level + "a:" for level in range(min(depth, 1_200)))
    if kind == 3:
        return "- " * depth + "x"
    return agents(f"name: a, {SCRIPTED}, parameters: " + "[" * depth + "]" * depth)


def long_text(chance: Random) -> str:
    """A scalar, a key, a line, a comment, or spaces, of up to 1.2 MB."""
    size = chance.choice([10_000, 300_000, 1_000_000, 1_200_000])
    unit = chance.choice(
        ["x", " ", "é", "😀", "a b ", "{{", "%", "\\", "\t", ": ", "- ", "#", "'", '"', "&a ", "!"]
    )
    text = unit * (size // len(unit.encode()))
    return chance.choice([
        f"name: {text}", f"{text}: 1", f'name: "{text}"', f"name: '{text}", f"# {text}\nname: x",
        f"name: |\n  {text}\n", f"name: >-\n  {text}\n", f"? {text}\n: 1\n", text,
        agents(f"name: a, {SCRIPTED}, prompt: {json.dumps(text)}"),
        agents(f"name: {json.dumps(text[:250])}, {SCRIPTED}, depends_on: [{json.dumps(text[:250])}]"),
    ])  # fmt: skip


def number(chance: Random) -> str:
    """Numbers that are none, or that no machine holds."""
    big = "9" * chance.choice([30, 400, 4_400, 100_000])
    found = chance.choice([
        big, f"-{big}", "1e999", "-1e999", "1e-999", f"1e{big}", f"0x{'f' * 5_000}", f"0o{'7' * 5_000}", ".inf",
        "-.inf", ".nan", "0.1" + "0" * 10_000 + "1", "1_000", "0b11", "12:30:45", "1e", "+1", "-0", "0777",
        f"{big}.5", "1e400", "2147483648", "9223372036854775808", "18446744073709551616",
    ])  # fmt: skip
    key = chance.choice([
        "temperature", "max_tokens", "seed", "top_k", "timeout_seconds", "concurrency", "max_tool_calls", "retries",
        "min_quality", "max_latency_seconds", "name", "prompt", "parameters", "options", "budget", "fan_out",
    ])  # fmt: skip
    return chance.choice([
        agents(f"name: a, {SCRIPTED}, {key}: {found}"),
        agents(f"name: a, {SCRIPTED}, strategy: {{type: self_consistency, samples: {found}}}"),
        f"budget: {{usd: {found}, tokens: {found}, seconds: {found}}}\n" + agents(f"name: a, {SCRIPTED}"),
        f"routing: {{horizon: {found}, vram_gb: {found}, lambda_token: {found}, lambda_switch: {found}}}\n"
        + agents("name: a, models: [one, two]"),
        f"concurrency: {found}\ntimeout_seconds: {found}\n" + agents(f"name: a, {SCRIPTED}"),
        agents(f"name: a, {SCRIPTED}, output_schema: {{type: number, multipleOf: {found}, maximum: {found}}}"),
        agents("name: a, loop: {agents: [{name: b, " + SCRIPTED + "}], max_rounds: " + found + "}"),
    ])  # fmt: skip


def many(chance: Random) -> str:
    """Agents, keys, anchors, documents, dependencies by the thousand."""
    count = chance.choice([300, 1_000, 3_000, 20_000])
    kind = chance.randrange(8)
    if kind == 0:
        return agents(*(f"name: a{i}, {SCRIPTED}" for i in range(count)))
    if kind == 1:
        return agents(*(
            f"name: a{i}, {SCRIPTED}" + (f", depends_on: [a{i - 1}]" if i else "") for i in range(count)
        ))  # fmt: skip
    if kind == 2:
        size = min(count, 400)
        return agents(*(
            f"name: a{i}, {SCRIPTED}, depends_on: [{', '.join(f'a{j}' for j in range(max(0, i - 60), i))}]"
            for i in range(size)
        ))  # fmt: skip
    if kind == 3:
        return "".join(f"k{i}: {i}\n" for i in range(count))
    if kind == 4:
        return "".join(f"x-{i}: &a{i} 1\n" for i in range(count)) + agents(f"name: a, {SCRIPTED}")
    if kind == 5:
        return "--- {}\n" * count
    if kind == 6:
        return "a: 1\n" * count
    width = min(count, 600)
    middle = [f"name: m{i}, {SCRIPTED}, depends_on: [s]" for i in range(width)]
    ends = [
        f"name: e{i}, {SCRIPTED}, depends_on: [{', '.join(f'm{j}' for j in range(width))}]" for i in range(5)
    ]
    return agents(f"name: s, {SCRIPTED}", *middle, *ends)


def template(chance: Random) -> str:
    """Prompts that would take for ever to parse, or to render."""
    depth = chance.choice([20, 200, 2_000, 30_000])
    return one_agent(prompt=chance.choice([
        "{{ " + "(" * depth + "input" + ")" * depth + " }}",
        "{% if input %}" * depth + "x" + "{% endif %}" * depth,
        "{% for a in input %}" * depth + "{{ a }}" + "{% endfor %}" * depth,
        "{{ input " + "| upper " * depth + "}}",
        "{{ input" + ".a" * depth + " }}",
        "{{ input" + "[0]" * depth + " }}",
        "{{ " + "not " * depth + "input }}",
        "{{ " + "-" * depth + "1 }}",
        "{{ " + "[" * depth + "]" * depth + " }}",
        "{{ " + " + ".join(["input"] * depth) + " }}",
        "{{ 9 ** 9 ** 9 ** 9 }}", "{{ 'x' * 10 ** 10 }}", "{{ range(10 ** 12) | list }}", "{{ [0] * 10 ** 9 }}",
        "{% for a in range(10 ** 10) %}{% endfor %}", "{% set x = 10 ** 10 ** 8 %}{{ x }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ '%999999999d' % 1 }}", "{{ 'a'.ljust(10 ** 10) }}",
        "{{ ''.__class__.__mro__ }}", "{{ input.__init__.__globals__ }}", "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}", "{{ lipsum(n=10 ** 6) }}", "{{ cycler }}", "{{ {{ }} }}", "{% raw %}", "{#",
        "{% extends 'x' %}", "{{ 1 / 0 }}", "{{ input.format(1) }}", "{{" * depth, "}}" * depth, "{%" * depth,
    ]))  # fmt: skip


def condition(chance: Random) -> str:
    """`when` without end."""
    depth = chance.choice([20, 200, 5_000])
    when = chance.choice([
        "(" * depth + "input" + ")" * depth, "not " * depth + "input", "input" + " and input" * depth,
        "input == " + "[" * depth + "]" * depth, "input" + ".a" * depth, "input" + " == 1" * depth,
        "9 ** 9 ** 9 ** 9", "__import__('os')", "lambda: 1", "[x for x in input]", "'" * depth, "input ==",
        "-" * depth + "1",
    ])  # fmt: skip
    return json.dumps({"name": "c", "agents": [
        {"name": "a", "model": "scripted/x"},
        {"name": "b", "model": "scripted/x", "depends_on": ["a"], "when": when},
    ]})  # fmt: skip


def schema(chance: Random) -> str:
    """JSON Schemas that hold themselves, and patterns that take for ever."""
    depth = chance.choice([20, 90])
    nested: object = {"type": "string"}
    for level in range(depth):
        # Twice as large with each level: a few of them are enough.
        twice = {"allOf": [nested, nested]} if level < 12 else {"allOf": [nested]}
        nested = chance.choice([twice, {"properties": {"a": nested}}, {"not": nested}])
    found = chance.choice([
        {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"$ref": "http://127.0.0.1:9/x"}, {"$ref": "#/definitions/no"},
        {"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
         "$ref": "#/definitions/a"},
        {"type": "string", "pattern": "(a+)+$"}, {"pattern": "("}, {"pattern": "(?P<x>" * 200},
        {"pattern": "a{99999}{99999}"}, {"enum": list(range(5_000))}, {"type": ["string"] * 500},
        {"minLength": 10**30}, {"required": ["x"] * 2_000}, {"$id": "::", "$ref": "::#"}, {"$schema": "nonsense"},
        {"type": "object", "patternProperties": {"[": {}}}, {"format": "regex", "default": "("}, True, [], "x",
    ])  # fmt: skip
    found = nested if chance.random() < 0.2 else found
    places: list[dict[str, object]] = [
        {"output_schema": found},
        {"strategy": {"type": "self_consistency", "extract": {"regex": "(" * depth + ")" * depth}}},
        {"strategy": {"type": "self_consistency", "extract": {"regex": "(x+x+)+y"}}},
        {"strategy": {"type": "self_consistency", "extract": {"json_path": "a." * 5_000}}},
    ]
    if chance.random() < 0.3:
        return json.dumps(
            {"name": "s", "inputs": {"q": found}, "agents": [{"name": "a", "model": "scripted/x"}]}
        )
    return one_agent(**chance.choice(places))


def nested_strategy(chance: Random) -> str:
    """Ways of thinking within ways of thinking."""
    depth = chance.choice([3, 10, 40, 90])
    thinking: dict[str, object] = {"type": "single"}
    for _ in range(depth):
        outer = chance.choice(["vote", "cascade", "auto", "verify", "best_of", "decompose", "moa", "refine"])
        key = {"vote": "each", "cascade": "verify", "decompose": "subtask"}.get(outer, "strategy")
        thinking = {"type": outer, "models": ["scripted/x", "scripted/y"], key: thinking}
    return one_agent(strategy=thinking)


def odd_text(chance: Random) -> str:
    """Characters that look like nothing, or turn everything round."""
    odd = chance.choice(["\0", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe", "😀", "\u0301",
                         "\ud7ff", "ﷺ" * 50, "\U000e0001", "İ", "ß", "\r", "\v"])  # fmt: skip
    return chance.choice([
        f"name: {odd}\nagents: []", f"{odd}name: a", agents(f"name: a{odd}b, {SCRIPTED}, prompt: {odd}"),
        agents(f"name: a, {SCRIPTED}", f'name: "{odd}", {SCRIPTED}, depends_on: [a, "{odd}"]'),
        f"name: x\n{odd}\nagents:\n  - name: a\n", odd, f'name: "{odd}"\n' + agents(f"name: a, {SCRIPTED}"),
        one_agent(name=odd, prompt=odd * 3, system_prompt=odd),
    ])  # fmt: skip


def tags(chance: Random) -> str:
    """Tags that make other readers run code, and directives."""
    return chance.choice([
        "name: !!python/object/apply:os.system ['true']\n", "!!python/name:os.system x: y\n", "name: !!binary AAAA\n",
        "agents: !!set {a, b}\n", "agents: !!omap [a: 1]\n", "name: !<tag:yaml.org,2002:str> x\n", "name: !local x\n",
        "%YAML 3.0\n---\nname: x\n", "%TAG ! tag:x,2000:\n---\nname: !y x\n", "%" * 5_000, "name: !!int x\n",
        "name: !!timestamp 2001-13-45\n", "--- !!map\nname: x\n", "name: !!float 1e999999\n", "<<: [1, 2]\nname: x\n",
        "<<: x\n", "name: x\n<<: {name: y}\n<<: {name: z}\n", "? [a, b]\n: c\n", "? {a: b}\n: c\n", "? |\n  x\n: 1\n",
        "=: 1\n", "~: 1\n", "1: 1\n", "1.5: 1\n", "true: 1\n", "[]: 1\n", "- a\n- b\n", "just text", "", "\n\n", "---",
        "...", "--- a\n--- b\n", "null", "{}", "[]", "'", '"', "&", "*", "*a", "&a", "|", ">", "|99999999999\n x\n",
    ])  # fmt: skip


BOMBS: tuple[Callable[[Random], str], ...] = (
    aliases, mapping_aliases, recursive, deep, long_text, number, many, template, condition, schema,
    nested_strategy, odd_text, tags,
)  # fmt: skip
