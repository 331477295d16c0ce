"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from llm_orc.domain.edit import FileChange
from llm_orc.errors import RewriteRefused
from llm_orc.spec.replace_file import replace_file, replace_files

OLD, NEW = b"old\n", b"new\r\n"

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from llm_orc.domain.edit import FileChange
from llm_orc.errors import RewriteRefused
from llm_orc.spec.replace_file import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    replace_file(FileChange(path=Path(sys.argv[1]), before=b"old\\n", after=b"x" * 10_000))
except RewriteRefused as error:
    print(error)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "e.yaml"
    made.write_bytes(OLD)
    return made


def change(file: Path) -> FileChange:
    return FileChange(path=file, before=OLD, after=NEW)


def test_the_content_changes_and_nothing_is_left_behind(file: Path) -> None:
    replace_file(change(file))

    assert file.read_bytes() == NEW
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664])
def test_permissions_stay(file: Path, mode: int) -> None:
    file.chmod(mode)

    replace_file(change(file))

    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets Python set attributes")
def test_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:
        pytest.skip("a file system without attributes")

    replace_file(change(file))

    assert os.getxattr(file, "user.note") == b"mine"


def test_a_link_stays_a_link_and_its_target_changes(file: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "l.yaml"
    link.symlink_to(Path("..") / "second.yaml")
    (tmp_path / "second.yaml").symlink_to("e.yaml")

    replace_file(change(link))

    assert link.readlink() == Path("../second.yaml")
    assert (tmp_path / "second.yaml").is_symlink()
    assert not file.is_symlink()
    assert file.read_bytes() == NEW


def test_a_file_that_changed_meanwhile_is_refused(file: Path) -> None:
    file.write_bytes(b"mine\n")

    with pytest.raises(RewriteRefused, match="was changed by somebody else meanwhile"):
        replace_file(change(file))

    assert file.read_bytes() == b"mine\n"


def test_a_file_with_two_names_is_refused(file: Path) -> None:
    (file.parent / "other.yaml").hardlink_to(file)

    with pytest.raises(RewriteRefused, match="has 2 names"):
        replace_file(change(file))

    assert file.read_bytes() == OLD


def test_a_file_that_may_not_be_written_is_refused(file: Path) -> None:
    file.chmod(0o444)

    with pytest.raises(RewriteRefused, match="may not be written"):
        replace_file(change(file))


@pytest.mark.parametrize("kind", ["gone", "folder", "pipe", "circle"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "e.yaml"
    match kind:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "circle":
            place.symlink_to(place)

    with pytest.raises(RewriteRefused):
        replace_file(change(place))


def test_a_full_disk_leaves_the_old_file(file: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "cannot be replaced: File too large" in done.stdout
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


def test_of_several_files_all_are_replaced_or_none(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_bytes(b"changed\n")

    with pytest.raises(RewriteRefused, match=r"other\.yaml was changed"):
        replace_files([change(file), change(other)])
    assert file.read_bytes() == OLD

    other.write_bytes(OLD)
    replace_files([change(file), change(other)])
    assert file.read_bytes() == other.read_bytes() == NEW


def test_a_file_that_was_replaced_is_put_back_when_the_next_one_fails(file: Path, tmp_path: Path) -> None:
    """The second change is of the same file, which by then is not what it was."""
    with pytest.raises(RewriteRefused, match="was changed by somebody else"):
        replace_files([change(file), change(file)])

    assert file.read_bytes() == OLD
