"""One change to one key of an agent, as texts that may be the new file: all but the key's own lines stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from llm_orc.domain.edit import Edit, SetKey
from llm_orc.domain.json import JsonValue
from llm_orc.errors import RewriteRefused
from llm_orc.spec.redaction import shown
from llm_orc.spec.spans import Span, block_indent, comments, header_comment, line_end, line_start, newline
from llm_orc.spec.written import Manner, Written, block, key_written, quoted, value_written

_ORDER = (
    "name", "description", "depends_on", "task", "model", "models", "provider", "model_profile", "profile",
    "fallback", "fallback_model_profile", "system_prompt", "system_prompt_file", "prompt", "prompt_file",
    "demos", "variants", "strategy", "temperature",
)  # fmt: skip
"""Where a key that is added finds its place: after the last of those before it that the agent has."""


@dataclass(frozen=True, slots=True)
class Splice:
    """`text` with the tree of its places, and the agent and key that are to be changed.

    `target` is the mapping of the key, which `above` lead to from the root.
    """

    text: str
    root: Span
    target: Span
    above: tuple[Span, ...]
    key: str
    edit: Edit

    def candidates(self) -> Iterator[str]:
        """New texts, the one most like the old first; not all need be what is meant."""
        if self.target.kind == "alias":
            yield self._beside_alias()
        elif isinstance(self.edit, SetKey):
            yield from self._set(self.edit.value)
        else:
            yield self._remove()

    def _set(self, value: JsonValue) -> Iterator[str]:
        if self.target.kind == "scalar":  # a strategy's name, which becomes its type
            whole = {"type": self.target.value, self.key: value}
            yield self._replace(None, self.target, whole, self._manner(self.target))
            return
        found = self.target.member(self.key)
        if found is not None:
            key, old = found
            self._check_shared(old)
            manner = self._manner(old)
            yield self._replace(key, old, value, manner)
            if isinstance(value, str):
                yield self._put(key, old, Written(quoted(value)), manner)
            return
        manner = self._manner(None)
        yield self._insert(value_written(value, manner), manner)
        if isinstance(value, str):
            yield self._insert(Written(quoted(value)), manner)

    def _manner(self, old: Span | None) -> Manner:
        """How the file writes here; `old` is the value that is replaced."""
        step, flush = _habits(self.text, self.root)
        in_flow = any(span.style == "flow" for span in (*self.above, self.target) if span.members)
        first = self.target.members[0][0] if self.target.members else self.target
        manner = Manner(
            column=self._column(), step=step, flush=flush, flow=in_flow or self.target.style == "flow",
            quoted=(in_flow or self.target.style == "flow") and first.style == '"',
        )  # fmt: skip
        if old is None or old.kind == "alias":
            return replace(manner, clip=self._is_prompt)
        body = None
        if old.style in ("|", ">"):
            header = self.text[old.start : line_end(self.text, old.start)].split("#")[0]
            body = block_indent(self.text, old) if header.strip("|>+- ") == "" else None
            clip = self._is_prompt and "-" not in header
        else:
            clip = self._is_prompt
        return replace(manner, style=old.style, body=body, clip=clip)

    @property
    def _is_prompt(self) -> bool:
        """Line breaks at the end of a prompt have no meaning."""
        return self.key in ("prompt", "system_prompt")

    def _column(self) -> int:
        mapping = self.target if self.target.members else self.above[-1]
        start = mapping.members[0][0].outer
        before = self.text[line_start(self.text, start) : start]
        # Before an explicit key, `? `, the mapping begins with the sign.
        return len(before.rstrip(" ")) - 1 if before.rstrip(" ").endswith("?") else len(before)

    def _check_shared(self, old: Span) -> None:
        for span in old.below():
            outside = [place for place in span.aliases if not old.outer <= place < old.last]
            if outside:
                self.refuse_shared(span, outside)

    def refuse_shared(self, span: Span, places: list[int]) -> NoReturn:
        lines = sorted({self.text.count("\n", 0, place) + 1 for place in places})
        listed = ", ".join(map(str, lines[:5])) + (" and others" if len(lines) > 5 else "")
        raise RewriteRefused(
            f"the anchor {shown('&' + span.anchor)} at this value is used elsewhere too (line {listed})",
            hint="write the value out where it is shared, and try again",
        )

    def _replace(self, key: Span | None, old: Span, value: JsonValue, manner: Manner) -> str:
        in_place = (
            old.is_block and old.kind != "scalar" and isinstance(value, Mapping | list | tuple) and value
        )
        if not in_place:
            return self._put(key, old, value_written(value, manner), manner)
        start = old.start
        column = start - line_start(self.text, start)
        if self.text[line_start(self.text, start) : start].strip(" "):  # below a `? ` or `- `
            return self._put(key, old, value_written(value, manner), manner)
        lines = block(value, replace(manner, column=column, style="block"))  # type: ignore[arg-type]
        kept = [" " * column + comment for comment in comments(self.text, old, start)]
        joined = newline(self.text, start).join([*kept, *lines])
        return self.text[:start] + joined[column:] + self.text[old.end :]

    def _put(self, key: Span | None, old: Span, written: Written, manner: Manner) -> str:
        """`written` instead of `old`; the rest of the line stays, and comments in `old` follow."""
        text, inline = self.text, written.inline
        start = old.start
        own_comment = header_comment(text, old) if old.style in ("|", ">") else ""
        kept = comments(text, old, start)
        if own_comment:
            kept.remove(own_comment.strip())
        if "!" in text[old.outer : old.start] and not kept:  # a tag is of the old value
            start, inline = old.outer, f"&{old.anchor} {inline}" if old.anchor else inline
        colon = len(text[:start].rstrip(" \t\r\n"))
        apart = not inline or line_start(text, start) > colon
        if apart and key is not None and colon > key.end and text[colon - 1] == ":" and not manner.flow:
            start = colon
        if key is not None and ":" not in text[key.end : start]:
            inline = f": {inline}"
        elif inline and start and not text[start - 1].isspace():
            inline = f" {inline}"
        if manner.flow:
            return text[:start] + inline + self._in_brackets(kept, start) + text[old.end :]
        end = line_end(text, old.end)
        below = [*written.below]
        notes = [" " * manner.column + comment for comment in kept]
        if written.inline == "" and below:
            column = len(below[0]) - len(below[0].lstrip(" "))
            below = [" " * column + comment for comment in kept] + below
        else:
            below += notes
        line_break = newline(text, start)
        return text[:start] + inline + own_comment + text[old.end : end] + "".join(
            line_break + line for line in below
        ) + text[end:]  # fmt: skip

    def _in_brackets(self, kept: list[str], at: int) -> str:
        """Comments between brackets, where each must end its line."""
        if not kept:
            return ""
        line = self.text[line_start(self.text, at) : at]
        line_break = newline(self.text, at) + " " * (len(line) - len(line.lstrip(" ")) + 1)
        return "".join(f" {comment}{line_break}" for comment in kept)

    def _insert(self, written: Written, manner: Manner) -> str:
        text = self.text
        key = key_written(self.key, json_style=manner.quoted)
        head = f"{key}: {written.inline}" if written.inline else f"{key}:"
        before, value = self._neighbour()
        if manner.flow:
            start = line_start(text, before.outer)
            alone = text[start : before.outer].strip() == "" and before.outer > start
            gap = newline(text, start) + text[start : before.outer] if alone else " "
            return f"{text[: value.last]},{gap}{head}{text[value.last :]}"
        end = line_end(text, value.last)
        lines = [" " * manner.column + head, *written.below]
        line_break = newline(text, end)
        return text[:end] + "".join(line_break + line for line in lines) + text[end:]

    def _neighbour(self) -> tuple[Span, Span]:
        """The member after which the key is added."""
        members = self.target.members
        if self.key not in _ORDER or len(self.above) > 2:
            return members[-1]
        earlier = [pair for pair in members if pair[0].value in _ORDER[: _ORDER.index(self.key)]]
        return max(earlier or members[:1], key=lambda pair: _ORDER.index(pair[0].value) if earlier else 0)

    def _remove(self) -> str:
        found = self.target.member(self.key)
        if found is None:
            raise RewriteRefused(
                f"{self.key!r} is not written here: it comes with '<<' or an alias",
                hint="write the mapping out, and try again",
            )
        key, old = found
        self._check_shared(old)
        if self.target.style == "flow":
            return self._remove_in_flow(key, old)
        text = self.text
        begin = self._key_start(key)
        start, end = line_start(text, begin), line_end(text, old.last)
        kept = comments(text, key, key.start) + comments(text, old, key.end)
        rest = text[old.end : end].strip(" \t\r\n")
        kept += [rest] if rest.startswith("#") else []
        column = " " * self._column()
        line_break = newline(text, end)
        if text[start:begin].strip(" "):  # after a dash, which stays
            lines = line_break.join([*kept[:1], *(column + comment for comment in kept[1:])])
            return (text[:begin] + lines).rstrip(" ") + text[end:]
        if kept:
            return text[:start] + line_break.join(column + comment for comment in kept) + text[end:]
        if end < len(text):
            return text[:start] + text[end + len(newline(text, end)) :]
        return text[:start].removesuffix("\n").removesuffix("\r") + text[end:]

    def _remove_in_flow(self, key: Span, old: Span) -> str:
        text, members = self.text, self.target.members
        index = next(i for i, pair in enumerate(members) if pair[0] is key)
        if index + 1 < len(members):
            start, end = key.outer, members[index + 1][0].outer
        elif index:
            start, end = members[index - 1][1].last, old.last
        else:
            start, end = key.outer, old.last
        whole = Span("sequence", start, start, end, end, "flow", items=[key, old])
        kept = comments(text, whole, start)
        return text[:start] + self._in_brackets(kept, start) + text[end:]

    def _key_start(self, key: Span) -> int:
        before = self.text[: key.outer].rstrip(" ")
        explicit = before.endswith("?") and self.text[line_start(self.text, len(before)) : len(before) - 1]
        return len(before) - 1 if explicit is not False and explicit.strip(" -") == "" else key.outer

    def _beside_alias(self) -> str:
        """`*s` becomes `{<<: *s, key: value}`."""
        if not isinstance(self.edit, SetKey):
            raise RewriteRefused(
                f"{self.key!r} is not written here: it comes with '*{self.target.value}'",
                hint="write the mapping out, and try again",
            )
        manner = replace(self._manner(None), flow=True)
        value = value_written(self.edit.value, manner).inline
        merged = f"{{<<: *{self.target.value}, {key_written(self.key)}: {value}}}"
        return self.text[: self.target.start] + merged + self.text[self.target.end :]


def _habits(text: str, root: Span) -> tuple[int, bool]:
    """How many spaces a level has, and whether lists stand right under their key."""
    for _, value in root.members:
        if value.kind != "scalar" and value.is_block:
            column = value.start - line_start(text, value.start)
            if value.kind == "sequence" and column == 0:
                return 2, True
            return max(column, 1) if column <= 8 else 2, False
    return 2, False
