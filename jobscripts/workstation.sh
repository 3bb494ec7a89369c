#!/usr/bin/env bash
# Install, build, run a deck on the cores of this machine, draw its figures. Called again it goes on, or shows the finished report.
#
#   bash jobscripts/workstation.sh DECK [options of tessera run]
#
# Ctrl-C or TERM asks the run for a checkpoint (mpirun itself would kill the ranks after a second) and ends with 75.
# TESSERA_BUILD: build folder (default: build beside this script's folder); TESSERA_RANKS: number of ranks (default: the cores present);
# TESSERA: the program (default: tessera of the build folder).
set -u
[ $# -ge 1 ] || { sed -n '4p' "$0" | cut -c3- >&2; exit 2; }
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
build=${TESSERA_BUILD:-$home/build}
program=${TESSERA:-$build/src/tessera}
deck=$1; shift

if [ -z "${TESSERA:-}" ]; then
    bash "$home/jobscripts/install_dependencies.sh" || exit 1
    cmake -S "$home" -B "$build" -DCMAKE_BUILD_TYPE=Release >"$home/.build.log" 2>&1 && cmake --build "$build" -j "$(nproc)" --target "$(basename "$program")" >>"$home/.build.log" 2>&1 ||
        { tail -n 30 "$home/.build.log" >&2; exit 1; }
    rm -f "$home/.build.log"
fi

# The folder that the run will use: --output among the arguments, or the deck's word, or the deck's name with .out
folder=$("$program" check "$deck" 2>/dev/null | sed -n 's/^  output folder *//p')
previous=
for argument in "$@"; do
    [ "$previous" = --output ] && folder=$argument
    case $argument in --output=*) folder=${argument#--output=} ;; esac
    previous=$argument
done
restart=--restart
case " $* " in *" --force "* | *" --restart "*) restart= ;; esac

[ "$(id -u)" = 0 ] && export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"

# In a session of its own, so that the terminal's Ctrl-C reaches this script only; USR1 is what mpirun hands to its ranks.
setsid mpirun -n "${TESSERA_RANKS:-$(nproc)}" "$program" run "$deck" ${restart:+"$restart"} "$@" &
job=$!
trap 'echo "stopping: waiting for the checkpoint" >&2; kill -USR1 $job 2>/dev/null' INT TERM USR1
wait $job; code=$?
while kill -0 $job 2>/dev/null; do wait $job; code=$?; done
trap - INT TERM USR1

[ -n "$folder" ] && [ -r "$folder/status" ] || exit "$code"
read -r word _ <"$folder/status"
case $word in
done)
    "$program" plot "$folder" && echo "figures in $folder/plots, results in $folder/result.h5"
    exit 0 ;;
stopped)
    echo "stopped with a checkpoint in $folder: the same command goes on"
    exit 75 ;;
esac
exit "$code"
