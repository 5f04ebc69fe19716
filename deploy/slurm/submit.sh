#!/bin/sh
# Usage: submit.sh SHARDS IN OUT [options of ifr interpolate]
# Submits three jobs, each after the one before: the plan, an array of SHARDS jobs, the join. IN, OUT and OUT.plan.json must
# be seen by all nodes.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
shards=$1 in=$2 out=$3
shift 3
plan=$out.plan.json
first=$(sbatch --parsable "$here/plan.sbatch" "$plan" "$shards" "$in" "$out" "$@")
array=$(sbatch --parsable --dependency="afterok:$first" --array="0-$((shards - 1))" "$here/shard.sbatch" "$plan")
sbatch --dependency="afterok:$array" "$here/join.sbatch" "$plan"
