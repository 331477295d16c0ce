"""One change to one key of an agent, as patches that may make it: all but the key's own lines stay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from llm_orc.domain.json import JsonValue
from llm_orc.errors import RewriteRefused
from llm_orc.spec.items import items_patch
from llm_orc.spec.patch import Patch, check_shared, comments_between, comments_of_lines
from llm_orc.spec.spans import Span, block_indent, comments, header_comment, line_end, line_start, newline
from llm_orc.spec.written import MAX_INDICATOR, Manner, Written, block, key_written, quoted, value_written

_ORDER = (
    "name", "description", "depends_on", "task", "model", "models", "provider", "model_profile", "profile",
    "fallback", "fallback_model_profile", "system_prompt", "system_prompt_file", "prompt", "prompt_file",
    "demos", "variants", "strategy", "temperature", "top_p", "top_k", "min_p", "max_tokens",
)  # fmt: skip
"""Where a key that is added finds its place: after the last of those before it that the agent has."""

_COMMA = re.compile(r"\s*,")


@dataclass(frozen=True, slots=True)
class Splice:
    """`text` with the tree of its places, and the key that is to be changed: `path`, from its agent.

    `target` is the mapping of the key, which `above` lead to from the root. `before` and `value` are what
    the key has and is to have; without `value` it is taken out.
    """

    text: str
    root: Span
    target: Span
    above: tuple[Span, ...]
    path: tuple[str, ...]
    before: JsonValue
    value: JsonValue

    def patches(self) -> Iterator[Patch]:
        """The one that leaves the text most like it was first; not all need make what is meant."""
        if self.target.kind == "alias":
            yield self._beside_alias()
        elif self.value is None:
            yield from self._remove()
        else:
            yield from self._set(self.value)

    @property
    def _key(self) -> str:
        return self.path[-1]

    @property
    def _is_prompt(self) -> bool:
        """Line breaks at the end of a prompt have no meaning."""
        return self.path in (("prompt",), ("system_prompt",))

    @property
    def _in_flow(self) -> bool:
        return any(span.style == "flow" for span in (*self.above, self.target))

    def _set(self, value: JsonValue) -> Iterator[Patch]:
        found = self.target.member(self._key)
        if self.target.kind == "scalar" or not self.target.members:
            # A strategy's name, which becomes its type; or nothing yet.
            whole = {"type": self.target.value} if self.target.kind == "scalar" else {}
            yield self._put(None, self.target, {**whole, self._key: value}, self._manner(self.target))
        elif found is not None:
            key, old = found
            manner = self._manner(old)
            few = items_patch(self.text, old, self.before, value, manner)
            if few is not None:
                yield few
            check_shared(self.text, [old])
            yield self._replace(key, old, value, manner)
            if isinstance(value, str):
                yield self._put(key, old, Written(quoted(value)), manner)
        else:
            yield from self._add(value)

    def _add(self, value: JsonValue) -> Iterator[Patch]:
        """Where such a key is looked for; else where the end of a value before it does not matter."""
        manner = self._manner(None)
        best = self._neighbour()
        for pair in (best, *(pair for pair in self.target.members if pair is not best)):
            yield self._insert(pair, value_written(value, manner), manner)
            if isinstance(value, str):
                yield self._insert(pair, Written(quoted(value)), manner)

    def _manner(self, old: Span | None) -> Manner:
        """How the file writes here; `old` is the value that is replaced."""
        step, flush = _habits(self.text, self.root)
        first = self.target.members[0][0] if self.target.members else self.target
        manner = Manner(
            column=self._column(), step=step, flush=flush, flow=self._in_flow, clip=self._is_prompt,
            quoted=self._in_flow and first.style == '"',
        )  # fmt: skip
        if old is None or old.kind == "alias":
            return manner
        if old.style not in ("|", ">"):
            return replace(manner, style=old.style)
        header = self.text[old.start : line_end(self.text, old.start)].split("#")[0]
        column = block_indent(self.text, old)
        fits = column is not None and column - manner.column <= MAX_INDICATOR and not header.strip("|>+- \t")
        body = column if fits else None
        return replace(manner, style=old.style, body=body, clip=manner.clip and "-" not in header)

    def _column(self) -> int:
        mapping = self.target if self.target.members else self.above[-1]
        start = mapping.members[0][0].outer
        before = self.text[line_start(self.text, start) : start]
        # Before an explicit key, `? `, the mapping begins with the sign.
        return len(before.rstrip(" ")) - 1 if before.rstrip(" ").endswith("?") else len(before)

    def _replace(self, key: Span, old: Span, value: JsonValue, manner: Manner) -> Patch:
        in_place = old.style == "block" and isinstance(value, Mapping | list | tuple) and value
        start = old.start
        column = start - line_start(self.text, start)
        # Below a `? ` or `- ` the lines cannot stay where they are.
        if not in_place or self.text[line_start(self.text, start) : start].strip(" "):
            return self._put(key, old, value, manner)
        lines = block(value, replace(manner, column=column))  # type: ignore[arg-type]
        kept = [" " * column + comment for comment in comments_of_lines(self.text, [old], start)]
        end = line_end(self.text, old.last)
        return Patch(start, end, newline(self.text, start).join([*kept, *lines])[column:])

    def _put(self, key: Span | None, old: Span, value: JsonValue | Written, manner: Manner) -> Patch:
        """The value instead of `old`; the rest of the line stays, and comments in `old` follow."""
        text = self.text
        written = value if isinstance(value, Written) else value_written(value, manner)
        between = text[key.end : old.start] if key is not None else ""
        if key is not None and old.style == "block" and between.lstrip().startswith(":"):
            return self._instead_of_lines(key.end + between.index(":") + 1, old, written, manner)
        start, inline = old.start, written.inline
        own_comment = header_comment(text, old) if old.style in ("|", ">") else ""
        kept = comments(text, old, start)
        if own_comment:
            kept.remove(own_comment.strip())
        if "!" in text[old.outer : old.start] and not kept:  # a tag is of the old value
            start, inline = old.outer, f"&{old.anchor} {inline}" if old.anchor else inline
        if not manner.flow and between.strip() == ":" and ("\n" in between or "\r" in between or not inline):
            start = len(text[:start].rstrip(" \t\r\n"))  # up to the colon, unless comments are there
        if key is not None and ":" not in text[key.end : start]:
            inline = f": {inline}"
        elif inline and start and not text[start - 1].isspace():
            inline = f" {inline}"
        if manner.flow:
            return Patch(start, old.end, inline + self._in_brackets(kept, start))
        end = line_end(text, old.end)
        return Patch(
            start, end, self._lines(inline, own_comment + text[old.end : end], written, kept, manner)
        )

    def _instead_of_lines(self, start: int, old: Span, written: Written, manner: Manner) -> Patch:
        """The value behind the colon at `start` instead of a collection's lines, whose comments follow."""
        text = self.text
        first = min(line_end(text, start), old.outer)
        kept = comments(text, old, first)
        rest = text[old.end : line_end(text, old.last)].strip(" \t\r\n")
        kept += [rest] if rest.startswith("#") else []
        anchor = f" &{old.anchor}" if old.anchor else ""
        inline = anchor + (f" {written.inline}" if written.inline else "")
        own = text[start:first].rstrip(" \t")
        return Patch(start, line_end(text, old.last), self._lines(inline, own, written, kept, manner))

    def _lines(self, inline: str, rest: str, written: Written, kept: list[str], manner: Manner) -> str:
        """The lines of a value: `rest` stays behind it, comments that were in it come before or after."""
        lines = [inline, *written.below]
        if written.inline:
            lines[0 if written.open else -1] += rest
            lines += [" " * manner.column + comment for comment in kept]
        else:
            column = len(written.below[0]) - len(written.below[0].lstrip(" "))
            lines = [inline + rest, *(" " * column + comment for comment in kept), *written.below]
        return newline(self.text, self.target.start).join(lines)

    def _in_brackets(self, kept: list[str], at: int) -> str:
        """Comments between brackets, where each must end its line."""
        if not kept:
            return ""
        line = self.text[line_start(self.text, at) : at]
        line_break = newline(self.text, at) + " " * (len(line) - len(line.lstrip(" ")) + 1)
        return "".join(f" {comment}{line_break}" for comment in kept)

    def _insert(self, after: tuple[Span, Span], written: Written, manner: Manner) -> Patch:
        text, (before, value) = self.text, after
        key = key_written(self._key, json_style=manner.quoted)
        head = f"{key}: {written.inline}" if written.inline else f"{key}:"
        if manner.flow:
            start = line_start(text, before.outer)
            alone = text[start : before.outer].strip() == "" and before.outer > start
            gap = newline(text, start) + text[start : before.outer] if alone else " "
            return Patch(value.last, value.last, f",{gap}{head}")
        end = line_end(text, value.last)
        lines = [" " * manner.column + head, *written.below]
        line_break = newline(text, end)
        return Patch(end, end, "".join(line_break + line for line in lines))

    def _neighbour(self) -> tuple[Span, Span]:
        """The member after which the key is added."""
        members = self.target.members
        if self._key not in _ORDER or len(self.path) > 1:
            return members[-1]
        earlier = [pair for pair in members if pair[0].value in _ORDER[: _ORDER.index(self._key)]]
        return max(earlier or members[:1], key=lambda pair: _ORDER.index(pair[0].value) if earlier else 0)

    def _remove(self) -> Iterator[Patch]:
        found = self.target.member(self._key)
        if found is None:
            raise RewriteRefused(
                f"{self._key!r} is not written here: it comes with '<<' or an alias",
                hint="write the mapping out, and try again",
            )
        key, old = found
        check_shared(self.text, [old])
        if self.target.style == "flow":
            yield self._remove_in_flow(key, old)
        else:
            yield self._remove_lines(key, old)

    def _remove_lines(self, key: Span, old: Span) -> Patch:
        text = self.text
        begin = self._key_start(key)
        start, end = line_start(text, begin), line_end(text, old.last)
        kept = comments_of_lines(text, [key, old], begin)
        column = " " * self._column()
        line_break = newline(text, end)
        lines = [column + comment for comment in kept]
        if text[start:begin].strip(" "):  # after a dash, which stays
            following = self._next_to(key)
            if following is not None and not kept and not text[end:following].strip():
                return Patch(begin, following, "")
            rest = "".join(line_break + line for line in lines[1:])
            return Patch(len(text[:begin].rstrip(" ")), end, (f" {kept[0]}" if kept else "") + rest)
        if kept:
            return Patch(start, end, line_break.join(lines))
        if end < len(text):
            return Patch(start, end + len(newline(text, end)), "")
        return Patch(len(text[:start].removesuffix("\n").removesuffix("\r")), end, "")

    def _next_to(self, key: Span) -> int | None:
        """Where the member after a key begins."""
        keys = [pair[0] for pair in self.target.members]
        index = keys.index(key) + 1
        return self._key_start(keys[index]) if index < len(keys) else None

    def _remove_in_flow(self, key: Span, old: Span) -> Patch:
        """With one comma and the gap to a neighbour; comments of neighbours stay where they are."""
        text, members = self.text, self.target.members
        index = next(i for i, pair in enumerate(members) if pair[0] is key)
        following = members[index + 1][0].outer if index + 1 < len(members) else None
        comma = _COMMA.match(text, old.last)
        start, end = key.outer, comma.end() if comma else old.last
        if following is not None and (comma is None or not text[end:following].strip()):
            end = following
        elif comma is None and index and not comments_between(text, [key], members[index - 1][1].last):
            start = members[index - 1][1].last
        elif (
            not text[line_start(text, start) : start].strip() and not text[end : line_end(text, end)].strip()
        ):
            start, end = line_start(text, start), line_end(text, end)
            end += len(newline(text, end)) if end < len(text) else 0
        kept = comments_between(text, [key, old], start, end)
        return Patch(start, end, self._in_brackets(kept, start))

    def _key_start(self, key: Span) -> int:
        before = self.text[: key.outer].rstrip(" ")
        explicit = before.endswith("?") and self.text[line_start(self.text, len(before)) : len(before) - 1]
        return len(before) - 1 if explicit is not False and explicit.strip(" -") == "" else key.outer

    def _beside_alias(self) -> Patch:
        """`*s` becomes `{<<: *s, key: value}`."""
        if self.value is None:
            raise RewriteRefused(
                f"{self._key!r} is not written here: it comes with '*{self.target.value}'",
                hint="write the mapping out, and try again",
            )
        value = value_written(self.value, replace(self._manner(None), flow=True)).inline
        merged = f"{{<<: *{self.target.value}, {key_written(self._key)}: {value}}}"
        return Patch(self.target.start, self.target.end, merged)


def _habits(text: str, root: Span) -> tuple[int, bool]:
    """How many spaces a level has, and whether lists stand right under their key."""
    for _, value in root.members:
        if value.kind != "scalar" and value.is_block:
            column = value.start - line_start(text, value.start)
            if value.kind == "sequence" and column == 0:
                return 2, True
            return max(column, 1) if column <= 8 else 2, False
    return 2, False
