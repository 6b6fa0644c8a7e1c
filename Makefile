# Everything a developer does here. Each target does its own set-up; nothing must run before it.

CHATLOG := .venv/bin/chatlog

.DEFAULT_GOAL := help
.PHONY: help setup up down test check simulate mutants demo bench bench-gate bench-peers chaos conformance docs lock clean

help: ## Show this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: system packages, Python packages, jars (also on a fresh machine)
	@infra/setup.sh

up: setup ## Start the stack, two gateways and the workers
	@$(CHATLOG) up

down: ## Stop everything that `up` started
	@if [ -x $(CHATLOG) ]; then $(CHATLOG) down; fi

test: setup ## Run every test, also those on the real stack
	@.venv/bin/pytest

check: setup ## Formatting, lint, types, import directions
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

simulate: setup ## The simulated world for three minutes, from the first seed of today
	@.venv/bin/python -m tests.simulation --today --seconds 180

# ONLY='processors.admission.decider*' takes some of them. What was tried is kept in mutants/.
mutants: setup ## Plant small mistakes in the core, one at a time, and say which no test finds
	@nice -n 10 .venv/bin/mutmut run --max-children 1 $(if $(ONLY),'$(ONLY)')
	@.venv/bin/mutmut results --all true | sed 's/^ *//' | sort > mutants/results.txt
	@grep -E ': (survived|no tests|suspicious)$$' mutants/results.txt || true
	@awk -F ': ' '$$2 != "not checked" {sub(/\.[^.]*__mutmut_[0-9]+$$/, "", $$1); n[$$1 ": " $$2]++} \
	  END {for (one in n) print one ": " n[one]}' mutants/results.txt | sort

demo: setup ## Two people, two gateways, two crashes: the whole scenario, checked
	@$(CHATLOG) demo

bench: setup ## Load through real sockets: throughput, latencies, cost
	@$(CHATLOG) bench

bench-gate: setup ## Fail when a message costs more CPU than in bench/baseline.json
	@$(CHATLOG) bench gate

bench-peers: setup ## Compare with ejabberd, Prosody and Synapse, in turns: ratios (installs them)
	@$(CHATLOG) bench peers

chaos: setup ## Eight minutes of faults on a real stack under load, and a check of what clients saw
	@$(CHATLOG) chaos

conformance: setup ## Autobahn's WebSocket cases against the gateway's own parts (installs the suite)
	@.venv/bin/python -m tests.conformance $(foreach case,$(CASES),'$(case)')
	@$(CHATLOG) docs

docs: setup ## Rewrite the generated pages
	@$(CHATLOG) docs

lock: ## Resolve requirements.lock again from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev \
	  --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock

clean: down ## Stop everything and delete what was installed or stored here
	@rm -rf .chatlog .venv
