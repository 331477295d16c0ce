"""Files replaced whole or not at all, and only while they are what they were when they were read."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from llm_orc.domain.edit import FileChange
from llm_orc.errors import RewriteRefused
from llm_orc.spec.document import bytes_of


def replace_files(changes: Sequence[FileChange]) -> None:
    """Replace every file, or none: if one cannot be, those before it are put back.

    Raises `RewriteRefused` as `replace_file` does.
    """
    for change in changes:
        _check(change, *_target(change.path))
    done: list[FileChange] = []
    try:
        for change in changes:
            replace_file(change)
            done.append(change)
    except RewriteRefused:
        for change in reversed(done):
            replace_file(FileChange(path=change.path, before=change.after, after=change.before))
        raise


def refuse_irreplaceable(paths: Sequence[Path]) -> None:
    """Raise `RewriteRefused` for files that could not be replaced now, without touching them."""
    for path in paths:
        target, status = _target(path)
        content = bytes_of(path)
        _check(FileChange(path=path, before=content, after=content), target, status)
        if not os.access(target.parent, os.W_OK):
            raise RewriteRefused(f"{path} cannot be replaced: its folder may not be written to")


def replace_file(change: FileChange) -> None:
    """Write beside the file, then rename over it.

    Mode, owner and access lists stay; a link stays, and its target changes.

    Raises `RewriteRefused` when the file is not what it was when it was read, is no regular file, may not be
    written, has other names (hard links), or cannot be replaced by the system.
    """
    target, status = _target(change.path)
    _check(change, target, status)
    new: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
        new = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(change.after)
            file.flush()
            _keep_rights(target, file.fileno(), status)
            os.fsync(file.fileno())
        _check(change, *_target(change.path))
        new.replace(target)
        new = None
        _sync(target.parent)
    except OSError as error:
        raise RewriteRefused(
            f"{change.path} cannot be replaced: {error.strerror}", hint="see to the folder, and try again"
        ) from error
    finally:
        if new is not None:
            with suppress(OSError):
                new.unlink()


def _target(path: Path) -> tuple[Path, os.stat_result]:
    try:
        target = path.resolve(strict=True)
        return target, target.lstat()
    except (OSError, RuntimeError) as error:  # a link to itself
        raise RewriteRefused(f"{path} cannot be found any more", hint="nothing was written") from error


def _check(change: FileChange, target: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RewriteRefused(f"{change.path} is not a regular file")
    if status.st_nlink > 1:
        raise RewriteRefused(
            f"{change.path} has {status.st_nlink} names (hard links), of which only one would change",
            hint="copy it to a file of its own",
        )
    if not (status.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise RewriteRefused(f"{change.path} may not be written", hint="chmod u+w, if that is meant")
    try:
        content = target.read_bytes()
    except OSError as error:
        raise RewriteRefused(f"{change.path} cannot be read: {error.strerror}") from error
    if content != change.before:
        raise RewriteRefused(
            f"{change.path} was changed by somebody else meanwhile", hint="run the command again"
        )


def _keep_rights(target: Path, file: int, status: os.stat_result) -> None:
    now = os.fstat(file)
    if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(file, status.st_uid, status.st_gid)
    os.fchmod(file, stat.S_IMODE(status.st_mode))
    if sys.platform != "linux":  # elsewhere Python cannot read access lists
        return
    names: list[str] = []
    with suppress(OSError):  # a file system without attributes
        names = os.listxattr(target)
    for name in names:
        if name.startswith(("system.posix_acl", "user.")):  # the others are the system's to set
            os.setxattr(file, name, os.getxattr(target, name))


def _sync(folder: Path) -> None:
    """The new name, too, is to survive a power failure; some file systems cannot promise it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
