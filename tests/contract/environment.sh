#!/usr/bin/env bash
# What an odd environment may not change: results are the same bits, and a log that cannot be written ends nothing.
#
#   environment.sh PROGRAM DECK CLOCK          CLOCK: the library of jumping_clock.c
#
# Runs on one rank without mpirun, which would stand between the program and its standard files, unless said.
set -u
program=$1 deck=$2 clock=$3
# shellcheck source=tests/support/shell.sh
. "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)/support/shell.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera environment.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export OMPI_MCA_pml=ob1 OMPI_MCA_orte_tmpdir_base="$work" # isolated starts must not share a session folder

run() { local to=$1; shift; OMPI_MCA_ess_singleton_isolated=1 "$program" run "$deck" --output "$to" "$@"; } # an isolated start looks for less: 0.1 s, not 0.5 s
same() { [ "$2" = 0 ] || fail "$1: exit $2"; "$program" compare whole "$1" >compare.out 2>&1 || fail "$1 differs: $(cat compare.out)"; }
# what the log says but for times, names and sizes of memory
words() { sed -E -e "s|\b$1\b|FOLDER|g" -e 's/[0-9][0-9.:e+-]*/N/g' -e 's/ +/ /g' "$1/run.log" | grep -v '^ '; }

run whole >whole.out 2>whole.err; [ $? = 0 ] || fail "the reference"

# numbers with a comma: the machine's locale or one made here (without either, the word alone is tried)
locale -a 2>/dev/null | grep -qi '^de_DE\.utf-\?8$' || { localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1 && export LOCPATH="$work"; }
env OMPI_MCA_ess_singleton_isolated=1 LC_ALL=de_DE.UTF-8 "$program" run "$deck" --output german --set run.wall_time=3600.5 >german.out 2>german.err; same german $?
for f in german/deck.yaml german/fields.xmf; do
    ! grep -qE '[0-9],[0-9]' "$f" || fail "a decimal comma in $f"
done
unset LOCPATH

# standard files that are full, closed, or a pipe without a reader
run full >/dev/full 2>full.err; same full $?
run noisy >/dev/full 2>/dev/full; same noisy $?
run closed >&- 2>closed.err; same closed $?
run silent <&- >&- 2>&-; same silent $?
{ run pipe; echo $? >pipe.exit; } 2>pipe.err | true; same pipe "$(cat pipe.exit)"
for f in full closed silent pipe; do # nothing that was meant for the terminal went into a file of the run
    [ "$(words $f | sort)" = "$(words whole | sort)" ] || fail "run.log of $f: $(diff <(words whole) <(words $f))"
done

# threads, an environment with next to nothing in it, few files that may be open
OMP_NUM_THREADS=64 OPENBLAS_NUM_THREADS=64 run threads >threads.out 2>threads.err; same threads $?
env -u HOME -u USER -u LOGNAME -u TERM -u LANG OMPI_MCA_ess_singleton_isolated=1 PATH=/nowhere "$program" run "$deck" --output bare >bare.out 2>bare.err; same bare $?
(ulimit -n 64; run files >files.out 2>files.err); same files $?

# a clock of the day that jumps to and fro: a time limit goes by the monotonic one
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
begin=$SECONDS
TES_FAULT="pause@step,count=0" LD_LIBRARY_PATH="${clock%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" LD_PRELOAD="${clock##*/}" run jumped --wall-time 4 >jumped.out 2>jumped.err; got=$? # LD_PRELOAD knows no path with a space
grep -q 'cannot be preloaded' jumped.err && fail "$(cat jumped.err)"
[ $got = 75 ] || fail "a time limit under a jumping clock: exit $got, wanted 75"
[ $((SECONDS - begin)) -le 6 ] || fail "a time limit of 4 s was kept after $((SECONDS - begin)) s"
run jumped --restart >>jumped.out 2>>jumped.err; same jumped $?

# numbers of the command line and of the environment that are none
for bad in nan -1 1e999 0x10 5x '1,5' ''; do
    run bad --wall-time "$bad" >bad.out 2>bad.err; got=$?
    [ $got = 2 ] && [ ! -e bad ] || fail "--wall-time '$bad': exit $got, wanted 2"
done
