"""Where an ensemble is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.errors import NotFound, UsageFailed
from llm_orc.spec.locate import find_ensemble, find_project, list_ensembles


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in (
        "ensembles/both.yaml", "ensembles/review/code.yaml", ".llm-orc/ensembles/both.yaml",
        ".llm-orc/ensembles/hidden.yml", ".llm-orc/ensembles/marked.ensemble.yaml",
        "ensembles/two.yaml", "ensembles/two.yml", "team/shared.yaml",
    ):  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("both", "ensembles/both.yaml"),
        ("review/code", "ensembles/review/code.yaml"),
        ("hidden", ".llm-orc/ensembles/hidden.yml"),
        ("marked", ".llm-orc/ensembles/marked.ensemble.yaml"),
        ("shared", "team/shared.yaml"),
    ],
)
def test_a_name_is_found_in_the_first_place_that_has_it(project: Path, text: str, file: str) -> None:
    assert find_ensemble(text, project, None, [project / "team"]) == project / file


def test_a_path_is_taken_as_it_is(project: Path) -> None:
    file = project / "team" / "shared.yaml"

    assert find_ensemble(str(file), project, None) == file


def test_a_users_own_ensembles_come_after_the_projects(project: Path, tmp_path: Path) -> None:
    user = tmp_path / "user"
    (user / "ensembles").mkdir(parents=True)
    for name in ("both", "own"):
        (user / "ensembles" / f"{name}.yaml").touch()

    assert find_ensemble("own", project, user) == user / "ensembles" / "own.yaml"
    assert find_ensemble("both", project, user) == project / "ensembles" / "both.yaml"


def test_two_files_of_a_name_in_one_place_are_an_error_that_lists_both(project: Path) -> None:
    with pytest.raises(UsageFailed) as caught:
        find_ensemble("two", project, None)

    folder = project / "ensembles"
    assert caught.value.message == f"'two' is ambiguous: {folder / 'two.yaml'} and {folder / 'two.yml'}"


@pytest.mark.parametrize("text", ["hiden", "hiden.yaml", "./hiden.yaml"])
def test_what_is_not_found_has_a_suggestion(project: Path, text: str) -> None:
    with pytest.raises(NotFound) as caught:
        find_ensemble(text, project, None)

    assert caught.value.hint == "did you mean 'hidden'?"


@pytest.mark.parametrize("text", ["", " ", "a\0b", "../secret", "review", "x" * 5000, "review/../../x"])
def test_no_text_makes_it_fail_in_another_way(project: Path, text: str) -> None:
    with pytest.raises(UsageFailed):
        find_ensemble(text, project, None)


def test_a_folder_is_not_an_ensemble(project: Path) -> None:
    with pytest.raises(UsageFailed, match="is a folder"):
        find_ensemble(str(project), project, None)


def test_every_ensemble_is_listed_under_the_name_that_finds_it(project: Path) -> None:
    listing = list_ensembles(project, None, [project / "team"])

    assert {"both", "review/code", "hidden", "marked", "shared", "two"} <= set(listing)
    assert listing["both"] == project / "ensembles" / "both.yaml"


def test_a_project_is_the_nearest_folder_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "inner" / ".llm-orc").mkdir(parents=True)
    deep = tmp_path / "repo" / "inner" / "a" / "b"
    deep.mkdir(parents=True)

    assert find_project(deep) == tmp_path / "repo" / "inner"
    assert find_project(tmp_path / "repo") == tmp_path / "repo"
