# The two commands of a newcomer are `make demo` and `make test`; `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

IMAGE ?= nest
ENV ?= edge
PROVIDER ?= debian
SITE ?= local

BIN := .venv/bin
SCRIPTS := $(wildcard ci/*.sh) .ci/run $(wildcard deploy/esd_deploy/job/*.sh deploy/esd_deploy/validation/job/*.sh)

.PHONY: help setup system python demo test image push validate check format lock spack-lock clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: system python  ## install what is missing: Apptainer, Slurm, munge, a registry (needs root or sudo), and .venv

system:
	@ci/install-system.sh

python:
	@ci/install-python.sh

demo: setup  ## from nothing to a table: image, local site, a network on two nodes through UNICORE
	@ci/demo.sh

test:  ## set-up and every test that this machine can run
	@ci/test.sh

image: setup  ## build dist/images/$(IMAGE)-$(ENV).sif  (IMAGE=nest ENV=edge PROVIDER=debian)
	@$(BIN)/esd-build image $(IMAGE) --env $(ENV) --provider $(PROVIDER)

push: python  ## push an image (REGISTRY=host/project, or the local site's)
	@ci/push.sh $(IMAGE) $(ENV) $(REGISTRY)

validate: python  ## check an image on a site (SITE=local)
	@$(BIN)/esd-deploy validate --site $(SITE) --image $(IMAGE):$(ENV)

check: python  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/shellcheck $(SCRIPTS)

format: python  ## let ruff lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: python  ## renew the lock files (newest versions that the .in files allow)
	@ci/lock.sh

spack-lock: python  ## concretize spack-envs/$(ENV) from nothing; shows the difference to the committed lock
	@$(BIN)/esd-build spack lock $(ENV)

clean:  ## remove what make made in this checkout; the cache and the local site stay
	rm -rf dist/images .mypy_cache .ruff_cache .pytest_cache
