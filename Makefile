# make run    set everything up and open the window (without a display: the tour's pictures)
# make test   set everything up, lint, check types, run the tests
# make test-long  the tests that make test leaves out: texts at other sizes, the Chinese tour
# make messages  collect the texts for the translators; see CONTRIBUTING
# make bench  set everything up and print the benchmarks' tables
# make tour   take the screenshots; make pictures renews those of the README
# make monkey, fuzz, faults  attack the window, the readers and the disk; docs/reliability.md
# make mutants  put small faults into the code and print those that the tests do not see
# make audit  look for weak spots in the code and for known ones of what is installed
# make docs   build the documentation's site
# make portable  build a folder that runs without Python, and let its own tour test it

PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
TOUR ?= tour

.PHONY: run test test-long lint bench bench-compare monkey fuzz faults mutants audit tour pictures docs portable setup setup-test messages clean

run: setup
	@$(BIN)/python tools/run.py $(TOUR)

test: setup-test lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-long: setup-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long

lint: setup-test
	$(BIN)/ruff check filterlab tests benchmarks training tools
	$(BIN)/ruff format --check filterlab tests benchmarks training tools
	$(BIN)/mypy filterlab

bench: setup-test
	$(BIN)/python -m benchmarks

# make bench-compare A=build/bench-….json B=build/bench-….json
bench-compare: setup-test
	$(BIN)/python -m benchmarks.compare $(A) $(B)

# ARGS="--seed 7" and the like; python -m tools.attack.fuzz --help tells them.
monkey fuzz faults: setup-test
	$(BIN)/python -m tools.attack.$@ $(ARGS)

# ARGS="--sample 20 overlay maps"; an interrupted run goes on where it stopped.
mutants: setup-test
	$(BIN)/python tools/mutants.py $(ARGS)

# Passed over: asserts, which tell mypy what is known; signs of the prototxt's text taken for
# passwords; and programs started by a list of arguments, without a shell.
audit:
	@$(PYTHON) tools/setup_env.py [audit]
	$(BIN)/bandit -q -r filterlab -s B101,B105,B404,B603
	$(BIN)/pip-audit --local --skip-editable

tour: setup
	$(BIN)/filterlab tour --out $(TOUR)

pictures: setup
	$(BIN)/python tools/pictures.py

docs:
	@$(PYTHON) tools/setup_env.py [docs]
	@$(BIN)/python tools/docs.py

portable:
	@$(PYTHON) tools/setup_env.py [portable]
	@$(BIN)/python tools/portable.py

setup:
	@$(PYTHON) tools/setup_env.py

setup-test:
	@$(PYTHON) tools/setup_env.py [test]

messages: setup-test
	$(BIN)/python tools/messages.py

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
