"""As many numbers as the parameters say, and who was there before."""

import json
import sys

given = json.load(sys.stdin)
parameters = given["parameters"]
json.dump(
    {
        "success": True,
        "numbers": list(range(parameters.get("count", 0))),
        "before": sorted(given["dependencies"]),
        "given": parameters,
    },
    sys.stdout,
)
