"""Commands that are imported when they are used, so that the others start fast."""

from __future__ import annotations

from importlib import import_module

import click


def loaded(where: str) -> click.Command:
    """The command at `package.module:name`."""
    module, _, attribute = where.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command
