"""Ensemble files in a random hand: indentation, styles, order, comments and blank lines."""

from __future__ import annotations

import json
from random import Random

_WORDS = (
    "Answer",
    "briefly",
    "é",
    "漢字",
    "a: b",
    "it's",
    "\U0001f600",
    "x # y",
    "{{ input }}",
    "- item",
    "[z]",
    "1",
    "—",
)
_NOTES = (
    "# note",
    "#",
    "#- name: old",
    "# a: 'b' \"c\" {d}",
    "# – é 漢 \U0001f680",
    "#!x",
    "# key: |",
    "# {{ x }}",
)


def generated(random: Random) -> str:
    """One file; it may turn out invalid, and is then to be thrown away."""
    return _Writer(random).written()


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._step = random.choice([1, 2, 2, 2, 3, 4, 6])
        self._noisy = random.choice([0.0, 0.1, 0.4])
        self._flush = random.random() < 0.3
        self._lines: list[str] = []
        self._anchors: list[str] = []

    def written(self) -> str:
        random = self._random
        if random.random() < 0.2:
            self._lines.append(random.choice(["---", "--- # start", "%YAML 1.2\n---"]))
        parts = [self._name, self._agents]
        if random.random() < 0.2:
            parts.reverse()
        if random.random() < 0.3:
            self._add("x-base: &base" + self._tail())
            self._add(" " * self._step + "top_p: 0.5")
            self._anchors.append("base")
        for part in parts:
            part()
        if random.random() < 0.1:
            self._lines.append(random.choice(["...", "... # end"]))
        return "\n".join(self._lines) + random.choice(["", "\n", "\n", "\n", "\n\n\n", "\n# end"])

    def _name(self) -> None:
        self._add(self._key("name") + self._scalar("made up") + self._tail())

    def _agents(self) -> None:
        self._add(self._key("agents").rstrip() + self._tail())
        outer = 0 if self._flush else self._step
        for number in range(self._random.randrange(1, 4)):
            if self._random.random() < 0.15:
                self._flow_agent(number, outer)
            else:
                self._block_agent(number, outer)

    def _flow_agent(self, number: int, outer: int) -> None:
        members = [f"{json.dumps(key)}: {self._flow(value)}" for key, value in self._settings(number)]
        gap = self._random.choice(
            [", ", ",", f",\n{' ' * (outer + 4)}", f",  # in flow\n{' ' * (outer + 3)}"]
        )
        end = self._random.choice(["", ",", f"\n{' ' * (outer + 2)}"])
        self._lines.append(f"{' ' * outer}- {{{gap.join(members)}{end}}}{self._tail()}")

    def _block_agent(self, number: int, outer: int) -> None:
        gap = self._random.choice([1, 1, 1, 2, 3])
        column = outer + 1 + gap
        settings = self._settings(number)
        if self._random.random() < 0.7:
            settings.sort(key=lambda pair: pair[0] != "name")
        if self._anchors and self._random.random() < 0.4:
            settings.insert(self._random.randrange(len(settings)), ("<<", "*base"))
        before = f"{' ' * outer}-{' ' * gap}"
        for key, value in settings:
            self._member(before, column, key, value)
            before = " " * column

    def _settings(self, number: int) -> list[tuple[str, object]]:
        random = self._random
        settings: list[tuple[str, object]] = [("name", f"agent{number}")]
        if number:
            settings.append(("depends_on", [f"agent{number - 1}"]))
        for key in ("system_prompt", "prompt", "description"):
            if random.random() < 0.7:
                settings.append((key, self._words()))
        if random.random() < 0.4:
            demo = {"inputs": {"input": self._words()}, "output": self._words()}
            settings.append(("demos", [demo] * random.randrange(4)))
        if random.random() < 0.5:
            settings.append(("temperature", random.choice([0, 0.5, 1.0, 2])))
        if random.random() < 0.5:
            sampled = {"type": "self_consistency", "samples": random.randrange(2, 9), "temperature": 0.5}
            settings.append(
                ("strategy", random.choice([sampled, {"type": "refine", "rounds": 2}, "auto", "single"]))
            )
        if random.random() < 0.3:
            settings.append(("model", random.choice(["tiny-small", {"provider": "ollama", "name": "x:8b"}])))
        random.shuffle(settings)
        return settings

    def _words(self) -> str:
        words = self._random.choices(_WORDS, k=self._random.randrange(1, 12))
        return "".join(
            word + self._random.choice([" ", " ", " ", "\n", "\n\n", "\n  "]) for word in words
        ).strip()

    def _member(self, before: str, column: int, key: str, value: object) -> None:
        written = self._key(key)
        if isinstance(value, dict) and self._random.random() < 0.7:
            self._add(before + written.rstrip() + self._tail())
            inner = column + self._step
            for name, setting in value.items():
                self._member(" " * inner, inner, name, setting)
        elif isinstance(value, list) and value and isinstance(value[0], dict) and self._random.random() < 0.7:
            self._add(before + written.rstrip() + self._tail())
            inner = column + (0 if self._flush else self._step)
            for item in value:
                first = " " * inner + "- "
                for name, setting in item.items():
                    self._member(first, inner + 2, name, setting)
                    first = " " * (inner + 2)
        elif key == "<<":
            self._add(f"{before}<<: {value}{self._tail()}")
        elif isinstance(value, str) and key not in ("name", "type") and self._random.random() < 0.5:
            self._block_text(before + written, column, value)
        else:
            text = self._scalar(value) if isinstance(value, str) else self._flow(value)
            self._add(before + written + self._anchor(key) + text + self._tail())

    def _block_text(self, head: str, column: int, text: str) -> None:
        sign = self._random.choice(["|", "|-", "|+", ">", ">-", ">+"])
        deep = self._random.choice([self._step, 1, 2, 4])
        number = str(deep) if self._random.random() < 0.2 or text.startswith(" ") else ""
        self._lines.append(f"{head}{self._anchor('')}{sign[0]}{number}{sign[1:]}{self._tail()}")
        space = " " * (column + deep)
        self._lines += [space + line if line.strip() else "" for line in text.split("\n")]
        self._lines += [""] * self._random.choice([0, 0, 1, 3])

    def _anchor(self, key: str) -> str:
        if key in ("name", "depends_on") or self._random.random() < 0.9:
            return ""
        self._random.random()
        return f"&a{len(self._lines)} "

    def _key(self, key: str) -> str:
        written = self._random.choice([key, key, key, key, f'"{key}"', f"'{key}'"]) if self._noisy else key
        return f"{written}:{self._random.choice([' ', ' ', ' ', '  ', chr(9)]) if self._noisy else ' '}"

    def _scalar(self, text: str) -> str:
        match self._random.randrange(3):
            case 0 if "\n" not in text:
                return "'" + text.replace("'", "''") + "'"
            case 1 if text.isascii() and text.replace(" ", "").isalnum():
                return text
        return json.dumps(text, ensure_ascii=self._random.random() < 0.5)

    def _flow(self, value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    def _tail(self) -> str:
        if self._random.random() >= self._noisy:
            return ""
        return self._random.choice(
            ["  ", " \t", f" {self._random.choice(_NOTES)}", f"   {self._random.choice(_NOTES)} "]
        )

    def _add(self, line: str) -> None:
        if self._random.random() < self._noisy:
            space = " " * self._random.randrange(12)
            self._lines += self._random.choice([[""], [space + self._random.choice(_NOTES)], ["", "  "]])
        self._lines.append(line)
