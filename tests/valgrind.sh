#!/usr/bin/env bash
# The smallest deck of each kind under valgrind: reads of bytes never set, accesses outside of blocks, leaks.
#
#   bash tests/valgrind.sh [RANKS]
#
# On 1 rank unless told otherwise. Each run is 20 to 50 times slower than alone. The latest result is in tests/valgrind.md. Settings in the environment:
# TESSERA_BUILD (default: build in the sources). Exit status: 0 nothing found, 1 something (the report names it), 77 no valgrind.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 3
# shellcheck source=jobscripts/common.sh
. "$here/jobscripts/common.sh"
command -v valgrind >/dev/null || { echo "no valgrind: skipped"; exit 77; }
build=${TESSERA_BUILD:-$here/build}
ranks=${1:-1}
tessera_environment
export OMPI_MCA_odls_base_sigkill_timeout=1
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera valgrind.XXXXXX") || exit 3
found=0

# look NAME PROGRAM DECK OPTION...
look() {
    local name=$1 program=$2 deck=$3 t0=$SECONDS code errors; shift 3
    # PETSc's handlers would catch what valgrind is to see; the C library's strings read whole words on purpose, which valgrind knows
    mpirun -n "$ranks" valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --keep-debuginfo=yes --num-callers=20 \
        --suppressions=/usr/share/openmpi/openmpi-valgrind.supp --suppressions="$here/tests/support/valgrind.supp" --log-file="$work/$name.%p" \
        "$program" run "$deck" --output "$work/$name.out" --quiet "$@" -- -no_signal_handler >"$work/$name.txt" 2>&1
    code=$?
    errors=$(cat "$work/$name".[0-9]* | grep -cE '== (Invalid|Conditional|Use of|Syscall|Source|Mismatched|Argument|[0-9,]+ .*definitely lost)')
    if [ $code != 0 ] || [ "$errors" != 0 ]; then
        found=1
        cat "$work/$name".[0-9]* | head -n 60 >&2
        tail -n 5 "$work/$name.txt" >&2
    fi
    printf '| %s | %s | %d | %d | %d |\n' "$name" "${deck#"$here/"}${*:+ ($*)}" "$code" "$errors" $((SECONDS - t0))
}

echo "| kind | deck | exit code | errors | seconds |"
echo "|---|---|---|---|---|"
look heat "$build/tests/kinds/tessera_heat" "$here/tests/kinds/heat/heat.yaml"
for deck in "$here"/tests/problems/*/contract*.yaml; do # the smallest that try all of a kind
    folder=${deck%/*}
    solver=${deck##*/contract}
    solver=${solver%.yaml}
    look "${folder##*/}$solver" "$build/bin/tessera" "$deck"
done
rm -rf "$work"
exit $found
