#!/usr/bin/env bash
# Search for bytes that break a target, with clang and libFuzzer under the address and undefined-behaviour sanitizers.
#
#   bash tests/fuzz/fuzz.sh TARGET SECONDS [libFuzzer options]        TARGET: deck, set, expr, file
#
# Builds in build-fuzz (or TESSERA_BUILD). What is found on the way goes to build-fuzz/found/TARGET, what breaks the target to build-fuzz/broke: minimized, mended,
# and under a name that says what it was, it belongs into corpus/TARGET, which every run of the tests replays. Limits: 1 s and 256 MB for one input.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 3
root=$(cd "$here/../.." && pwd -P)
[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed -n '2,8p' >&2; exit 2; }
target=$1 seconds=$2; shift 2
command -v clang >/dev/null || { echo "fuzz.sh: clang is not installed (apt-get install clang)" >&2; exit 3; }
build=${TESSERA_BUILD:-$root/build-fuzz}
cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTES_FUZZ=ON -DTES_TESTS=ON >/dev/null && cmake --build "$build" --target "fuzz_$target" -- -j2 || exit 3
mkdir -p "$build/found/$target" "$build/broke"
seeds=("$here/corpus/$target")
options=(-max_len=2048)
case $target in
deck) seeds+=("$root/tests/bad_decks" "$root"/input_decks/*/); options=(-max_len=4096 -dict="$here/deck.dict") ;;
set) options+=(-dict="$here/deck.dict") ;;
expr) options=(-max_len=512 -dict="$here/expr.dict") ;;
esac
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_pml=ob1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} # Open MPI's own are many; the tests look for ours
exec "$build/tests/fuzz_$target" -max_total_time="$seconds" -timeout=5 -report_slow_units=1 -rss_limit_mb=1024 -malloc_limit_mb=256 -artifact_prefix="$build/broke/$target-" -print_final_stats=1 \
    "${options[@]}" "$@" "$build/found/$target" "${seeds[@]}"
