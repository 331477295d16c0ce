"""What the user may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that names the nearest known word, or `otherwise` when none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word[:200].casefold(), by_folded, n=1)
    return f"did you mean {by_folded[near[0]]!r}?" if near else otherwise


def listed(known: Iterable[str], *, what: str, most: int = 12) -> str:
    """A hint that lists what there is: `known models: a, b, c`."""
    names = sorted(known)
    if not names:
        return ""
    shown = ", ".join(names[:most])
    return f"{what}: {shown}" + (f" and {len(names) - most} more" if len(names) > most else "")
