#!/usr/bin/env bash
# Builds the kernels for 64-bit ARM and tests them in qemu: on Debian and its kin, whose packages bring a compiler with a standard
# library for another machine. Slow (qemu reckons floating point in software); on an ARM machine `make test` does the same faster.
#
#     scripts/test-aarch64.sh            # unit tests of all kernels against the scalar reference (a minute)
#     scripts/test-aarch64.sh --all      # and whole networks: conformance, Winograd, bands, threads (up to an hour)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || { echo "this script wants apt; packages it would install: ${missing[*]}" >&2; exit 1; }
    echo "installing ${missing[*]} (adds the architecture arm64 to dpkg)" >&2
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo dpkg --add-architecture arm64
    $sudo apt-get update -qq
    $sudo apt-get install -y --no-install-recommends "${missing[@]}"
fi

# Debian's compiler, not rustup's: their standard libraries do not mix.
export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
export CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/aarch64
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
# The machine's own arm64 C library: in the cross compiler's, qemu 7.2 hangs when a thread is started.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /"
what=(--lib)
[ "${1:-}" = --all ] && what=(--lib --test winograd --test conformance --test bands --test determinism --test sharing --test engine)
${CARGO:-cargo} test -p ifr-cpu "${what[@]}"
