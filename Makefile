# The two commands that matter: make run, make test. `make help` lists the rest.
#
# Go is enough for make run and make test-unit. make test also takes PostgreSQL,
# Redis and Chromium, and make check a C compiler for the race detector: what is not there is
# installed when root on Debian, or named.

.DEFAULT_GOAL := help
SHELL         := /bin/bash
.SHELLFLAGS   := -euo pipefail -c

# The modules that ship, and e2e/, the tests in a real browser. tools/ is one of
# its own, outside go.work, so that neither its dependencies nor its downloads
# weigh on a build.
MODULES  := . verify e2e
BIN      := $(CURDIR)/bin
FUZZTIME ?= 30s

# Tests and builds need no C compiler; the race detector is the exception.
export CGO_ENABLED ?= 0

.PHONY: help run demo build test test-unit check fmt vet staticcheck race bench scale soak chaos mutants fuzz verify generated tidy vulnerabilities tools images clean

help: ## list what make can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: ## start the server in dev mode on http://localhost:8484
	go run ./cmd/tandem serve --dev

demo: ## play the scenes of the product against real processes, under 60 s
	go run ./cmd/tandem demo

build: ## build bin/tandem, static
	go build -trimpath -ldflags '-s -w' -o $(BIN)/tandem ./cmd/tandem

# -count=1: some tests run binaries that they build themselves, which the test
# cache does not know of.
test: ## run every test; PostgreSQL, Redis and Chromium are found, or installed when root on Debian
	@for module in $(MODULES); do echo "== go test in $$module"; go -C $$module test -count=1 -timeout 20m ./... || failed=1; done; exit $${failed:-0}

test-unit: ## run the fast tests only
	@for module in $(MODULES); do go -C $$module test -short -timeout 5m ./... || failed=1; done; exit $${failed:-0}

check: fmt vet staticcheck race ## formatting, vet, staticcheck, and every test under the race detector

fmt: ## fail if a file is not formatted
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' | grep -v /testdata/ | xargs ls -d 2>/dev/null)); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

vet: ## go vet in each module
	@for module in $(MODULES); do go -C $$module vet ./...; done

staticcheck: tools ## staticcheck in each module
	@for module in $(MODULES); do (cd $$module && $(BIN)/staticcheck ./...); done

race: ## every test under the race detector; installs gcc when root on Debian
	@tools/need-cc
	@for module in $(MODULES); do echo "== go test -race in $$module"; CGO_ENABLED=1 go -C $$module test -race -count=1 -timeout 40m ./... || failed=1; done; exit $${failed:-0}

bench: ## measure each budget beside its floor
	go run ./internal/lab/bench

scale: ## what gives way first when Tandem grows: the tables of docs/scale.md, in two minutes
	go run ./internal/lab/scale

# Long runs read TANDEM_TEST_SOAK: 100,000 schedules in place of thousands, a
# hundred kills under load in place of a few.
soak: ## the long runs: schedules, crashes, races (about an hour)
	@for module in $(MODULES); do echo "== soak in $$module"; TANDEM_TEST_SOAK=1 TANDEM_TEST_MILLION=1 go -C $$module test -count=1 -timeout 120m ./... || failed=1; done; exit $${failed:-0}

# Each scenario plays for TANDEM_CHAOS_SECONDS (180), once for each seed: an hour and a half. TANDEM_TEST_SEED=N with go test
# plays a failed one again.
SEEDS ?= 1 2 3

chaos: ## the long runs with real PostgreSQL, Redis and three nodes: faults, failover, restore, restarts
	@for seed in $(SEEDS); do echo "== chaos, seed $$seed"; TANDEM_TEST_SEED=$$seed TANDEM_CHAOS_SECONDS=$${TANDEM_CHAOS_SECONDS:-180} go test -count=1 -v -timeout 10h ./internal/lab/chaos || failed=1; done; exit $${failed:-0}

mutants: ## put each known mistake back and see a test turn red
	go run ./internal/lab/mutants

fuzz: ## fuzz every target for FUZZTIME each (default 30s)
	tools/fuzz $(FUZZTIME) $(MODULES)

verify: generated tidy vulnerabilities ## generated files, go.mod files, known vulnerabilities

generated: ## fail if go generate changes a file
	tools/generated $(MODULES)

tidy: ## fail if go mod tidy would change a module
	@for module in $(MODULES); do echo "== go mod tidy -diff in $$module"; go -C $$module mod tidy -diff; done
	GOWORK=off go -C tools mod tidy -diff

vulnerabilities: tools ## govulncheck; says so if its database cannot be reached
	@for module in $(MODULES); do tools/vulnerabilities $(BIN)/govulncheck $$module; done

# The tools are built anew when their versions or Go's change.
STAMP = $(BIN)/.tools-$(shell go env GOVERSION)

tools: ## build the pinned tools into bin/
	@if [ ! -e $(STAMP) ] || [ tools/go.mod -nt $(STAMP) ]; then \
		echo "== building the tools of tools/go.mod"; \
		mkdir -p $(BIN); \
		GOWORK=off GOBIN=$(BIN) go -C tools install tool; \
		touch $(STAMP); \
	fi

images: ## take the screenshots of docs/images anew, in a real Chromium
	TANDEM_SCREENSHOTS=$(CURDIR)/docs/images go -C e2e test -count=1 -timeout 10m -run '^TestEveryPage$$/^en$$' .

clean: ## remove what was built
	rm -rf $(BIN)
