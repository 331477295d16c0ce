"""An evaluation as JUnit XML: a suite per candidate, a case per row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from llm_orc.domain.text import as_text, one_line, safe
from llm_orc.optimize.evaluation import Evaluation, ScoredRow
from llm_orc.optimize.report import score_of

PASSED = 0.5
"""Rows with this score or more are cases that passed."""
_SHOWN = 100
# What XML 1.0 cannot hold, not even written as a reference.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(evaluations: Sequence[Evaluation], metric: str, began: float, host: str) -> str:
    """The XML. `began` is Unix time. The order of elements and the attributes are those of the Ant task's
    schema."""
    suites = Element("testsuites")
    for number, evaluation in enumerate(evaluations):
        moment = datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        suite = SubElement(suites, "testsuite", {
            "name": _text(evaluation.name), "package": "llm_orc.eval", "id": str(number),
            "timestamp": moment, "hostname": _text(host) or "localhost",
            "tests": str(len(evaluation.rows)), "errors": str(len(evaluation.failed)),
            "failures": str(sum(row.error is None and row.score < PASSED for row in evaluation.rows)),
            "time": _seconds(evaluation.rows),
        })  # fmt: skip
        properties = SubElement(suite, "properties")
        score = score_of(evaluation)
        for name, value in (("metric", metric), ("score", "" if score is None else f"{score:.6f}")):
            SubElement(properties, "property", {"name": name, "value": _text(value)})
        for row in evaluation.rows:
            _case(suite, evaluation.name, row)
        SubElement(suite, "system-out")
        SubElement(suite, "system-err")
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _case(suite: Element, name: str, row: ScoredRow) -> None:
    case = SubElement(
        suite, "testcase", {"classname": _text(name), "name": _text(row.row.id), "time": _seconds([row])}
    )
    if row.error is not None:
        error = SubElement(case, "error", {"type": row.error.kind, "message": _line(row.error.message)})
        error.text = _text(row.error.hint)
    elif row.score < PASSED:
        message = f"score {row.score:g}: {row.feedback}"
        failure = SubElement(case, "failure", {"type": "score", "message": _line(message)})
        failure.text = _text(f"{as_text(dict(row.row.inputs))}\n\noutput:\n{as_text(row.output)}")


def _seconds(rows: Sequence[ScoredRow]) -> str:
    return f"{sum(row.seconds for row in rows):.3f}"


def _line(text: str) -> str:
    return _text(one_line(text, _SHOWN * 3))


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", safe(text))
