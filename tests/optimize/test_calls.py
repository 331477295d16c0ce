"""The journal of a search belongs to one search at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.domain.completion import Choice, Completion
from llm_orc.domain.usage import Usage
from llm_orc.errors import UsageFailed
from llm_orc.optimize.calls import Answer, Calls


def test_two_searches_do_not_pay_for_the_same(tmp_path: Path):
    answer = Answer(completion=Completion(choices=(Choice(text="a"),), usage=Usage()), usd=0.1, seconds=1.0)
    with Calls(tmp_path / "calls.db") as first:
        first.keep(b"key", answer)
        with pytest.raises(UsageFailed, match="the same search is under way"):
            Calls(tmp_path / "calls.db")
    with Calls(tmp_path / "calls.db") as second:
        assert second.find(b"key") == answer
