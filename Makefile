# make demo        the main job on real speech, from checkpoint to firmware, on every engine
# make test        the tests
# make test-quick  the heart of them, in a minute: kernels against TFLite Micro, engines equal on one network, the commands
#                  from checkpoint to regress on it, and how faults are told
# make bench       speed, and agreement over minutes of audio
# make check       formatting, lint, types and the documentation, its links and references
# make docs        the documentation alone, into build/site
# make coverage    lines and branches that the tests reach, of the Python and of the C
# make fresh       demo and test on a new Debian in a folder; takes root, and mmdebstrap or debootstrap; SUITE chooses another
# Each sets up .venv by itself; PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
FOLDERS := models quantize export firmware_sim tools
QUICK := tests/test_architecture.py tests/quantize/test_arithmetic.py tests/tools/test_road.py \
	tests/firmware_sim/test_kernels_against_tflm.py
# One thread an interpreter: two test workers with a thread pool each would only get in each other's way.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test test-quick bench check check-style check-types docs format coverage fresh clean

demo: $(READY)
	$(BIN)/stapes demo

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-quick: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(QUICK)

bench: $(READY)
	$(BIN)/python -m stapes.tools.bench --readme README.md
	$(BIN)/python -m stapes.tools.bench.files

check: check-style check-types docs

check-style: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format --dry-run -Werror

check-types: $(READY)
	@mkdir -p .cache/types && ln -sfn ../.. .cache/types/stapes
	MYPYPATH=.cache/types $(BIN)/mypy $(FOLDERS:%=--package stapes.%)
	MYPYPATH=.cache/types $(BIN)/mypy --warn-unused-ignores --follow-imports silent tests/library_types.py

# The date goes into the map of the site; any fixed one gives the same bytes each time.
docs: $(READY)
	$(BIN)/python -m doctest docs/hooks/docstrings.py docs/hooks/site.py
	SOURCE_DATE_EPOCH=1767225600 NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	git ls-files '*.c' '*.h' | xargs $(BIN)/clang-format -i

coverage: $(READY)
	$(BIN)/python -m stapes.tools.coverage -n $(WORKERS) --dist worksteal

fresh:
	$(PYTHON) tools/fresh_machine.py $(if $(SUITE),--suite $(SUITE))

$(READY): pyproject.toml tools/setup_venv.py
	@$(PYTHON) tools/setup_venv.py $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .cache build .pytest_cache .mypy_cache .ruff_cache
