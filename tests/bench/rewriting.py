"""Two thousand hostile edits of a hundred ensemble files: what they lose, touch, change and refuse."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, RewriteRefused
from llm_orc.spec.document import decoded, parse
from llm_orc.spec.ensemble_file import load_ensemble
from llm_orc.spec.replace_file import replace_files
from llm_orc.spec.rewrite_file import rewrite_file
from tests.rewriting.edits import intended, random_edit
from tests.rewriting.evidence import alike, bytes_outside, comments_of
from tests.rewriting.files import fleet_of, write_files

FILES, EDITS, SEED = 120, 2_000, 20
_SPECIAL = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass
class Count:
    """What became of the edits. `not_meant` are those that no file can hold."""

    done: int = 0
    unchanged: int = 0
    not_meant: int = 0
    accepted_wrongly: int = 0
    comments_lost: int = 0
    outside: int = 0
    loaded_otherwise: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


def main() -> None:
    edits = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else EDITS
    count, files = fuzzed(edits, SEED)
    refused = sum(count.refused.values())
    print(
        f"{edits} hostile edits of {files} ensemble files: {count.done} done, {count.unchanged} were there "
        f"already, {refused} refused ({100 * refused / edits:.2f} %), {count.not_meant} refused that no file "
        f"can hold; {count.comments_lost} comments lost, {count.outside} characters changed outside, "
        f"{count.loaded_otherwise} loaded otherwise, {count.accepted_wrongly} accepted wrongly; "
        f"{median(count.seconds) * 1e3:.0f} ms an edit"
    )
    for reason, number in count.refused.most_common():
        print(f"  refused {number:3}: {reason}")
    for example in count.examples[:20]:
        print(example)


def fuzzed(edits: int, seed: int) -> tuple[Count, int]:
    """Each edit is of a file as it was first, or as the edit before left it."""
    random, count = Random(seed), Count()
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), random, FILES)
        file, first = files[0], dict[Path, bytes]()
        for _ in range(edits):
            if random.random() < 0.7:
                for path, content in first.items():
                    path.write_bytes(content)
                file, first = random.choice(files), {}
            for change in _tried(random, file, count):
                first.setdefault(change.path, change.before)
    return count, len(files)


def _tried(random: Random, file: Path, count: Count) -> tuple[FileChange, ...]:
    fleet = fleet_of(file)
    before = file.read_bytes()
    ensemble = load_ensemble(file, fleet, need_models=False)
    edit = random_edit(random, ensemble)
    meant = _meant(file, before, edit, fleet)
    began = perf_counter()
    try:
        changes = rewrite_file(file, [edit], fleet)
        replace_files(changes)
    except RewriteRefused as error:
        if meant is None:
            count.not_meant += 1
        else:
            shutil.copy(file, f"/tmp/refused-{sum(count.refused.values())}.yaml")
            print("REFUSED", edit)
            count.refused[f"{error} ({error.hint})".replace(str(file), file.name)] += 1
        return ()
    count.seconds.append(perf_counter() - began)
    if meant is None:
        count.accepted_wrongly += 1
        count.examples.append(f"accepted wrongly: {file.name}: {edit!r:.300}")
    elif changes:
        count.done += 1
        _examine(file, before, edit, meant, fleet, count)
    else:
        count.unchanged += 1
        count.loaded_otherwise += not alike(ensemble, meant)
    return changes


def _meant(file: Path, before: bytes, edit: Edit, fleet: Fleet) -> Ensemble | None:
    """What is to be loaded; None where that is no ensemble."""
    data = intended(parse(decoded(before, ""), "").value, edit)
    other = file.with_name(f"{file.stem}--intended.yaml")
    written = json.dumps(data, ensure_ascii=False)
    written = _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
    other.write_text(written, encoding="utf-8")
    try:
        return load_ensemble(other, fleet, need_models=False)
    except InvalidFile:
        return None
    finally:
        other.unlink()


def _examine(file: Path, before: bytes, edit: Edit, meant: Ensemble, fleet: Fleet, count: Count) -> None:
    old, new = (content.removeprefix(b"\xef\xbb\xbf").decode() for content in (before, file.read_bytes()))
    lost = (comments_of(old) - comments_of(new)).total() + (comments_of(new) - comments_of(old)).total()
    outside = bytes_outside(old, new, edit.agent, edit.key, removed=edit.value is None) if old != new else 0
    otherwise = not alike(load_ensemble(file, fleet, need_models=False), meant)
    count.comments_lost += lost
    count.outside += outside
    count.loaded_otherwise += otherwise
    if lost or outside or otherwise:
        print(
            "=====\n",
            "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[:3000],
        )
        count.examples.append(f"{lost=} {outside=} {otherwise=} {file.name}: {edit!r:.300}")
