#!/usr/bin/env bash
# Run a deck and compare its series with a table of an independent program: table.sh RANKS PROGRAM DECK TABLE TOLERANCE [COLUMN=NAME ... --] [options of the run]
set -eu
ranks=$1 program=$2 deck=$3 table=$4 tolerance=$5
shift 5
columns=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do columns+=("$1"); shift; done
[ $# -gt 0 ] && shift
work=$(mktemp -d "${TMPDIR:-/tmp}/lindblad_table.XXXXXX")
trap 'rm -rf "$work"' EXIT
timeout 200 mpirun -n "$ranks" "$program" run "$deck" --output "$work/run" --quiet "$@"
/usr/bin/python3 "$(dirname "$0")/compare_table.py" "$work/run" "$table" "$tolerance" ${columns[@]+"${columns[@]}"}
