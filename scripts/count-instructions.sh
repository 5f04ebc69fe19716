#!/usr/bin/env bash
# Counts the instructions of small fixed cases (crates/ifr-cpu/examples/count.rs) and compares them with benches/instructions.txt:
# more than 3 % above it is an error, so that a slower kernel shows without anything being timed. Levels are forced, so that the
# machine does not matter; of levels that valgrind does not know (AVX-512), nothing is counted.
#
#   scripts/count-instructions.sh            compare
#   scripts/count-instructions.sh --update   write the reference anew
set -euo pipefail
cd "$(dirname "$0")/.."

REFERENCE=benches/instructions.txt
LIMIT=3 # per cent

say() { printf 'count-instructions: %s\n' "$*"; }

case "${1:-}" in
  "" | --update) ;;
  *) say "found '$1', expected nothing or --update" >&2; exit 2 ;;
esac
if ! command -v valgrind >/dev/null; then
  say "skipped: valgrind is not installed"
  exit 0
fi
if [ "$(uname -m)" != x86_64 ]; then
  say "skipped: the reference is for x86-64"
  exit 0
fi

"${CARGO:-cargo}" build --quiet --release -p ifr-cpu --example count
program="${CARGO_TARGET_DIR:-target}/release/examples/count"

# Instructions of the whole program with so many runs; 'none' where this machine does not have the level.
instructions() {
  local log code=0
  log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>&1) || code=$?
  if [ "$code" = 77 ]; then echo none; return; fi
  if [ "$code" != 0 ]; then
    printf '%s\n' "$log" | tail -n 20 >&2
    return 1
  fi
  printf '%s\n' "$log" | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

failed=0
table=""
while read -r level name expected; do
  few=$(instructions "$name" "$level" 1)
  if [ "$few" = none ]; then
    say "$level $name: skipped, this machine has no $level"
    table+="$level $name $expected"$'\n'
    continue
  fi
  many=$(instructions "$name" "$level" 3)
  count=$(((many - few) / 2))
  table+="$level $name $count"$'\n'
  percent=$(awk -v a="$count" -v b="$expected" 'BEGIN { printf "%+.2f", 100 * (a - b) / b }')
  say "$level $name: $count instructions a run, $percent % from the reference"
  if [ "${1:-}" != --update ] && [ $(((count - expected) * 100)) -gt $((expected * LIMIT)) ]; then
    say "$level $name: more than $LIMIT % above the reference of $expected" >&2
    failed=1
  fi
done < <(grep -v '^#' "$REFERENCE")

if [ "${1:-}" = --update ]; then
  { grep '^#' "$REFERENCE"; printf '%s' "$table"; } >"$REFERENCE.new"
  mv "$REFERENCE.new" "$REFERENCE"
  say "$REFERENCE is written anew"
elif [ "$failed" != 0 ]; then
  say "a kernel has become slower, or does more; if that is as it must be: scripts/count-instructions.sh --update" >&2
  exit 1
fi
