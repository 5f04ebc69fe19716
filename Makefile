# Every target sets up what it needs itself: scripts/setup.sh, scripts/setup-torch.sh for what trains (tests and lints
# included), and scripts/setup-onnx.sh for the tests that run ONNX models.
CARGO ?= cargo
# The last two: where Homebrew keeps rustup, which it does not link.
export PATH := $(HOME)/.cargo/bin:$(PATH):/opt/homebrew/opt/rustup/bin:/usr/local/opt/rustup/bin

.PHONY: help setup setup-torch setup-onnx build demo train-build train test lint

help:
	@echo "make demo              render a clip, make it smooth, and say where the result is"
	@echo "make demo VIDEO=path   the same with a video of yours"
	@echo "make test              run all tests, and count the instructions of small cases where valgrind is installed"
	@echo "make build             build target/release/ifr"
	@echo "make train-build       the same with 'ifr train' (needs libtorch: 530 MB to download)"
	@echo "make train CONFIG=configs/default.toml DATA=clips OUTPUT=runs/mine"
	@echo "                       train on a folder of clips; ARGS=... takes any option of 'ifr train'"
	@echo "make lint              formatting, clippy and documentation, as the project's check runs them"

setup:
	@scripts/setup.sh

setup-torch: setup
	@scripts/setup-torch.sh

setup-onnx: setup-torch
	@scripts/setup-onnx.sh

build: setup
	$(CARGO) build --release --bin ifr

demo: build
ifdef VIDEO
	target/release/ifr demo --output-dir demo --force --video "$(VIDEO)"
else
	target/release/ifr demo --output-dir demo --force
endif

train-build: setup-torch
	$(CARGO) build --release --bin ifr --features ifr/train

CONFIG ?= configs/default.toml
train: train-build
	target/release/ifr train $(CONFIG) $(if $(DATA),--data "$(DATA)") $(if $(OUTPUT),--output "$(OUTPUT)") $(ARGS)

test: setup-onnx
	$(CARGO) test --workspace --features ifr/train
	$(CARGO) test -p ifr --test memory a_limit_is_kept
	@CARGO=$(CARGO) scripts/count-instructions.sh

lint: setup-torch
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p ifr --features train --all-targets -- -D warnings
	$(CARGO) clippy -p ifr --no-default-features -- -D warnings
	$(CARGO) clippy -p ifr-train --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --features ifr/train,ifr-train/nccl
