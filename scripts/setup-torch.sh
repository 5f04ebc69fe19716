#!/usr/bin/env bash
# Installs what the trainer's crates need besides scripts/setup.sh: a C++ compiler and libtorch, the latter from PyPI into the project's
# own virtual environment `.venv`, with a link `.venv/libtorch` (where .cargo/config.toml points LIBTORCH). Says what it does, returns at
# once when all is there, and puts the right version in place of another. Set LIBTORCH to use an installation of your own instead.
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.11.0 # what the bindings (tch 0.24) are generated for

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else say "this needs root: $*"; exit 1
  fi
}
# install APT DNF BREW: the packages that hold the same thing, "-" where a system has it anyway.
install() {
  local manager package
  if have apt-get; then manager=apt package=$1
  elif have dnf; then manager=dnf package=$2
  elif have brew; then manager=brew package=$3
  else say "found none of apt, dnf, brew; please install: a C++ compiler, Python 3.10 to 3.14 with venv and pip"; exit 1
  fi
  [ "$package" != - ] || return 0
  say "installing with $manager: $package"
  case $manager in
    apt) as_root apt-get update -qq
         as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null ;;
    dnf) as_root dnf install -y -q "$package" ;;
    brew) brew install --quiet "$package" ;;
  esac
}

have c++ || install g++ gcc-c++ -

if [ -n "${LIBTORCH:-}" ] && [ "$LIBTORCH" != "$PWD/.venv/libtorch" ]; then
  say "LIBTORCH is set: using $LIBTORCH"
  exit 0
fi

# What `.venv/libtorch` has to be: that version, and able to load. The link is made last, so it also says that the installation ended.
ready() {
  [ -x .venv/bin/python ] && [ -e .venv/libtorch/include/torch/csrc/api/include/torch/torch.h ] || return 1
  .venv/bin/python - "$TORCH" <<'PY' 2>/dev/null
import ctypes, glob, runpy, sys
version = runpy.run_path(".venv/libtorch/version.py")["__version__"].split("+")[0]
if version != sys.argv[1]:
    sys.exit(1)
ctypes.CDLL(glob.glob(".venv/libtorch/lib/libtorch_cpu.*")[0])
PY
}
if ready; then exit 0; fi
rm -f .venv/libtorch

# Torch has wheels for Python 3.10 to 3.14; the interpreter only unpacks them, so any of these will do.
fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; }
find_python() {
  local python
  for python in python3 /usr/bin/python3 python3.12 python3.13 python3.11 python3.10 python3.14; do
    if have "$python" && fits "$python"; then command -v "$python"; return 0; fi
  done
  return 1
}
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! fits .venv/bin/python; then
  python=$(find_python) || { install python3-venv python3.12 python@3.12; python=$(find_python) || true; }
  if [ -z "$python" ]; then
    say "no Python from 3.10 to 3.14 with venv and pip found (python3 is $(python3 --version 2>&1 || echo absent)); please install one"
    exit 1
  fi
  # Only what this script made is made again: anything else may hold somebody's work.
  if [ -e .venv ] && [ ! -e .venv/made-by-setup-torch ]; then
    say ".venv is there, and was not made by this script, but has no Python from 3.10 to 3.14 with pip: move it away, mend it, or set"
    say "LIBTORCH to a libtorch $TORCH of your own (for one of pip's, the folder of the module torch)"
    exit 1
  fi
  say "making .venv with $("$python" --version) ($python)"
  rm -rf .venv
  mkdir .venv
  touch .venv/made-by-setup-torch # first, so that what an interruption leaves may be made again
  "$python" -m venv .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-cache-dir --only-binary :all: --no-deps "$@"; }
say "installing libtorch $TORCH into .venv (PyPI; on Linux 530 MB to download, 1.3 GB on disk)"
pip "torch==$TORCH"
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
if [ "$(uname -s)" = Linux ] && ! grep -q '^cuda.*None' "$packages/torch/version.py"; then
  # The wheel with CUDA wants these two even where nothing but its CPU half is used; the rest (3 GB) only a machine with a GPU needs.
  pip 'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
fi
ln -s "${packages#"$PWD/.venv/"}/torch" .venv/libtorch
if ! ready; then
  say "libtorch does not load:"
  .venv/bin/python -c 'import ctypes, glob; ctypes.CDLL(glob.glob(".venv/libtorch/lib/libtorch_cpu.*")[0])' || true
  rm -f .venv/libtorch
  exit 1
fi
say "libtorch $TORCH is in .venv/libtorch"
