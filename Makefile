# Everything runs in .venv, which the first command makes and later ones reuse. Type `make` for the list.
#
#   PYTHON    the Python that .venv is made with, 3.11 or later:   make demo PYTHON=python3.12
#   PIP_ARGS  handed to pip install; see "CPU build of PyTorch" in README.md

PYTHON   ?= python3
VENV     ?= .venv
PIP_ARGS ?=

BIN       := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
PIP       := $(BIN)/python -m pip --disable-pip-version-check install

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo lab data data-all test test-unit test-slow test-notebooks notebooks lint format bench clean

help:  ## this list
	@echo "minigen: a course on generative Transformers. New here? make demo, then make lab."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "The first command installs everything into $(VENV), nowhere else. Options: PYTHON=python3.12, PIP_ARGS=..."
	@echo "To type minigen yourself, once in each terminal: source $(BIN)/activate"

demo: $(INSTALLED) data  ## train three small Transformers, in two and a half minutes: one writes, one translates, one classifies
	$(BIN)/minigen demo

lab: $(INSTALLED) data  ## open JupyterLab on the first lesson
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

data: $(INSTALLED)  ## fetch what the demo and the first lessons read (15 MB, once)
	$(BIN)/minigen data fetch shakespeare
	$(BIN)/minigen data fetch rotten_tomatoes

data-all: data  ## fetch what all lessons read (248 MB, once)
	$(BIN)/minigen data fetch software
	$(BIN)/minigen data fetch newsgroups
	$(BIN)/minigen data fetch minilm

test: test-unit test-slow test-notebooks  ## all that is claimed: the unit tests, quick and slow, then every notebook

test-unit: $(INSTALLED) data-all  ## the quick unit tests, in a few minutes
	$(BIN)/pytest -n logical -m "not slow" --durations=5

test-slow: $(INSTALLED) data-all  ## those that train longer, or grade whole classes
	$(BIN)/pytest -n logical -m slow --durations=5

# nbval runs each notebook in this environment's own kernel, and compares the cells marked NBVAL_CHECK_OUTPUT.
test-notebooks: $(INSTALLED) data-all  ## run every notebook from top to bottom and check its outputs
ifeq ($(NOTEBOOKS),)
	@echo "there are no notebooks yet"
else
	$(BIN)/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=600 --durations=10 $(NOTEBOOKS)
endif

notebooks: $(INSTALLED) data-all  ## execute every notebook again and save its outputs
	$(BIN)/python tools/notebooks.py run --all

lint: $(INSTALLED)  ## look for mistakes and for untidy formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)  ## mend what can be mended automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) data-all  ## measure speed against other implementations (long)
	$(PIP) --quiet -c constraints.txt $(PIP_ARGS) -e ".[test,bench]"
	@set -e; for script in benchmarks/[0-9]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:  ## delete .venv and what tools left behind; keeps runs/ and the data
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no $(PYTHON) here. Install Python 3.11 or later, or name yours: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("minigen needs Python 3.11 or later, \
	and $(PYTHON) is %s. If you have a later one, name it: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/torch_build.py $(PIP_ARGS)
	$(PIP) -c constraints.txt $(PIP_ARGS) -e ".[test]"
	@touch $(INSTALLED)
