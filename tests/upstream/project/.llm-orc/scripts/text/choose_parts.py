"""Names the ensembles that the next agents run."""

import json
import sys

text = json.load(sys.stdin)["input"]
check = None if text == "unchecked" else "read-one"
json.dump({"make": "parts/answer-one", "check": check, "task": f"Make {text}."}, sys.stdout)
