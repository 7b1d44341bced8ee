# Two commands for a newcomer: `make demo` and `make test`. Both build what they need.

PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin

.PHONY: demo test lint clean

demo: .venv/.demo
	$(BIN)/python examples/mortgage/demo.py

test: .venv/.dev
	$(BIN)/python -m pytest -n auto

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet uv

.venv/.demo: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --compile-bytecode --inexact --no-dev --extra demo --python $(PYTHON)
	touch $@

.venv/.dev: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --compile-bytecode --python $(PYTHON)
	touch $@ .venv/.demo

# A real MLflow for the tests that import from one; 600 MB, so it is no part of the environment that others need.
.tools/mlflow/bin/mlflow: | $(UV)
	$(UV) venv --quiet .tools/mlflow --python $(PYTHON)
	$(UV) pip install --quiet --python .tools/mlflow/bin/python "mlflow>=3.5,<4"

# LiteLLM, for `python -m bench.gateway`; 600 MB and hundreds of pins, so it has an environment of its own.
.tools/litellm/bin/litellm: | $(UV)
	$(UV) venv --quiet .tools/litellm --python $(PYTHON)
	$(UV) pip install --quiet --python .tools/litellm/bin/python "litellm[proxy]>=1.100,<2"

# An S3 server for the tests of segments in a bucket; apart, because botocore wants an older dateutil.
.tools/moto/bin/moto_server: | $(UV)
	$(UV) venv --quiet .tools/moto --python $(PYTHON)
	$(UV) pip install --quiet --python .tools/moto/bin/python "moto[s3]>=5,<6" flask flask-cors

# The peers of `python -m bench.drift` and of `bench.alarms`; apart, because they want an older pandas.
.tools/evidently/bin/python: | $(UV)
	$(UV) venv --quiet .tools/evidently --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "evidently>=0.7,<1" "pandas<3"

.tools/nannyml/bin/python: | $(UV)
	$(UV) venv --quiet .tools/nannyml --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "nannyml>=0.13,<1" statsmodels "pandas<3"

# The peer of `python -m bench.fairness_monitor`.
.tools/fairlearn/bin/python: | $(UV)
	$(UV) venv --quiet .tools/fairlearn --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "fairlearn>=0.15,<1"

# Detectors beside which `python -m bench.alarms` holds its own, with the two above.
.tools/river/bin/python: | $(UV)
	$(UV) venv --quiet .tools/river --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "river>=0.26,<1"

# The peer of `python -m bench.redteam`; apart, because it brings torch.
.tools/garak/bin/python: | $(UV)
	$(UV) venv --quiet .tools/garak --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "garak>=0.17,<1"

# The peer of `python -m bench.personal_data`; apart, because it brings spaCy.
.tools/presidio/bin/python: | $(UV)
	$(UV) venv --quiet .tools/presidio --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "presidio-analyzer>=2.2,<3"

# The peer of `python -m bench.counterfactuals`; apart for the same reason. It reads models of the environment above.
.tools/dice/bin/python: | $(UV)
	$(UV) venv --quiet .tools/dice --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "dice-ml>=0.12,<1" "pandas<3" \
		"scikit-learn==$$($(BIN)/python -c 'import sklearn; print(sklearn.__version__)')"

# The peer of `python -m bench.feedback` (ART's provenance defence); apart, because nothing else needs it.
.tools/art/bin/python: | $(UV)
	$(UV) venv --quiet .tools/art --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "adversarial-robustness-toolbox>=1.20,<2" packaging "setuptools<80"

# The tasks and attacks of `python -m bench.tools`; apart, because its clients of models want other versions of much.
.tools/agentdojo/bin/python: | $(UV)
	$(UV) venv --quiet .tools/agentdojo --python $(PYTHON)
	$(UV) pip install --quiet --python $@ "agentdojo==0.1.35"

clean:
	rm -rf .venv .tools examples/*/build examples/*/.holdfast

.PHONY: docs
docs: .venv/.dev
	$(BIN)/python docs/generate.py
