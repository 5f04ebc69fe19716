#!/bin/sh
# Plan, shards, join, one after the other: Kubernetes has no order between jobs.
set -eu
cd "$(dirname "$0")"
for job in plan shards join; do
    kubectl delete job "ifr-$job" --ignore-not-found
    kubectl apply -f "$job.yaml"
    # Whichever comes first: done or failed.
    until kubectl wait --for=condition=complete --timeout=20s "job/ifr-$job" 2>/dev/null; do
        if kubectl wait --for=condition=failed --timeout=1s "job/ifr-$job" 2>/dev/null; then
            echo "job ifr-$job failed: see kubectl logs job/ifr-$job" >&2
            exit 1
        fi
    done
done
