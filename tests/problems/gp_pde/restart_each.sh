#!/usr/bin/env bash
# Stop after the first steps and after every third of the others and go on, on other rank counts: the bits of the uninterrupted run. For runs of few steps.
#   restart_each.sh PROGRAM DECK [--set ...]
set -u
program=$1 deck=$2; shift 2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$program" run "$deck" --output "$work/whole" --quiet "$@" || exit 1
last=$(sed -n 's/^done *//p' "$work/whole/status")
[ "${last:-0}" -ge 3 ] || { echo "only ${last:-no} steps: nothing to stop in"; exit 1; }
for stop in 1 2 $(seq 3 3 $((last - 1))); do
    [ $stop -lt $last ] || continue
    mpirun -n $((stop % 3 + 1)) "$program" run "$deck" --output "$work/parts" --restart --quiet --set run.steps=$stop "$@"
    code=$?
    [ $code = 75 ] || { echo "stop at step $stop: exit $code, wanted 75"; exit 1; }
done
mpirun -n 2 "$program" run "$deck" --output "$work/parts" --restart --quiet "$@" || exit 1
"$program" compare "$work/whole" "$work/parts"
