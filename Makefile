# Everything runs from .venv, which the first target that needs it makes. `make help` lists the targets.
#   ARGS="…"        further arguments of the command behind demo, test, test-slow, lock
#   ALL=1           every mechanism in the demo
#   ONLY="group …"  some groups of benchmarks
#   PYTHON=…        the interpreter that .venv is made from

MAKEFLAGS += --no-print-directory
BIN := .venv/bin
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

.PHONY: help demo test test-slow chaos lint docs bench lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: .venv/run.stamp ## run the built-in community for a week; writes out/report.html
	@$(BIN)/gridpact run --ledger-of auction:uniform --output out $(if $(ALL),--all) $(ARGS)

test: .venv/dev.stamp ## run the tests
	@$(BIN)/pytest -m "not slow" -n auto $(ARGS)

test-slow: .venv/dev.stamp ## run the long studies
	@$(BIN)/pytest -m slow $(ARGS)

chaos: .venv/dev.stamp ## kill, restart and cut off what a market runs on, and check that nothing is lost
	@PYTHONPATH=tests $(BIN)/python -m service.chaos

lint: .venv/dev.stamp ## style, types, floors of the house
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: .venv/dev.stamp ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

bench: .venv/dev.stamp ## measure; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks $(ONLY)

lock: .venv/dev.stamp ## pin what pyproject.toml asks for (ARGS=--upgrade: to the newest)
	@$(COMPILE) --group pyproject.toml:bootstrap --output-file requirements/bootstrap.txt
	@$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	@$(COMPILE) pyproject.toml --group build --constraint requirements/dev.txt --output-file requirements/run.txt

clean: ## remove everything that was made, .venv included
	@rm -rf .venv out site build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%.stamp: requirements/%.txt requirements/bootstrap.txt pyproject.toml tools/environment.sh
	@tools/environment.sh $<
	@touch $@
