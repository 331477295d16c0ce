"""A hundred ensemble files of all shapes in one folder: the repository's, written ones and generated ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from llm_orc.domain.ensemble import Llm
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile
from llm_orc.spec.catalogue import load_fleet
from llm_orc.spec.ensemble_file import load_ensemble
from tests.rewriting.generated import generated
from tests.rewriting.shapes import PROMPT_FILES, SHAPES

ROOT = Path(__file__).parents[2]
FOLDERS = ("ensembles", "examples", "tests/upstream/project", "llm_orc/bench")
BOM = b"\xef\xbb\xbf"
VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda content: content.replace(b"\n", b"\r\n"),
    "cr": lambda content: content.replace(b"\n", b"\r"),
    "bom": lambda content: BOM + content,
    "no-end": lambda content: content.rstrip(b"\n"),
    "bom-crlf-no-end": lambda content: BOM + content.rstrip(b"\n").replace(b"\n", b"\r\n"),
    "mixed": lambda content: content.replace(b"\n", b"\r\n", content.count(b"\n") // 2),
}
"""The same file as other editors save it."""


def write_files(folder: Path, random: Random, count: int) -> list[Path]:
    """At least `count` valid files with an agent that asks a model, some in a copy of their project."""
    files = [*_of_repository(folder / "repository"), *_shapes(folder / "shapes")]
    # Of two files that keep a prompt in the same file, neither is rewritten.
    plain = [file for file in files if "prompt_file" not in file.read_text(encoding="utf-8")]
    for index, name in enumerate(list(VARIANTS) * 4):
        file = random.choice(plain)
        files.append(file.with_name(f"{file.stem}--{index}-{name}.yaml"))
        files[-1].write_bytes(VARIANTS[name](file.read_bytes()))
    files = [file for file in files if _is_of_use(file)]
    made = folder / "generated"
    made.mkdir()
    number = 0
    while len(files) < count:
        number += 1
        file = made / f"g{number}.yaml"
        content = generated(random).encode()
        file.write_bytes(random.choice([bytes, bytes, *VARIANTS.values()])(content))
        if _is_of_use(file):
            files.append(file)
    return files


def fleet_of(file: Path) -> Fleet:
    """The models that the file's project knows, and the embedded ones."""
    home = next((folder for folder in file.parents if (folder / ".llm-orc").is_dir()), file.parent)
    return load_fleet(home, home / "nobody")


def _of_repository(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.gguf", "__pycache__"))
    for file in sorted(folder.rglob("*.yaml")):
        if "\nagents:" in file.read_text(encoding="utf-8"):
            yield file


def _shapes(folder: Path) -> Iterator[Path]:
    (folder / "prompts").mkdir(parents=True)
    for name, text in PROMPT_FILES.items():
        (folder / name).write_bytes(text.encode())
    for name, text in SHAPES.items():
        file = folder / f"{name.replace(' ', '-')}.yaml"
        file.write_bytes(text.encode())
        yield file


def _is_of_use(file: Path) -> bool:
    try:
        ensemble = load_ensemble(file, fleet_of(file), need_models=False)
    except InvalidFile as error:
        if "circle" not in file.stem and "generated" not in file.parts:
            raise AssertionError(f"{file.name}: {error}") from error
        return False
    return any(isinstance(agent.work, Llm) for agent in ensemble.agents.values())
