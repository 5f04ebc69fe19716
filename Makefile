# `make demo` and `make test` set up what they need themselves; see scripts/setup.sh.
CARGO ?= cargo
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help setup build demo test lint docs

help:
	@echo "make demo              render a clip, make it smooth, and say where the result is"
	@echo "make demo VIDEO=path   the same with a video of yours"
	@echo "make test              run all tests"
	@echo "make build             build target/release/ifr"
	@echo "make lint              formatting, clippy and documentation, as the project's check runs them"

setup:
	@scripts/setup.sh

build: setup
	$(CARGO) build --release --bin ifr

demo: build
ifdef VIDEO
	target/release/ifr demo --output-dir demo --force --video "$(VIDEO)"
else
	target/release/ifr demo --output-dir demo --force
endif

test: setup
	$(CARGO) test --workspace

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p ifr --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
