# `make demo` and `make test` need Python 3.11+, make and a package index. Everything else is installed into .venv.
PYTHON ?= python3
RUN := .venv/bin
.DEFAULT_GOAL := help
# Some images set it; the tests start hundreds of interpreters, and each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install dev demo test check lint types contracts docs checkov bench explore clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

install: # what `demo` needs
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "cellctl: $(PYTHON) is not installed. This helps:"; \
	  echo "  Debian: sudo apt-get install -y python3 python3-venv make"; \
	  echo "  Fedora: sudo dnf install -y python3.11 make"; \
	  echo "  macOS:  brew install python@3.12 make"; exit 2; } >&2
	@$(PYTHON) tools/bootstrap.py

dev: # what everything else needs
	@command -v $(PYTHON) >/dev/null 2>&1 || $(MAKE) --no-print-directory install
	@$(PYTHON) tools/bootstrap.py --dev

demo: install ## Bring up a cell on AWS and one on Azure in the sandbox (no account needed)
	@$(RUN)/python tools/demo.py

test: dev ## Run what uses all cores, then quality gates and the other tests side by side (last lines: what was skipped)
	@$(RUN)/python -m pytest -q -m alone tests/crash; alone=$$?; \
	  nice -n 10 $(MAKE) --no-print-directory check > .check.log 2>&1 & gates=$$!; \
	  $(RUN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not (explore or alone)"; tests=$$?; \
	  wait $$gates || { cat .check.log >&2; exit 1; }; exit $$((alone + tests))

check: dev ## Quality gates: ruff, mypy --strict, import contracts, fresh docs and schemas
	@$(MAKE) --no-print-directory -j2 lint types contracts docs

lint: dev # style
	@$(RUN)/ruff check --quiet . && $(RUN)/ruff format --check --quiet .

types: dev # mypy --strict over the five import roots
	@$(RUN)/mypy --no-error-summary

contracts: dev # who may import whom
	@$(RUN)/lint-imports --no-cache > .lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }

docs: dev # generated docs and schemas are what the code says
	@$(RUN)/python tools/generate.py --check

checkov: # a second opinion on what a cell on Azure declares (tests/components/azure/test_checkov.py); 300 MB
	@test -x .venv-checkov/bin/checkov || { $(PYTHON) -m venv .venv-checkov && \
	  .venv-checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30; }

bench: dev ## Compare with the naive way, side by side; rewrites docs/benchmarks.md
	@$(RUN)/python -m benchmarks

explore: dev ## Every crash point with every victim, resumable (docs/crash-safety.md), and other long tests
	@$(RUN)/python tests/crash/explore_all.py

clean: ## Remove the environment and the demo
	@rm -rf .venv .venv-tools .venv-checkov demo .mypy_cache .ruff_cache .pytest_cache
