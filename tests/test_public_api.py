"""What users import is exactly what is promised."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llm_orc
from llm_orc import errors


def test_the_public_names_are_sorted_and_all_there():
    assert llm_orc.__all__ == sorted(llm_orc.__all__)
    for name in llm_orc.__all__:
        assert getattr(llm_orc, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Ensembel'"):
        llm_orc.Ensembel  # noqa: B018


def test_importing_the_package_imports_none_of_its_libraries():
    code = (
        "import sys, llm_orc; "
        "print([m for m in ('yaml', 'anyio', 'networkx', 'jsonschema', 'rich', 'click') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_error_tree_in_the_docstring_is_the_tree_of_the_classes():
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        words = line.strip("│ ├└─").split()
        if words and words[0] in vars(errors):
            code = next(word for word in words[1:] if word.isdigit() or word == "exit")
            drawn[words[0]] = code
    real = {
        name: str(thing.exit_code)
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.OrcError) and name != "OrcError"
    }
    real["ProviderFailed"] = "1"
    assert {name: code for name, code in drawn.items() if name != "OrcError"} == real
