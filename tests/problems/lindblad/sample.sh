#!/usr/bin/env bash
# Run a deck by trajectories and compare their means with a table of an independent program: sample.sh RANKS PROGRAM DECK TABLE OBSERVABLES [options of the run]
set -eu
ranks=$1 program=$2 deck=$3 table=$4 observables=$5
shift 5
work=$(mktemp -d "${TMPDIR:-/tmp}/lindblad_sample.XXXXXX")
trap 'rm -rf "$work"' EXIT
timeout 200 mpirun -n "$ranks" "$program" run "$deck" --output "$work/run" --quiet --set solver=trajectories --set "observables=$observables" --set run.seed=2 "$@"
/usr/bin/python3 "$(dirname "$0")/compare_sample.py" "$work/run" "$table" 4 2e-4
