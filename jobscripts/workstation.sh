#!/usr/bin/env bash
# One command from a fresh clone to results: install what is missing, build, run on all cores, draw.
#
#   bash jobscripts/workstation.sh DECK [options of `tessera run`] [-- PETSc options]
#
# Called again it goes on where the last call stopped, or shows the report of the finished run (--force starts afresh). Ctrl-C stops after the present
# step and leaves a checkpoint. Works from any directory; a relative DECK is taken from the current one, results go to the current one.
#
# Exit code: that of the run (0 done, 2 mistake in the deck, 3 disk or files, 4 numbers, 70 our bug, 75 stopped with a checkpoint).
# Settings in the environment: TESSERA_RANKS (default: all cores), TESSERA_BUILD, TESSERA_NO_INSTALL=1; the others are named in common.sh.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 3
# shellcheck source=jobscripts/common.sh
. "$here/jobscripts/common.sh"

if [ $# -lt 1 ] || [ "$1" = -h ] || [ "$1" = --help ]; then
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 2
fi
deck=$1
shift
case $deck in -*) die 2 "the deck comes first: bash jobscripts/workstation.sh DECK [options]" ;; esac
[ -r "$deck" ] || die 2 "cannot read the deck $deck"
ranks=${TESSERA_RANKS:-$(tessera_cores)}
case $ranks in *[!0-9]* | 0 | '') die 2 "TESSERA_RANKS=$ranks is not a number of ranks" ;; esac

if [ -z "${TESSERA:-}" ]; then
    [ -n "${TESSERA_NO_INSTALL:-}" ] || bash "$here/jobscripts/install_dependencies.sh" || exit 1
    tessera_build "$here" tessera || exit $?
fi
program=$(tessera_program "$here") || die 3 "there is no program tessera in ${TESSERA_BUILD:-$here/build}/bin"
export TESSERA_GRACE="${TESSERA_GRACE:-3}" # after a crash somebody waits for twice this
tessera_environment
mpirun=${TESSERA_MPIRUN:-mpirun}
command -v "$mpirun" >/dev/null 2>&1 || die 3 "$mpirun was not found: is Open MPI in your PATH (or set TESSERA_MPIRUN)?"

# `check` finds every mistake in a second, and knows the folder that the run will write to. It takes --set and --output.
checked=()
expects=no
for arg in "$@"; do
    if [ $expects = yes ]; then
        checked+=("$arg")
        expects=no
        continue
    fi
    case $arg in
    --) break ;;
    --set | --output) checked+=("$arg") expects=yes ;;
    --set=* | --output=*) checked+=("$arg") ;;
    esac
done
plan=$("$program" check "$deck" --ranks "$ranks" ${checked[@]+"${checked[@]}"} 2>&1)
code=$?
if [ $code != 0 ]; then
    printf '%s\n' "$plan" >&2
    exit $code
fi
folder=$(printf '%s\n' "$plan" | sed -n 's/^ *output folder  *//p' | head -n 1)
[ -n "$folder" ] || die 70 "tessera check does not say where the results go"
printf '%s\n' "$plan"

options=("$@")
tessera_has_option --output "$@" || options=(--output "$folder" ${options[@]+"${options[@]}"})
if ! tessera_has_option --force "$@" && ! tessera_has_option --restart "$@"; then options=(--restart "${options[@]}"); fi
tessera_run "$here" "$folder" -n "$ranks" -- "$program" run "$deck" "${options[@]}"

case $outcome in
0 | 4)
    if [ -e "$folder/result.h5" ]; then
        if figures=$("$program" plot "$folder" 2>&1); then printf '\n%s\n' "$figures"; else say "no figures: $figures"; fi
        printf '\n%s\n' "Results: $folder/result.h5 (figures and fields), $folder/series.h5 (rows); fields in ParaView: $folder/fields.xmf; pictures: $folder/plots"
    fi
    ;;
75)
    printf '\n%s' "Stopped with a checkpoint. The same command goes on: bash"
    printf ' %q' "$0" "$deck" "$@"
    printf '\n'
    ;;
*)
    if [ -e "$folder/run.log" ]; then say "the run failed (exit code $outcome); its log: $folder/run.log"; fi
    ;;
esac
exit "$outcome"
