#!/usr/bin/env bash
# Density and trajectories within four standard errors at every output: cross.sh CASE PROGRAM SOURCE. The run of trajectories is also cut and gone on with: the same bits.
set -eu
name=$1 program=$2 here=$3/tests/problems/lindblad
work=$(mktemp -d "${TMPDIR:-/tmp}/lindblad_cross.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$here"/cross_*.yaml "$work"
cd "$work"
if [ "$name" = checkpoint ]; then
    timeout 100 "$program" run cross_ring.yaml --output ring --quiet
    cp ring/checkpoint/*.h5 start.h5
fi
sample() { local n=$1 to=$2; shift 2; timeout 200 mpirun -n "$n" "$program" run "cross_$name.yaml" --output "$to" --quiet --set solver=trajectories --set until.max=2000 --set run.seed=3 "$@"; }
timeout 100 "$program" run "cross_$name.yaml" --output exact --quiet
sample 2 sampled
/usr/bin/python3 "$here/compare_statistics.py" exact sampled 4 2e-4
sample 1 cut --set run.steps=3 2>/dev/null || [ $? = 75 ]
sample 2 cut --restart
"$program" compare sampled cut
