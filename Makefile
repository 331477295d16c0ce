# Every target sets up what it needs in .venv; only Python 3.11+ and make have to be there.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint bench torture lock clean

demo: .venv/.run-ready
	$(BIN)/llm-orc invoke quickstart "Mia starts with 34 cards. She buys 33 more cards. Then she buys 2 jars \
	of 9 cards each. She loses 2 cards. How many cards does Mia have now?"

# The suite starts hundreds of processes; where Python may not write bytecode, each would compile the package anew.
test: .venv/.dev-ready
	$(BIN)/python -m compileall -q llm_orc
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: .venv/.dev-ready
	$(BIN)/python -m compileall -q llm_orc
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: .venv/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/bench tests/torture

bench: .venv/.dev-ready
	$(BIN)/python -m tests.bench

torture: .venv/.dev-ready
	$(BIN)/python -m tests.torture

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "llm-orc needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv

# hatchling comes from the lock file, so that the build fetches nothing that is not pinned.
.venv/.run-ready: constraints.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev-ready: constraints-dev.txt .venv/.run-ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	@touch $@

# Pin again what pyproject.toml asks for, with hashes and without the address of any registry.
lock: .venv/.dev-ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links pyproject.toml --group build -o constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links pyproject.toml --group build --group dev -c constraints.txt -o constraints-dev.txt

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
