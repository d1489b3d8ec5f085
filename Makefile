# make repro  sets up .venv and runs the pipeline;  make test  sets up .venv and runs the tests;
# make experiments  shows what differs between experiments;  make study  runs the study anew (docs/study.md).
PYTHON ?= python3
VENV := .venv
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" DVC_NO_ANALYTICS=1

.PHONY: setup repro study experiments test lint clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; run: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

repro: setup
	$(RUN) python -m nofreelunch check
	$(RUN) dvc repro

# params.yaml becomes the study's. Texts come from the hub, or from NOFREELUNCH_DATA_ROOT. Stopped, it goes on where it was.
study: setup
	cp study/params.yaml params.yaml
	$(RUN) python -m nofreelunch check
	$(RUN) dvc repro active_learn
	$(RUN) python -m nofreelunch render study --collect

# What differs between experiments; 'dvc exp show' has a column for every line of params.yaml and every metric.
experiments: setup
	$(RUN) dvc exp show --no-pager --only-changed --hide-workspace --drop '^(Created|rev|typ|parent|(data|src|stages)/|requirements|metrics/(?!focus))'

test: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder

clean:
	rm -rf $(VENV) .cache data
