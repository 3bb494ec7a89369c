#!/usr/bin/env bash
# Search for bytes that break a target, with clang and libFuzzer.
#
#   bash tests/fuzz/fuzz.sh TARGET SECONDS [libFuzzer options]        TARGET: deck, set, expr, file
#
# The deck room and the target are compiled with clang under the address and undefined-behaviour sanitizers (TESSERA_FUZZ_PLAIN=1: without, three times as fast) and linked with the
# libraries of an ordinary build in build-fuzz (or TESSERA_BUILD). What is found on the way goes to build-fuzz/found/TARGET, what breaks the target to build-fuzz/broke: mended, and
# under a name that says what it was, it belongs into corpus/TARGET, which every run of the tests replays. Limits: 5 s and 256 MB for one input.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) || exit 3
root=$(cd "$here/../.." && pwd -P)
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
target=$1 seconds=$2; shift 2
command -v clang >/dev/null || { echo "fuzz.sh: clang is not installed (apt-get install clang)" >&2; exit 3; }
build=${TESSERA_BUILD:-$root/build-fuzz}
[ -e "$build/CMakeCache.txt" ] || cmake -S "$root" -B "$build" >/dev/null || exit 3
cmake --build "$build" --target tessera -- -j2 >"$build/libraries.log" 2>&1 || { tail -n 20 "$build/libraries.log" >&2; exit 3; }

sanitizers=,address,undefined how=sanitized
[ -z "${TESSERA_FUZZ_PLAIN:-}" ] || { sanitizers='' how=plain; }
objects=$build/fuzz-$how
mkdir -p "$objects" "$build/found/$target" "$build/broke"
sources=("$here/start.c" "$here/fuzz_$target.c")
case $target in deck | set) sources+=("$here/toy.c") ;; file) sources+=("$root/src/io/verify.c") ;; esac
for file in "$root"/src/deck/*.c; do
    case $file in *kernels.c) ;; *) [ "$target" = file ] || sources+=("$file") ;; esac # kernels come from the build, one for each instruction set
done
read -r -a flags <<<"$(pkg-config --cflags PETSc SLEPc hdf5-openmpi)"
flags+=(-std=c17 -O2 -g -D_GNU_SOURCE -I"$root/include" -ffp-contract=off -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
export OMPI_CC=clang
printf '%s\0' "${sources[@]}" | xargs -0 -P 2 -I{} sh -c 'in=$1; to=$2; shift 2; exec mpicc "$@" -c "$in" -o "$to/$(basename "$in").o"' - {} "$objects" "${flags[@]}" -fsanitize=fuzzer-no-link$sanitizers || exit 3
names=()
for file in "${sources[@]}"; do names+=("$objects/$(basename "$file").o"); done
mapfile -t archives < <(find "$build/src" -name 'lib*.a')
read -r -a libraries <<<"$(pkg-config --libs PETSc SLEPc hdf5-openmpi fftw3 yaml-0.1 zlib openblas)"
mpicc -fsanitize=fuzzer$sanitizers "${names[@]}" -Wl,--start-group "${archives[@]}" -Wl,--end-group -lfftw3_mpi "${libraries[@]}" -lm -ldl -lpthread -o "$objects/fuzz_$target" || exit 3

seeds=("$here/corpus/$target")
options=(-max_len=2048)
case $target in
deck) seeds+=("$root/tests/bad_decks" "$root"/input_decks/*/); options=(-max_len=4096 -dict="$here/deck.dict") ;;
set) options+=(-dict="$here/deck.dict") ;;
expr) options=(-max_len=512 -dict="$here/expr.dict") ;;
esac
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$objects" OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} # Open MPI's own are many; the sanitizer build of the tests looks for ours
exec "$objects/fuzz_$target" -max_total_time="$seconds" -timeout=5 -report_slow_units=1 -rss_limit_mb=1024 -malloc_limit_mb=256 -artifact_prefix="$build/broke/$target-" -print_final_stats=1 \
    "${options[@]}" "$@" "$build/found/$target" "${seeds[@]}"
