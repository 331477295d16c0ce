"""Agents with something wrong, and the problem that users are shown; the tests add the rest of the file."""

from __future__ import annotations

AGENT = "  - {name: a, prompt: hi}\n"

SHAPE = [
    ("  - name: a\n    depend_on: [b]\n", "4:5: unknown key 'depend_on' (did you mean 'depends_on'?)"),
    ("  - name: a\n    temperature: abc\n", "4:18: temperature: expected a number, got text 'abc'"),
    (
        "  - name: a\n    temperature: '0.5'\n",
        "4:18: temperature: expected a number, got text '0.5' (write it without quotes)",
    ),
    ("  - name: a\n    temperature: -1\n", "4:18: temperature: expected at least 0, got the number -1"),
    ("  - name: a\n    top_k: 1.5\n", "4:12: top_k: expected a whole number, got the number 1.5"),
    ("  - name: a\n    prompt:\n", "4:12: prompt: expected text, got nothing"),
    ("  - name: a\n    prompt: 5\n", "4:13: prompt: expected text, got the number 5 (put it in quotes)"),
    (
        "  - name: a\n    optimize: yes\n",
        "4:15: optimize: expected true or false, got text 'yes' (write true)",
    ),
    ("  - prompt: hi\n", "3:5: the key 'name' is missing"),
    ("  - hi\n", "3:5: agents[0]: expected a mapping, got text 'hi'"),
    (
        "  - name: a b\n",
        "3:11: name: expected a name without spaces, slashes, backslashes and braces, got text 'a b'",
    ),
    (
        "  - name: a\n    output_format: jsn\n",
        "4:20: output_format: expected one of text, json, got text 'jsn' (did you mean 'json'?)",
    ),
    (
        "  - name: a\n    strategy: {type: chain_of_thought, extrat: 3}\n",
        "4:40: unknown key 'extrat' (did you mean 'extract'?)",
    ),
    (
        "  - name: a\n    on_failure: skp\n",
        "4:17: on_failure: expected one of stop, skip, got text 'skp' (did you mean 'skip'?)",
    ),
    ("  - name: a\n    depends_on: b\n", "4:17: depends_on: expected a list, got text 'b' (write [b])"),
    ("  - name: a\n    model: {name: x}\n", "4:12: the key 'provider' is missing"),
    ("  - name: a\n    demos: [{inputs: {}}]\n", "4:13: the key 'output' is missing"),
]

NAMES = [
    (AGENT + "  - name: b\n    depends_on: [aa]\n", "5:18: there is no agent 'aa' (did you mean 'a'?)"),
    (
        AGENT + "  - name: b\n    depends_on: [{agent_name: zz}]\n",
        "5:18: there is no agent 'zz' (agents: a, b)",
    ),
    ("  - name: b\n    depends_on: [b]\n", "4:18: 'b' depends on itself"),
    (
        "  - {name: a, depends_on: [c]}\n  - {name: b, depends_on: [a]}\n  - {name: c, depends_on: [b]}\n",
        "3:27: these agents wait for each other: a -> c -> b -> a (remove one of the dependencies)",
    ),
    (AGENT + AGENT, "4:12: there are two agents called 'a' (the first is on line 3)"),
    (
        "  - name: a-b\n  - name: a_b\n",
        "4:11: in templates, 'a_b' and 'a-b' are both 'a_b' (rename one of them)",
    ),
    (AGENT + "output: aa\n", "4:9: there is no agent 'aa' (did you mean 'a'?)"),
    (AGENT + "output: [a, zz]\n", "4:13: there is no agent 'zz' (agents: a)"),
]

MODELS = [
    ("    model: smal\n", "4:12: unknown model 'smal' (did you mean 'small'?)"),
    ("    model: olama/x\n", "4:12: unknown provider 'olama' in 'olama/x' (did you mean 'ollama'?)"),
    ("    model: {provider: olama, name: x}\n", "4:23: unknown provider 'olama' (did you mean 'ollama'?)"),
    ("    model: fast\n", "4:12: 'fast' is a profile, not a model (write 'model_profile: fast')"),
    ("    models: [small, zzzz]\n", "4:21: unknown model 'zzzz' (known models: large, mute, small)"),
    ("    model_profile: fastt\n", "4:20: unknown profile 'fastt' (did you mean 'fast'?)"),
    (
        "    model_profile: odd\n",
        "4:20: profile 'odd': unknown provider 'google-gemini' in 'google-gemini/pro' "
        "(known providers: anthropic, llamacpp, ollama, openai, scripted; defined in config.yaml:7)",
    ),
    (
        "    model_profile: round-a\n",
        "4:20: the fallbacks of profile 'round-a' go in a circle: round-a -> round-b -> round-a",
    ),
    (
        "    profile: lost\n",
        "4:14: profile 'lost': unknown fallback 'nowhere' (known models: large, mute, small)",
    ),
    ("    fallback: nowhere\n", "4:15: unknown fallback 'nowhere' (known models: large, mute, small)"),
    (
        "    provider: olama\n    model: x\n",
        "4:15: unknown provider 'olama' (did you mean 'ollama'?)",
    ),
    ("    provider: ollama\n", "4:5: 'provider' needs 'model': the server's name for it"),
    (
        "    model: mute\n    strategy: {type: self_consistency}\n",
        "5:15: strategy self_consistency needs samples, which 'mute' does not have",
    ),
    (
        "    model: small\n    strategy: {type: cascade, confidence: entropy}\n",
        "5:15: strategy cascade needs logprobs, which 'small' does not have",
    ),
]

PROMPTS = [
    (
        "  - name: a\n    prompt: |\n      Hello\n        {% if x %}\n      {{ x\n",
        "7:7: not a template: unexpected end of template, expected 'end of print statement'",
    ),
    (
        "  - name: a\n    prompt: |\n      inptu?\n      the {{ inptu }} here\n",
        "6:14: nothing provides 'inptu' (did you mean 'input'?)",
    ),
    (
        "  - name: a\n    prompt: >\n      some\n      folded {{ zzz }} text\n",
        "6:17: nothing provides 'zzz' (variables: dependencies, input, parameters)",
    ),
    (
        '  - name: a\n    prompt: "a {{ input }}, {{ zzz }}"\n',
        "4:32: nothing provides 'zzz' (variables: dependencies, input, parameters)",
    ),
    (
        AGENT + '  - name: b\n    prompt: "{{ a }}"\n',
        "5:17: nothing provides 'a' (add 'a' to depends_on)",
    ),
    (
        '  - name: b-c\n    prompt: "{{ b_c }}"\n',
        "4:17: nothing provides 'b_c' (an agent cannot read its own output)",
    ),
    (
        "  - name: input\n  - name: b\n    depends_on: [input]\n    prompt: '{{ input }}'\n",
        "6:17: 'input' is both an input and an agent (rename the agent, or write dependencies['input'])",
    ),
    (
        "  - name: a\n    prompt: x\n    prompt_file: p.md\n",
        "5:5: 'prompt' and 'prompt_file' are both given (keep one of them)",
    ),
    ("  - name: a\n    prompt_file: none.md\n", "4:18: 'none.md': there is no such file"),
    (
        "  - name: a\n    system_prompt_file: ../x.md\n",
        "4:25: '../x.md' is not in the ensemble's folder (move it there)",
    ),
    (
        "  - name: a\n    prompt: |\n      x\n      {% include 'bad.md' %}\n",
        "6:19: in the included 'bad.md', line 2: not a template: unexpected end of template, "
        "expected 'end of print statement'",
    ),
    (
        "  - name: a\n    prompt: '{{ dependencies }}'\n    demos: [{inputs: {q: x}, output: y}]\n",
        "5:22: this example has no 'dependencies', which the prompt reads",
    ),
]

KINDS = [
    (
        "  - name: a\n    script: cat\n    prompt: x\n",
        "5:5: 'prompt' has no meaning for an agent with 'script' (remove it)",
    ),
    (
        "  - name: a\n    script: cat\n    loop: {body: x}\n",
        "5:5: an agent is one thing: 'script' and 'loop' are both given (make two agents of it)",
    ),
    (
        "  - name: a\n    max_output_bytes: 5\n",
        "4:5: 'max_output_bytes' has no meaning for an agent without 'script' (remove it)",
    ),
    (
        "  - name: a\n    script: scripts/x.py\n",
        "4:13: there is no script 'scripts/x.py' "
        "(looked in the ensemble's folder, the project and its .llm-orc folder)",
    ),
    (
        "  - name: a\n    script: no-such-program -c .\n",
        "4:13: there is no program 'no-such-program' (install it, or give the path of a script)",
    ),
    (
        "  - name: a\n    script: echo 'x\n",
        "4:13: this is not a command line: no closing quotation (check its quotes)",
    ),
    ("  - name: a\n    script: ''\n", "4:13: the script is empty"),
    (
        "  - name: a\n    script: bad.md\n",
        "4:13: the script 'bad.md' is not executable (run 'chmod +x bad.md')",
    ),
]

SCHEMAS = [
    (
        "{type: object, properties: {x: {type: strng}}}",
        "4:58: type: expected one of array, boolean, integer, null, number, object, string, "
        "got text 'strng' (did you mean 'string'?)",
    ),
    (
        "{$ref: 'http://x/y'}",
        "4:27: the reference 'http://x/y' leads out of the file "
        "(copy what it refers to into 'definitions' and refer to '#/definitions/…')",
    ),
    ("{items: {$ref: '#/definitions/x'}}", "4:35: the reference '#/definitions/x' leads nowhere"),
    ("{pattern: '('}", "4:30: '(' is not a regular expression"),
    ("{required: answer}", "4:31: required: expected a list, got text 'answer' (write [answer])"),
    ("{propertyNames: 5}", "4:36: propertyNames: expected a mapping or true or false, got the number 5"),
]
