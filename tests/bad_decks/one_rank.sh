#!/usr/bin/env bash
# A data file that only rank 0 can see: an error of all ranks that names the rank, and no rank that waits for another.   one_rank.sh PROGRAM
set -u
program=$1 here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera one rank.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$work/err" >&2; exit 1; }

mkdir "$work/with" "$work/without"
cat >"$work/with/deck.yaml" <<'D'
problem: gp_pde
domain: {points: [30, 40]}
equation: {kind: poisson}
source: {from: hdf5, file: shapes.h5}
boundary: {from: expression, expression: "0"}
D
cp "$work/with/deck.yaml" "$work/without"
cp "$here/data/shapes.h5" "$work/with"
for command in check run; do
    timeout 30 mpirun --mca odls_base_sigkill_timeout 1 -n 1 --wdir "$work/with" "$program" "$command" deck.yaml : -n 1 --wdir "$work/without" "$program" "$command" deck.yaml >"$work/out" 2>"$work/err"; got=$?
    [ $got = 2 ] || fail "$command: exit $got, wanted 2"
    grep -q 'on rank 1, but not on rank 0' "$work/err" || fail "$command: no rank is named"
    [ "$(grep -c '`file: shapes.h5` is not there' "$work/err")" = 1 ] || fail "$command: the message is not there once"
    [ ! -e "$work/with/deck.out" ] || fail "$command: an output folder was made"
done
# with the file in both folders the deck is right
cp "$here/data/shapes.h5" "$work/without"
timeout 30 mpirun -n 1 --wdir "$work/with" "$program" check deck.yaml : -n 1 --wdir "$work/without" "$program" check deck.yaml >"$work/out" 2>"$work/err" || fail "the file is on both ranks, and check ends with $?"
