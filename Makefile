# The two commands of a newcomer are `make demo` and `make test`; `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

IMAGE ?= nest
ENV ?= edge
PROVIDER ?=
SITE ?= local
SERVER ?=
LAUNCHER ?=
PSMGMT ?=
TSI ?=
TARGET ?=
VALIDATE ?=
APPTAINER_DEB ?=
SUITE ?= bookworm
AS ?= root
COLD ?=
SCENARIO ?=
BREAK ?=
MOVE ?= yes
DOCS ?= build
VERSION ?=
SECONDS ?= 120
PARSER ?=

CHOSEN = --env $(ENV) $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(TARGET),--target $(TARGET))
# How the steps of one image find each other's result: `make push` writes the reference to dist/images/$(NAME).reference.
NAME = $(IMAGE)-$(subst /,-,$(ENV))$(if $(PROVIDER),-$(PROVIDER))$(if $(TARGET),-$(TARGET))
REFERENCE = $$(cat dist/images/$(NAME).reference)
# What `make validate` checks without MOVE=no: the tag that was pushed last, at the site's registry; before any push, the environment's tag.
TAGGED = $(IMAGE):$$(sed -nE 's/.*:([^@]+)@.*/\1/p' dist/images/$(NAME).reference 2>/dev/null || printf '%s' '$(subst /,-,$(ENV))')

BIN := .venv/bin
SCRIPTS := $(wildcard ci/*.sh ci/*/*.sh) .ci/run $(wildcard deploy/esd_deploy/job/*.sh deploy/esd_deploy/validation/job/*.sh)

.PHONY: fuzz fuzz-long help setup uninstall fresh fresh-all system python demo test test-unicorex test-parastation coverage image plan matrix built contract push sign promote publish ci-local validate check format lock reference docs release spack-lock clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup:  ## install what is missing: Apptainer, Slurm, munge, a registry (needs root or sudo) and .venv; SERVER=unicorex: also Java and Maven; LAUNCHER=parastation: also what ParaStation is built with; APPTAINER_DEB=FILE: use that package
	@SERVER=$(SERVER) LAUNCHER=$(LAUNCHER) APPTAINER_DEB=$(APPTAINER_DEB) ci/setup.sh

uninstall:  ## remove what `make setup` installed on this machine; says what it leaves
	@ci/uninstall.sh

system:
	@SERVER=$(SERVER) LAUNCHER=$(LAUNCHER) APPTAINER_DEB=$(APPTAINER_DEB) ci/install-system.sh

python:
	@ci/install-python.sh

demo:  ## from nothing to a picture: image, local site, a network on two nodes through UNICORE
	@ci/demo.sh

test:  ## set-up, then every test that this machine can run
	@ci/test.sh

test-unicorex:  ## every test of a site, the contract and other people's clients on the real UNICORE/X (after `make setup SERVER=unicorex`; TSI=ARCHIVE)
	@$(BIN)/pytest tests/sites tests/contract tests/foreign --server unicorex $(if $(TSI),--tsi $(TSI)) -m site

test-parastation:  ## every test of a site with Jülich's launcher instead of slurmd (Debian 13, after `make setup LAUNCHER=parastation`; PSMGMT=ARCHIVE)
	@$(BIN)/pytest tests/sites --launcher parastation $(if $(PSMGMT),--psmgmt $(PSMGMT)) -m site

coverage: python  ## the tests that need nothing installed, and how much of the code they reach
	@$(BIN)/pytest -q -m "not (integration or image or site or long)" --cov --cov-report=term

image: setup  ## build dist/images/$(IMAGE)-$(ENV).sif  (IMAGE=nest ENV=edge; PROVIDER= TARGET= override the environment's)
	@$(BIN)/esd-build image $(IMAGE) $(CHOSEN)

plan: python  ## show which stages would be built, and why
	@$(BIN)/esd-build plan $(IMAGE) $(CHOSEN)

matrix: python  ## the images that a pipeline builds, from recipes/ and spack-envs/ (NIGHTLY=yes: all of them), as GitHub and GitLab want them
	@ci/matrix.sh

built: python  ## write the images of dist/images/ into the table of docs/measurements/built.md
	@$(BIN)/esd-build built

contract: setup  ## check a built image against its contract
	@$(BIN)/esd-build test $(IMAGE) $(CHOSEN)

push: python  ## push an image (REGISTRY=host/project, or the local site's)
	@MOVE=$(MOVE) REGISTRY=$(REGISTRY) ci/push.sh $(NAME) $(IMAGE) $(CHOSEN)

sign: python  ## sign what was pushed (ESD_SIGNING_KEY, COSIGN_PASSWORD)
	@$(BIN)/esd-build sign "$(REFERENCE)"

promote: python  ## move the moving tag to the image that was pushed
	@$(BIN)/esd-build promote "$(REFERENCE)" | tee dist/images/$(NAME).promoted

publish: python  ## push, sign, validate, promote
	@ci/publish.sh

ci-local: setup  ## run the whole pipeline of ci/ against a registry and a site on this machine
	@ci/local.sh $(NAME) $(IMAGE) $(ENV)

validate: python  ## check an image on a site (SITE=local)
	@$(BIN)/esd-deploy validate --site $(SITE) --image "$(if $(filter no,$(MOVE)),$(REFERENCE),$(TAGGED))" \
	  --junit dist/images/$(NAME).junit.xml $(VALIDATE)

fuzz: python  ## fuzz each parser of outside data with many examples (ESD_FUZZ=20000 each)
	@ESD_FUZZ=$${ESD_FUZZ:-20000} $(BIN)/pytest -q tests/hostile/test_fuzz.py

fuzz-long: python  ## the same, guided by coverage (atheris): SECONDS=120 for each parser, PARSER= for only one
	@ci/fuzz-long.sh $(SECONDS) $(PARSER)

check: python  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci ci/gitlab-ci.yml ci/gitlab-images.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows ci/github-actions.yml
	$(BIN)/zizmor --offline --quiet --no-progress ci/github-actions.yml

format: python  ## format the code with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: python  ## renew the lock files (newest versions that the .in files allow); with IMAGE= and ENV= only that image's
	@ci/lock.sh $(if $(filter command,$(firstword $(origin IMAGE))),$(ENV)/$(IMAGE))

reference: python  ## write the reference pages that are generated from the programs
	@$(BIN)/python docs/reference.py

docs: python  ## build the pages as a site in dist/docs (DOCS=serve: serve them on loopback and reload at every change)
	@ci/docs.sh $(DOCS)

release: python  ## make changelog section, tag and wheel of VERSION=1.2.3 in this checkout; pushes nothing
	@$(BIN)/python ci/release.py "$(VERSION)"

spack-lock: python  ## concretize spack-envs/$(ENV) from scratch; shows the difference to the committed lock
	@$(BIN)/esd-build spack lock $(ENV)

fresh:  ## run README's commands on a new Debian in its own namespaces: SUITE=bookworm|trixie AS=root|sudo COLD=yes (needs root)
	@ci/fresh-machine.sh --suite $(SUITE) --as $(AS) $(if $(COLD),--cold) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(BREAK),--break $(BREAK))

fresh-all:  ## the four combinations of SUITE and AS, one after the other, then one without a cache
	@for suite in bookworm trixie; do for as in root sudo; do ci/fresh-machine.sh --suite $$suite --as $$as; done; done
	@ci/fresh-machine.sh --suite bookworm --as root --cold

clean:  ## remove what make wrote into this checkout; the cache and the local site stay
	rm -rf dist/images .mypy_cache .ruff_cache .pytest_cache
