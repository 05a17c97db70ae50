# Each target sees to everything it needs, once: a virtual environment, and the system's
# libraries where apt can bring them. Keeps to what GNU make 3.81 (macOS) knows.

VENV ?= .venv
# Ubuntu 22.04 calls an older Python python3.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
ARGS ?=
BIN := $(VENV)/bin

# macOS has a display, and no variable to tell.
display := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s))
# Offscreen, Qt has no OpenGL: napari needs a real display or a virtual X server. A
# Wayland session would have Qt pass that server by, hence the named platform.
# Expanded late, because xvfb may be installed on the way.
xvfb = $(if $(shell command -v xvfb-run 2>/dev/null),\
	QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1280x1024x24")

# Where it is set, each of the many processes that tests start would compile the package.
export PYTHONDONTWRITEBYTECODE =

.NOTPARALLEL: # one pip at a time
.PHONY: help demo test lint bench docs clean venv-module window xvfb

help:
	@echo 'make demo   open the demo in napari (without a display: picture it in demo.png)'
	@echo 'make test   run the tests; ARGS="-k entropy" goes to pytest'
	@echo 'make coverage  run the tests and tell which lines and branches they miss'
	@echo 'make lint   check style, types, layers and the manifest'
	@echo 'make bench  run the benchmarks; writes docs/benchmarks.md'
	@echo 'make docs   make the pictures of the documentation'
	@echo 'make clean  remove the virtual environment and everything built'
	@echo 'PYTHON=... chooses the interpreter, VENV=... the place of the environment.'

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
test: $(VENV)/.group-test xvfb
	$(xvfb) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# The same with every line and branch of the package counted, in all processes.
.PHONY: coverage
coverage: $(VENV)/.group-coverage xvfb
	$(BIN)/coverage erase
	$(xvfb) $(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(VENV)/.group-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari.yaml

bench: $(VENV)/.group-bench
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.group-docs xvfb
	$(xvfb) $(BIN)/python docs/make_pictures.py

clean:
	rm -rf .venv build dist demo.png .coverage .coverage.* .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests docs -name __pycache__ -prune -exec rm -rf {} +

# The build copies the manifest, even into an editable install: a changed one is
# installed anew.
$(VENV)/.package: pyproject.toml napari.yaml | venv-module
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --editable '.[all]'
	@touch $@

$(VENV)/.group-%: $(VENV)/.package
	$(BIN)/python -m pip install --group $*
	@touch $@

venv-module:
	@test -n "$(PYTHON)" || { \
		echo 'No Python from 3.11 on is found; name one with PYTHON=...' >&2; exit 1; }
	@PYTHON='$(PYTHON)' .ci/system-libraries venv

window:
	@.ci/system-libraries window

xvfb:
	@.ci/system-libraries window xvfb
