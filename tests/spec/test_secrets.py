"""A secret in a file is refused, and is in no message."""

from __future__ import annotations

import pytest

from llm_orc.errors import UsageFailed
from llm_orc.spec.redaction import has_secret, is_secret_key, redacted, redactor, shown

from .conftest import Check

KEY = "sk-proj-abcdefgh1234567890abcdef"
REFUSED = (
    "this looks like a secret, which cannot be kept in a file "
    "(set it in the environment and name the variable in api_key_env)"
)


@pytest.mark.parametrize(
    ("agent", "place"),
    [
        ("model: {provider: openai, name: x, api_key: hunter2}", "3:50"),
        (f"model: {{provider: openai, name: x, api_key_env: {KEY}}}", "3:63"),
        (f"prompt: 'use {KEY} please'", "3:23"),
        (f"output_format: {KEY}", "3:30"),
        (f"depends_on: [{KEY}]", "3:28"),
        ("options: {headers: {Authorization: Bearer x}}", "3:35"),
        ("script: cat, parameters: {password: hunter2}", "3:41"),
        ("demos: [{inputs: {input: '" + KEY + "'}, output: x}]", "3:40"),
    ],
)
def test_a_secret_is_refused_where_it_is(check: Check, agent: str, place: str) -> None:
    found = check(f"name: t\nagents:\n  - {{name: a, {agent}}}\n")

    assert f"e.yaml:{place}: {REFUSED}" in found
    assert "hunter2" not in str(found)
    assert KEY not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        f"name: t\nagents:\n  - name: {KEY}\n    model: {KEY}\n    {KEY}: 1\n  - name: {KEY}\n",
        f"name: t\nname: t\n{KEY}: *{KEY}\n",
        f"{KEY}: 1\n{KEY}: 2\n",
        f"name: t\nagents: [{{name: a, prompt: '{{{{ {KEY} }}}}'}}]\n",
        f"name: t\nagents: [{{name: a, script: {KEY}, x: !{KEY} 1}}]\n",
        "name: t\nagents: [{name: a, model: {provider: openai, name: x, api_key_env: 8f3a-hunter2}}]\n",
        "name: t\nagents: [{name: a, model: {provider: openai, name: x, password: [hunter2]}}]\n",
    ],
)
def test_no_message_shows_a_secret(check: Check, text: str) -> None:
    found = check(text)

    assert found
    assert KEY not in str(found)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "agent",
    [
        "max_tokens: 5",
        "demos: [{inputs: {token: abcdefgh}, output: x}]",
        "output_schema: {properties: {password: {const: x}}}",
        "prompt: use scikit-learn, sk-learn or sk-learn-compatible-estimators",
    ],
)
def test_words_that_only_sound_like_secrets_are_fine(check: Check, agent: str) -> None:
    assert check(f"name: t\nagents:\n  - name: a\n    {agent}\n") == []


def test_inputs_may_have_any_name(check: Check) -> None:
    assert check("name: t\ninputs: {token: {type: string, default: x}}\nagents: [{name: a}]\n") == []


@pytest.mark.parametrize(
    "secret",
    ["sk-abcdefgh", KEY, "ghp_" + "a1" * 18, "hf_" + "a1" * 17, "AKIA" + "A1" * 8, "AIza" + "a1_-x" * 7,
     "xoxb-1234567890-abc", "-----BEGIN RSA PRIVATE KEY-----",
     "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefghij"],
)  # fmt: skip
def test_the_usual_shapes_of_keys_are_known(secret: str) -> None:
    assert has_secret(secret)
    assert secret not in redacted(secret)
    assert secret not in shown(secret)


@pytest.mark.parametrize("key", ["api_key", "apiKey", "API-KEY", "ApiKey", "Password", "client-secret"])
def test_keys_of_secrets_are_known_however_they_are_written(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: [redacted]"),
        ("authorization: basic dXNlcjpwYXNz==", "authorization: [redacted]"),
        ("the bearer of news", "the bearer of news"),
        ("write to ann.b+c@mail.example.org.", "write to [redacted]."),
        ("a @ b, @decorator, 3@4", "a @ b, @decorator, 3@4"),
        ("sk-abcdefghij0123456789KLMN", "[redacted]"),
        ("ACME-12 and ACME-x", "[redacted] and ACME-x"),
    ],
)
def test_traces_hide_what_the_settings_name(text, hidden):
    hide = redactor(["keys", "bearer_tokens", "emails", r"ACME-\d+"])
    assert hide(text) == hidden
    assert redactor([])(text) == text


def test_a_pattern_that_cannot_be_used_is_said():
    with pytest.raises(UsageFailed, match="trace_redact: '\\[' is no regular expression"):
        redactor(["["])
