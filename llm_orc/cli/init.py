"""`init` and `new`: files to start from. What is there already is never touched."""

from __future__ import annotations

import re
from pathlib import Path

import click

from llm_orc.errors import UsageFailed
from llm_orc.orchestrator.watching import schema_of

_CONFIG = """\
# Settings of this project. `llm-orc config show` prints each with where it came from.
# yaml-language-server: $schema=schemas/config.schema.json

# The model of agents that name none, for example ollama/llama3.1:8b.
default_model: tiny-large
"""

_HELLO = """\
# yaml-language-server: $schema=../.llm-orc/schemas/ensemble.schema.json
# Solve a word problem twice and compare. Run it:  llm-orc invoke hello
name: hello
description: Two models solve the same word problem.
inputs:
  question: {type: string}
default_task: >-
  Ann has 12 apples. She buys 3 bags of 4 apples each. Then she gives 5 apples to Tom.
  How many apples does Ann have now?
agents:
  - name: medium
    model: tiny-medium
    prompt: "{{ question }}"
  - name: large
    model: tiny-large
    prompt: "{{ question }}"
"""

_NEW = """\
# yaml-language-server: $schema={schema}
# Check it:  llm-orc validate {file}
# Run it:    llm-orc invoke {file} "Your text"
name: "{name}"
description: What this ensemble is for.

# The inputs, a JSON Schema each. Without `inputs` there is one text called `input`.
inputs:
  question: {{type: string}}

agents:
  # An agent asks a model. Without `model:` it is the default model, or the one of --model.
  - name: answer
    # The system prompt is literal text.
    system_prompt: Answer in a few sentences. Say so when you are not sure.
    # The prompt is a template: it sees the inputs, and the outputs of the agents in depends_on.
    prompt: "{{{{ question }}}}"
    timeout_seconds: 120

  # Agents that do not depend on each other run at the same time.
  - name: review
    depends_on: [answer]
    system_prompt: You review answers. Name mistakes and gaps, or say that there are none.
    prompt: |
      Question: {{{{ question }}}}

      Answer: {{{{ answer }}}}
    # A failed review does not spoil the answer.
    on_failure: {{default: no review}}

# The agent whose output is the result; without it, the agents that nothing depends on.
output: review
"""

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
_IGNORED = ".llm-orc/runs.db*\n.llm-orc/cache.db*\n.llm-orc/embeddings/\n.llm-orc/optimize/\n"


@click.command(epilog="\b\nExample:\n  llm-orc init my-project")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path())
def init(directory: Path) -> None:
    """Make a working project in DIRECTORY: settings, an ensemble, schemas for your editor.

    Files that are there already are kept as they are.
    """
    files = {
        Path(".llm-orc/config.yaml"): _CONFIG,
        Path("ensembles/hello.yaml"): _HELLO,
        Path(".llm-orc/schemas/ensemble.schema.json"): schema_of("ensemble"),
        Path(".llm-orc/schemas/models.schema.json"): schema_of("models"),
        Path(".llm-orc/schemas/config.schema.json"): schema_of("config"),
    }
    for path, text in files.items():
        state = "made" if _write_new(directory / path, text) else "kept"
        click.echo(f"{state}  {directory / path}", err=True)
    _ignore(directory / ".gitignore")
    where = "" if directory == Path() else f"cd {directory} && "
    click.echo(f"next: {where}llm-orc invoke hello", err=True)


@click.command(epilog="\b\nExample:\n  llm-orc new summaries")
@click.argument("name")
def new(name: str) -> None:
    """Write ensembles/NAME.yaml, a commented file to start from."""
    if not _NAME.fullmatch(name):
        hint = "use letters, digits, -, _ and ., and / for folders"
        raise UsageFailed(f"{name!r} is not a name for an ensemble", hint=hint)
    name = name.removesuffix(".yaml")
    path = Path("ensembles") / f"{name}.yaml"
    local = Path(".llm-orc/schemas/ensemble.schema.json")
    up = "../" * (len(path.parts) - 1)
    schema = f"{up}{local}" if local.exists() else f"{up}schemas/ensemble.schema.json"
    if not _write_new(path, _NEW.format(name=Path(name).name, file=path, schema=schema)):
        raise UsageFailed(f"{path} is there already", hint="choose another name, or edit the file")
    click.echo(f"made  {path}", err=True)


def _write_new(path: Path, text: str) -> bool:
    """Write a file unless it is there. Raises `UsageFailed` when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        if path.is_file():
            return False
        raise UsageFailed(f"cannot write {path}: something else is in its place") from None
    except OSError as error:
        raise UsageFailed(f"cannot write {path}: {error.strerror}") from error
    return True


def _ignore(path: Path) -> None:
    """Run records do not belong into the repository."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if _IGNORED not in text:
        glue = "" if not text or text.endswith("\n") else "\n"
        path.write_text(f"{text}{glue}{_IGNORED}", encoding="utf-8")
