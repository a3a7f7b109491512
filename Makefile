# make demo    plays the main job from start to end with real parts
# make test    all tests
# make check   tests with the race detector, and everything else that can be checked
#
# Each does the set-up that is missing (see tools/setup.sh) and keeps what it
# builds in build/. A second run downloads and builds nothing again.

SHELL := /bin/bash
GO ?= go
BIN := $(CURDIR)/build/bin
# Without PC/SC's headers the ceremony tool is built without cards, and says so.
# Looked up when it is needed: the set-up may have installed them just before.
CGO = CGO_ENABLED=$${CGO_ENABLED:-$$(pkg-config --exists libpcsclite 2>/dev/null && command -v gcc >/dev/null && echo 1 || echo 0)}

# Timings and limits that go test needs: PC/SC and Vault tests take a minute.
TESTFLAGS ?= -timeout 15m

.PHONY: demo drill test check programs fmt vet static shell race tidy docs vulnerabilities airgap conformance compromise-table bench fuzz sample mutants killpoints reproducible clean setup-demo setup-test setup-check

demo: setup-demo
	@$(MAKE) --no-print-directory programs vault
	@$(BIN)/demo

# The worst day: theft of the online signer, from "we think that it leaked" until
# every client follows. Prints minutes and human steps; leaves build/drill.
drill: setup-demo
	@$(MAKE) --no-print-directory programs vault
	@$(BIN)/drill

# Tests that lack a part are skipped and say which; under CI=true they fail.
test: setup-test
	@$(MAKE) --no-print-directory programs vault
	@$(CGO) tools/test.sh $(TESTFLAGS) ./...

check: setup-check fmt vet static shell tidy docs airgap vulnerabilities race
	@echo 'check: all done'

setup-demo setup-test setup-check: setup-%:
	@tools/setup.sh $*

# The programs, and those that only the demo and the tests use.
programs:
	@mkdir -p $(BIN)
	$(CGO) $(GO) build -trimpath -o $(BIN)/ ./cmd/online-signer ./cmd/roster ./cmd/ceremony ./tools/vcard ./tools/demo ./tools/drill

# Where the server cannot be built, the parts that need one are skipped.
.PHONY: vault
vault:
	@if [ -n "$$VAULT_ADDR" ] || command -v vault bao >/dev/null; then echo 'using the Vault server that is here'; else \
	$(MAKE) --no-print-directory $(BIN)/devvault || { echo 'without a Vault server: parts that need one are skipped' >&2; [ "$$CI" != true ]; }; fi

# A real Vault server, built once from Go modules alone. About four minutes.
$(BIN)/devvault: tools/devvault/go.mod tools/devvault/go.sum $(wildcard tools/devvault/*.go)
	@mkdir -p $(BIN)
	@echo 'building a Vault server from Go modules, once: about four minutes' >&2
	$(GO) -C tools/devvault build -p 2 -trimpath -ldflags='-s -w' -o $@ .

$(BIN)/staticcheck: tools/lint/go.mod tools/lint/go.sum
	@mkdir -p $(BIN)
	$(GO) -C tools/lint build -trimpath -o $@ honnef.co/go/tools/cmd/staticcheck

$(BIN)/govulncheck: tools/lint/go.mod tools/lint/go.sum
	@mkdir -p $(BIN)
	$(GO) -C tools/lint build -trimpath -o $@ golang.org/x/vuln/cmd/govulncheck

fmt:
	@files=$$(git ls-files '*.go' | xargs gofmt -l); if [ -n "$$files" ]; then echo "not gofmt-ed:"; echo "$$files"; exit 1; fi

# cmd/roster must build without cgo everywhere; so must what a client imports.
vet:
	$(GO) vet ./...
	for os in linux darwin windows; do CGO_ENABLED=0 GOOS=$$os GOARCH=amd64 $(GO) vet ./cmd/roster || exit 1; done

static: $(BIN)/staticcheck
	$(BIN)/staticcheck ./...

shell:
	shellcheck tools/*.sh .ci/run

race: programs vault
	@tools/test.sh -race $(TESTFLAGS) ./...

tidy:
	$(GO) mod tidy -diff

docs:
	$(GO) run ./tools/docscheck

airgap:
	@! $(GO) list -deps ./cmd/ceremony | grep -x 'net/http' || { echo 'cmd/ceremony links net/http'; exit 1; }

# The nested tools/devvault is left out: it is an old Vault with published
# advisories, it never enters our module, and only tests and the demo run it.
vulnerabilities: $(BIN)/govulncheck
	@out=$$($(BIN)/govulncheck ./... 2>&1); code=$$?; \
	if grep -q 'fetching vulnerabilities' <<<"$$out"; then \
		echo 'vulnerabilities: not checked: the database of vulnerabilities cannot be reached from here'; \
	else echo "$$out"; exit $$code; fi

# Each fuzzer for a while: FUZZTIME=15m for the whole run.
FUZZTIME ?= 20s
fuzz:
	@set -e; for d in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		list=$$($(GO) test -list '^Fuzz' $$d); \
		for f in $$(grep '^Fuzz' <<<"$$list"); do \
			echo "$$d $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$d; \
		done; \
	done

# What takes long when it is whole, in part: CI runs this.
sample:
	$(GO) run ./tools/mutants -every 15 -skip internal/ceremony
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2s

# The conformance suite: make conformance CLIENT=./path for another client.
CLIENT ?= $(BIN)/roster
conformance: programs
	$(GO) run ./tools/conformance $(CLIENT)

# Plays each stolen set of keys against the real client.
compromise-table: programs
	$(GO) run ./tools/compromise-table

# Cost at the size of a whole package index, beside go-tuf and PEP 458's figures.
bench:
	$(GO) run ./tools/bench -packages 700000 -peers tools/peers

# Removes every check of the trust core, the client, the online signer, the cards
# and the ceremony, one by one, and writes docs/checks.md. A quarter of an hour.
mutants:
	$(GO) run ./tools/mutants

# Kills the online signer at each of its write points: about two minutes.
killpoints:
	$(GO) test ./internal/signer -run KillPoints -killpoints=all -timeout 30m

# Builds the ceremony tool twice, as differently as can be, and compares bytes.
reproducible:
	tools/reproducible.sh

clean:
	rm -rf build
