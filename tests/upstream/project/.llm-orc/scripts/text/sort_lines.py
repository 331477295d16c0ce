"""Statements and questions, apart."""

import json
import sys

lines = json.load(sys.stdin)["input"].split("\n")
questions = [line for line in lines if line.endswith("?")]
statements = [line for line in lines if line not in questions]
json.dump({"questions": questions, "statements": statements}, sys.stdout)
