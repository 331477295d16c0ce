"""From a model's text to an agent's output: parsed and checked where the file asks for it."""

from __future__ import annotations

import re

from llm_orc.domain.ensemble import Llm
from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.errors import AnswerRejected

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.DOTALL)


def to_output(llm: Llm, text: str) -> JsonValue:
    """The text itself, or the JSON in it. Raises `AnswerRejected` when it is not what was asked for."""
    if llm.output_schema is None and llm.output_format == "text":
        return text
    value = _json(text)
    if llm.output_schema is not None:
        faults = llm.output_schema.faults(value)
        if faults:
            raise AnswerRejected(f"the answer does not satisfy output_schema: {'; '.join(faults[:3])}")
    return value


def _json(text: str) -> JsonValue:
    fenced = _FENCED.search(text)
    try:
        return parse_json(fenced[1] if fenced else text)
    except ValueError as error:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise AnswerRejected(f"the answer is not JSON: {shown!r}") from error
