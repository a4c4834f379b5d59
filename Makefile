# The two commands that matter: `make up` starts a cloud, `make test` proves it.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
DEBIAN_DISKS ?= /var/tmp/pileus-debian
# Functions begin at multiples of 16 bytes, not of 32: half a MiB less of padding.
LDFLAGS := -s -w -funcalign=16 -X main.version=$(VERSION)

.PHONY: up build test unit race acceptance test-vm lint generate generated docs packed fuzz crash debian soak bench clean help

up: build ## build and start a cloud in the foreground
	@exec bin/pileus up $(ARGS)

build: ## build bin/pileus
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/pileus ./cmd/pileus

test: ## set up what the tests need and run all of them, as CI does
	@scripts/test

unit: ## the Go tests alone
	$(GO) test ./...

race: ## the Go tests under the race detector
	$(GO) test -race ./...

acceptance: build ## aws CLI, boto3, SDK for JavaScript and Terraform against fresh clouds; SUITES="cli js" for some
	@scripts/setup
	@scripts/acceptance $(SUITES)

test-vm: ## the data plane on a distribution's kernel in QEMU, an hour; PARTS="cgroup network" for some
	@scripts/vm-test $(PARTS)

lint: ## gofmt, go vet, staticcheck
	@scripts/lint

generate: ## regenerate api/ from the API models
	$(GO) run -C cmd/apigen .

generated: ## check that regenerating changes nothing
	$(GO) run -C cmd/apigen . -check

docs: ## write the generated pages: docs/cli.md, docs/coverage.md
	$(GO) test ./cmd/pileus -run Page -update

packed: ## compress the tables that the program embeds, after a change of one
	$(GO) test ./identity ./service/ec2/instance -run Packed -pack

fuzz: ## every fuzz target for FUZZTIME (1m) each
	@scripts/fuzz $(or $(FUZZTIME),1m)

crash: build ## kill -9 a loaded process hundreds of times and look for what is lost
	PILEUS_CRASHES=$(or $(CRASHES),400) $(GO) test -count=1 -v -run Crash -timeout 60m ./store/... ./blob/...
	CRASHES=$(or $(MACHINE_CRASHES),40) acceptance/machines/run crashes # as root

debian: build ## as root: Debian disks with their own kernels in virtual machines, by BIOS and UEFI (half an hour without KVM)
	acceptance/machines/debian-disk both $(DEBIAN_DISKS)/both.raw
	acceptance/machines/debian-disk efi $(DEBIAN_DISKS)/efi.raw
	DEBIAN_DISKS=$(DEBIAN_DISKS) acceptance/machines/run debian

soak: build ## an hour of mixed load; prints memory over time
	$(GO) run ./bench -soak $(or $(SOAK),1h)

bench: build ## the figures of docs/performance.md
	$(GO) run ./bench $(ARGS)

clean: ## remove what was built
	rm -rf bin dist

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
