"""Two thousand hostile edits of 120 ensemble files: what they lose, touch, change and refuse."""

from __future__ import annotations

from statistics import median

from tests.rewriting.fuzz import fuzzed

EDITS, SEED = 2_000, 20


def main() -> None:
    """Print the counts, why edits were refused, and each fault."""
    count = fuzzed(EDITS, SEED)
    refused = count.refused.total()
    print(
        f"{EDITS} hostile edits of {count.files} ensemble files: {count.done} made, {count.unchanged} there "
        f"already, {count.not_meant} refused that no file can hold, {refused} others refused "
        f"({100 * refused / EDITS:.2f} %)"
    )
    print(
        f"comments lost {count.comments_lost}, characters changed outside {count.outside}, loaded otherwise "
        f"{count.loaded_otherwise}, accepted wrongly {count.accepted_wrongly}; "
        f"{median(count.seconds) * 1e3:.0f} ms an edit"
    )
    for reason, number in count.refused.most_common():
        print(f"refused {number}: {reason}")
    for fault in count.faults:
        print(fault)
