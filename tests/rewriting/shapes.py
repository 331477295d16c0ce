"""Ensemble files as people, editors and programs write them: every shape that YAML offers."""

from __future__ import annotations

SHAPES = {
    "literal": """\
# before everything
name: literal   # the name
agents:
  # before the first
  - name: first   # who
    # before the prompt
    system_prompt: |   # header
      You are # not a comment.

        Indented: yes
      - last

    # after the prompt
    prompt: |-
      {{ input }}
    temperature: 0.5   # warm
  - name: second
    depends_on: [first]  # flow
    prompt: |+
      Look: {{ first }}

      # text


    # end of second
output: second
# after everything
""",
    "folded": """\
name: folded
agents:
- name: one # zero indented
  system_prompt: >
    Folded text goes
    on here.

    A paragraph.
  prompt: >-
    {{ input }}
    again

- name: two
  depends_on:
  - one
  system_prompt: >+
    Kept

  prompt: >2-
      two spaces more
    {{ one }}
""",
    "quoted": """\
"name": 'quoted'
'agents':
    - "name": "a"
      'system_prompt': 'It''s: # no comment'   # a comment
      "prompt": "Tab\\there \\u2028 {{ input }} \\
          continued \\
          lines"
      "strategy": "chain_of_thought"
    - "name": b
      depends_on: ["a"]
      prompt: "first
        second

        third"  # behind
      system_prompt: plain text
        on two lines  # behind plain
      temperature: !!float 1
""",
    "flow agents": """\
name: flow
agents:
  - {name: a, prompt: "{{ input }}", temperature: 0.1}  # one
  - { name: b , depends_on: [ a ] , system_prompt: 'x' , strategy: {type: self_consistency, samples: 3} }
  - {
      name: c,   # third
      prompt: plain text,
      # before the examples
      demos: [{inputs: {input: "1"}, output: "2"}],   # examples
    }
  - {"name": "d", "prompt": "text","demos":[]}
""",
    "json": '{"name": "json", "agents": [{"name": "a", "prompt": "{{ input }}", "system_prompt": "be\\nbrief", '
    '"strategy": {"type": "self_consistency", "samples": 3}}, {"name": "b", "depends_on": ["a"], "prompt": "x"}]}\n',
    "json lines": """\
{
  "name": "json",
  "agents": [
    {
      "name": "a",
      "system_prompt": "be brief",
      "demos": [
        {"inputs": {"input": "1"}, "output": "one"},
        {"inputs": {"input": "2"}, "output": "two"}
      ]
    },
    {
      "name": "b",
      "depends_on": ["a"],
      "prompt": "text"
    }
  ]
}
""",
    "demos": """\
name: demos
inputs: {question: {type: string}}
agents:
  - name: a
    prompt: "{{ question }}"
    demos:   # examples
      # the first
      - inputs: {question: "1 + 1"}   # easy
        output: "2"
      # the second
      - inputs:
          question: |
            Two lines
            of it
        output: >
          folded
          answer
      -
        output: 'three'
        inputs: { question: "3" }
      # after the last
    strategy:
      type: self_consistency   # vote
      # how many
      samples: 5
      early_stop: {window: 3}
      temperature: 0.7
  - name: b
    depends_on: [a]
    demos:
    - inputs: {a: x, question: q}
      output: y
""",
    "anchors": """\
name: anchors
x-shared: &base
  temperature: 0.3   # of the base
  max_tokens: 100
x-text: &text |
  Shared text.
x-strategy: &sc {type: self_consistency, samples: 4, temperature: 0.5}
agents:
  - &first
    name: first
    <<: *base
    system_prompt: *text
    strategy: *sc
  - <<: *base   # merged
    name: second
    depends_on: [first]
    system_prompt: &own text of its own
    prompt: !!str &tagged "{{ first }}"
  - name: third
    depends_on: [second]
    <<: [*base, {top_p: 0.5}]
    strategy: {<<: *sc, samples: 7}
""",
    "markers": """\
%YAML 1.2
# of the document
--- # starts
name: markers

agents:

  - name: a

    prompt: |
      {{ input }}

      ...not the end


    system_prompt: x

... # over
# and out
""",
    "keys": """\
agents:
  -
    temperature: 0.2
    # odd place
    prompt:
      plain below the key
    name: a
    ? system_prompt
    : explicit
    strategy: single
  - prompt: # note:
      "text: below"

    depends_on: [ a ]
    name:   b
    system_prompt:
      # between key and value
      |
      literal below
    demos: []
output: b
name: keys
description: ""
""",
    "wide": """\
name: wide
agents:
        -       name:    a
                system_prompt:    |
                             far to the right
                               and more
                prompt:	"after a tab"	# tabbed
                strategy:
                           type: refine
                           rounds: 2
                           critique: What is missing?
        -       name: b
                depends_on:
                    - a
""",
    "narrow": """\
name: narrow
agents:
 - name: a
   system_prompt: |
    one space
     two
   strategy:
    type: chain_of_thought
    instruction: Think.
 - name: b
   depends_on: [a]
   temperature: 1.0e-1
   max_tokens: 0x10
""",
    "end in literal": "name: e\nagents:\n  - name: a\n    temperature: 1\n    system_prompt: |\n      no newline at the end",
    "end in kept": "name: e\nagents:\n  - name: a\n    prompt: |+\n      kept\n\n\n",
    "end in comment": "name: e\nagents:\n  - name: a\n    prompt: x\n    # last words",
    "end in spaces": "name: e\nagents:\n  - name: a\n    prompt: x   \n   \n      \n",
    "end in list": "name: e\nagents:\n  - name: a\n    demos:\n      - inputs: {input: a}\n        output: b",
    "other end": """\
name: other
agents:
  - name: a
    prompt: x
  - name: b
    depends_on: [a]
    on_failure:
      default: |
        kept as it is""",
    "unicode": """\
name: unicode  # 名前 \U0001f680
agents:
  - name: a  # — émoji \U0001f468\u200d\U0001f469
    system_prompt: 日本語 — naïve   # コメント
    prompt: "\U0001f600 {{ input }}"
  - name: b
    depends_on: [a]
    system_prompt: |
      “quotes” … \u00a0 nbsp
      \u200d joiner
""",
    "separators": (
        'name: separators\nagents:\n  - name: a\n    prompt: "one\\u2028two\u2028  three"  # after\n'
        "    system_prompt: 'x\u2029 y'\n    temperature: 1\n  - name: b\n    depends_on: [a]\n    prompt: z\n"
    ),
    "long lines": "name: long\nagents:\n  - name: a\n    system_prompt: " + "word " * 4_000 + "end # c\n"
    "    prompt: '" + "x" * 9_000 + "'\n    # " + "comment " * 500 + "\n",
    "strategies": """\
name: strategies
agents:
  - name: a
    strategy: cascade   # climbs
    models: [tiny-small, tiny-medium]
  - name: b
    depends_on: [a]
    strategy:   # of b
      type: self_consistency
      samples: 9          # odd
      early_stop:         # when settled
        window: 3         # in a row
        beta: 0.95
      temperature: 0.7
    model: tiny-large     # the large one
  - name: c
    depends_on: [b]
    models:
      - tiny-small   # cheap
      - tiny-large   # dear
    strategy: {type: verify, retries: 1, instruction: "it's right: #1"}
""",
    "spaced": """\


name: spaced


agents:


  - name: a


    prompt: x


    # alone


    temperature: 0.5


  - name: b


""",
    "nested": """\
name: nested
agents:
  - name: a
    strategy:
      type: cascade
      threshold: 0.5    # sure
      verify:
        # inner
        type: self_consistency
        samples: 3
    models: [tiny-small, tiny-large]
  - {name: b, strategy: {type: cascade, verify: {type: self_consistency, samples: 3}}, models: [tiny-small, tiny-large]}
""",
    "tags": """\
name: tags
agents:
  - name: !!str a
    system_prompt: ! |
      tagged
    temperature: !!float "0.5"
    demos: !!seq
      - !!map {inputs: !!map {input: !!str 1}, output: !!str 2}
    strategy: !!map
      type: self_consistency
      samples: !!int 3
""",
    "comments": """\
#
# name: commented out
name: comments #
#agents: old
agents: # the agents
#  - name: old
  # - name: older
  - # of the dash
    # more
    name: a # 'quoted' "both" {x: y}
#   prompt: old
    prompt: # after the key
      # below the key
      text # after # twice
      # not part of it
    # --- no marker
    demos: # of demos
      # in demos
      - # of item
        inputs: # of inputs
          # in inputs
          input: x # of x
        output: y # of y
      # behind the item
    # behind demos
    strategy: # of strategy
      # in strategy
      type: chain_of_thought # of type
      # behind type
# at the start of a line
    top_p: 0.5
  # behind a
output: a # out
#""",
    "files": """\
name: files
agents:
  - name: a
    system_prompt_file: prompts/a.md   # its role
    prompt_file: "prompts/a.j2"
  - {name: b, depends_on: [a], prompt_file: prompts/b.j2}
""",
}  # fmt: skip
PROMPT_FILES = {
    "prompts/a.md": "\ufeffBe brief.\r\nBe kind.\r\n",
    "prompts/a.j2": "Answer {{ input }}\n\n\n",
    "prompts/b.j2": "{{ a }}",
}
"""What some of the shapes refer to."""
