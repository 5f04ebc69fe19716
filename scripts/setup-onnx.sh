#!/usr/bin/env bash
# Installs what the tests of ONNX models need into the project's virtual environment `.venv`, which scripts/setup-torch.sh makes:
# onnxruntime to run models, onnx to check them, NumPy. Says what it does, and returns at once when all is there. Where there is no
# wheel for this machine it says so and goes on: those tests then skip with a message.
set -euo pipefail
cd "$(dirname "$0")/.."

WANTED=(numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0)

say() { printf 'setup: %s\n' "$*"; }

# There is none yet where LIBTORCH names an installation from elsewhere. The mark lets setup-torch.sh make it again.
if [ ! -e .venv ]; then
  say "making .venv with python3"
  mkdir .venv
  touch .venv/made-by-setup-torch
  python3 -m venv .venv || true
fi
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  say ".venv has no Python with pip; the tests of ONNX models will be skipped"
  exit 0
fi

ready() {
  .venv/bin/python - "${WANTED[@]}" <<'PY' 2>/dev/null
import sys
from importlib.metadata import version
for wanted in sys.argv[1:]:
    name, number = wanted.split("==")
    if version(name) != number:
        sys.exit(1)
PY
}
if ready; then exit 0; fi

say "installing ${WANTED[*]} into .venv (PyPI; about 60 MB to download)"
# --upgrade-strategy: what torch has brought along stays as it is.
if ! .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-cache-dir --only-binary :all: \
    --upgrade-strategy only-if-needed "${WANTED[@]}" 2>.venv/setup-onnx.log; then
  cat .venv/setup-onnx.log
  say "that did not work; the tests of ONNX models will be skipped"
  exit 0
fi
if ! ready; then
  say "onnxruntime is installed but not found; see .venv/setup-onnx.log"
  exit 1
fi
say "onnxruntime ${WANTED[2]#*==} is in .venv"
