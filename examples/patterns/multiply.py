"""Multiplies two numbers."""

import json
import sys

arguments = json.load(sys.stdin)["input"]
print(arguments["a"] * arguments["b"])
