"""Where the files that come with the package are: in a wheel inside of it, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder, such as `shipped("schemas", "models.schema.json")`."""
    inside = _PACKAGE / "shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)


def embedded(*parts: str) -> Path:
    """The path of a file of the embedded models."""
    return (_PACKAGE / "embedded").joinpath(*parts)
