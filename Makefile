# `make demo` and `make test` create the environments that they need; no other set-up is necessary.
PYTHON ?= python3
CONFIG ?= config/config.yaml
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

export PYTHONNOUSERSITE := 1
# Idle OpenMP threads sleep: spinning ones slow down other processes on the same cores.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-all lint format clean schemas pins conda-env docs help

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(STAMP): envs/posegaussian.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement envs/posegaussian.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)  ## Run the whole pipeline on built-in people; ends with results/report/demo/index.html
	$(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG)

# In parallel, a file to a worker, since fixtures are shared within files; a worker takes up to 2 GB of memory.
test: $(STAMP)  ## Run the tests, without those marked slow
	bash envs/mmpose.post-deploy.sh .venv-mmpose
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow and not gpu and not conda"

test-all: $(STAMP)  ## Run every test that this machine can run
	$(BIN)/pytest

lint: $(STAMP)  ## Check style, types and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/snakemake --lint
	$(BIN)/python -m posegaussian schema --check

format: $(STAMP)  ## Correct the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

schemas: $(STAMP)  ## Write workflow/schemas and config/README.md from posegaussian/config
	$(BIN)/python -m posegaussian schema

pins: $(STAMP)  ## Pin the newest releases that pyproject.toml allows in envs/posegaussian.txt
	$(BIN)/python -m pip install --upgrade --editable '.[workflow,train,evaluate,live,colmap,cluster,dev,docs]'
	(sed -n '/^#/p' envs/posegaussian.txt; \
	 $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//') > envs/posegaussian.txt.new
	mv envs/posegaussian.txt.new envs/posegaussian.txt
	$(BIN)/python tools/conda_pins.py

conda-env: $(STAMP)  ## Write envs/posegaussian.yaml from envs/posegaussian.txt
	$(BIN)/python tools/conda_pins.py

docs: $(STAMP)  ## Build the documentation in site/
	$(BIN)/mkdocs build --strict

clean:  ## Delete all results, but not the environments
	find results -mindepth 1 -not -name .gitkeep -delete
	rm -rf .snakemake/log .snakemake/metadata .snakemake/incomplete
