# Coverglass: `make run` to see it, `make test` to check it. Both set up what they lack.

.DEFAULT_GOAL := help
.PHONY: help run build test trunk bench fuzz gallery clean

# Where `make run` listens; port 0 takes any that is free.
LISTEN ?= 127.0.0.1:7777

help: ## Say what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: build ## Build everything, start the relay and a Go program to watch, print one URL
	@echo "==> Starting the relay and the demo (Ctrl-C ends both)"
	@exec target/release/coverglass demo --listen $(LISTEN)

build: ## Build the release binary with the page inside: target/release/coverglass
	@tests/setup rust
	@echo "==> Building the page and the binary (some minutes the first time)"
	@cargo build --release --package cli

test: ## Check everything: format, lints, all tests, docs, the page in a browser
	@tests/setup all
	@tests/all

trunk: ## Install Trunk into .tools if need be and prove that it builds the page
	@tests/setup rust trunk
	@echo "==> Building the page with Trunk"
	@tests/trunk

bench: ## Measure what watching costs (tests/bench/README.md)
	@tests/setup rust go
	@echo "==> Building the release binary"
	@cargo build --release --package cli
	@python3 tests/bench/cpu.py

fuzz: ## Fuzz each target for a minute; needs a nightly toolchain and cargo-fuzz
	@tests/fuzz/run 60

gallery: ## Record the example programs anew, whose traces the page offers (static/gallery)
	@tests/setup rust go
	@tests/gallery

clean: ## Remove what was built, keep what was installed
	@cargo clean
	@rm -rf dist tests/browser/node_modules
