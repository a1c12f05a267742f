# make demo    the main job on real speech, from checkpoint to firmware, on every engine
# make test    the tests
# make bench   speed, and agreement over minutes of audio
# make check   formatting, lint and types
# Each sets up .venv by itself; PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
# One thread an interpreter: two test workers with a thread pool each would only get in each other's way.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test bench check format clean

demo: $(READY)
	$(BIN)/stapes demo

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

bench: $(READY)
	$(BIN)/python -m tools.bench --readme README.md

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy models quantize export firmware_sim tools

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml tools/setup_venv.py
	@$(PYTHON) tools/setup_venv.py $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .cache build .pytest_cache .mypy_cache .ruff_cache
