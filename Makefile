# make demo    plays the main job from start to end with real parts
# make test    all tests
# make check   tests with the race detector, and everything else that can be checked
#
# Each does the set-up that is missing (see tools/setup.sh) and keeps what it
# builds in build/. A second run downloads and builds nothing again.

SHELL := /bin/bash
GO ?= go
BIN := $(CURDIR)/build/bin
export CGO_ENABLED ?= 1

# Timings and limits that go test needs: PC/SC and Vault tests take a minute.
TESTFLAGS ?= -timeout 15m

.PHONY: demo test check programs fmt vet static shell race tidy docs vulnerabilities airgap fuzz killpoints clean setup-demo setup-test setup-check

demo: setup-demo programs $(BIN)/devvault
	$(BIN)/demo

test: setup-test programs $(BIN)/devvault
	$(GO) test $(TESTFLAGS) ./...

check: setup-check fmt vet static shell tidy docs airgap vulnerabilities race
	@echo 'check: all done'

setup-demo setup-test setup-check: setup-%:
	@tools/setup.sh $*

# The programs, and those that only the demo and the tests use.
programs:
	@mkdir -p $(BIN)
	$(GO) build -trimpath -o $(BIN)/ ./cmd/online-signer ./cmd/roster ./cmd/ceremony ./tools/vcard ./tools/demo

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

race: programs $(BIN)/devvault
	$(GO) test -race $(TESTFLAGS) ./...

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

clean:
	rm -rf build
