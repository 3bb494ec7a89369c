#!/usr/bin/env bash
# The workstation script as a user meets it: on a terminal, in a log, stopped by Ctrl-C, called again, without the packages.
#
#   workstation.sh CASE PROGRAM DECK
#
# CASE     one of the functions case_* below
# PROGRAM  a tessera with the test kind `heat`, DECK its deck: built already, so nothing is installed or built here (fresh_clone.sh does that)
# Exit status: 0 passed, 1 failed.
set -u
name=$1 program=$2 deck=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
sources=$(cd "$here/../.." && pwd -P)
# shellcheck source=tests/support/shell.sh
. "$sources/tests/support/shell.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera job.XXXXXX") || exit 1
trap 'status=$?; [ $status = 0 ] && rm -rf "$work"; exit $status' EXIT
cd "$work" || exit 1
unset OMPI_MCA_odls_base_sigkill_timeout # the script chooses it
export TESSERA=$program TESSERA_RANKS=2
script=$sources/jobscripts/workstation.sh
# about five seconds of stepping on two cores, in steps of a millisecond; the end is far beyond what a test waits for
long=(--set points=200 --set time.step=5e-6 --set time.end=500 --set checkpoint.every_steps=0)

redraws=$'\033'
press() { python3 "$here/terminal.py" "$@"; } # press PATTERN DELAY COUNT GAP COMMAND...
at_most() { # at_most SECONDS FILE: after the last key
    local took; took=$(sed -n 's/^exit [-0-9]*, \([0-9]*\)\..*/\1/p' "$2")
    [ "$took" -le "$1" ] || fail "it took $took s after the last key, wanted at most $1"
}

case_finishes() { # on a terminal, in a log, called again, afresh
    press '' 0 0 0 bash "$script" "$deck" --set checkpoint.every_steps=0 >shown.txt || fail "on a terminal"
    says shown.txt "exit 0"; says shown.txt "decay_error"; says shown.txt "Results: heat.out/result.h5"; status_is heat.out done
    [ -e heat.out/plots ] || fail "no figures"
    bash "$script" "$deck" --output whole >log.txt 2>&1 || fail "into a file"
    never log.txt "$redraws"; same heat.out whole
    bash "$script" "$deck" --output whole >again.txt 2>&1 || fail "called again"
    says again.txt "this run is finished"; says again.txt "decay_error"
    bash "$script" "$deck" --output=whole --force --set time.end=0.004 -- -log_view >force.txt 2>&1 || fail "--force and other options"
    says force.txt "PETSc Performance Summary"; grep -q '^done 20$' whole/status || fail "options do not reach the run"
}
case_redraws() { # the progress line redraws on a terminal, and nowhere else
    export TES_FAULT="pause@step,step=1"
    press '' 0 0 0 bash "$script" "$deck" --set run.steps=1 >shown.txt; says shown.txt "exit 75"; says shown.txt "$redraws"
    bash "$script" "$deck" --force --set run.steps=1 >log.txt 2>&1; [ $? = 75 ] || fail "exit code"
    never log.txt "$redraws"; never heat.out/run.log "$redraws"
    # mpirun by hand: plain lines, though each rank sees a terminal that mpirun made for it
    mpirun -n 2 "$program" run "$deck" --output hand --set run.steps=1 >hand.txt 2>&1; never hand.txt "$redraws"
    TESSERA_TERMINAL=1 mpirun -n 2 "$program" run "$deck" --output hand --force --set run.steps=1 >hand.txt 2>&1; says hand.txt "$redraws"
    # the program alone looks for itself
    press '' 0 0 0 "$program" run "$deck" --output alone --set run.steps=1 >alone.txt; says alone.txt "$redraws"
    "$program" run "$deck" --output alone --force --set run.steps=1 >alone.txt 2>&1; never alone.txt "$redraws"
}
case_ctrl_c() { # one key: this step, a checkpoint, how to go on, no waiting; then the bits of the uninterrupted run
    bash "$script" "$deck" --output whole >whole.txt 2>&1 || fail "uninterrupted run"
    TES_FAULT="pause@step,step=3" press "results go to" 0.4 1 0 bash "$script" "$deck" >shown.txt
    says shown.txt "exit 75"; says shown.txt "Stopped with a checkpoint"; says shown.txt "same command goes on"; at_most 6 shown.txt; status_is heat.out stopped
    never shown.txt "mpirun detected"
    bash "$script" "$deck" >again.txt 2>&1 || fail "the same command again"
    says again.txt "restart from the checkpoint"; same whole heat.out
}
case_ctrl_c_twice() { # the second key ends at once, though a rank hangs; nothing is harmed
    TES_FAULT="sleep@step,step=12,rank=1" press "results go to" 1.5 2 3 bash "$script" "$deck" >shown.txt
    says shown.txt "exit 75"; at_most 8 shown.txt
    bash "$script" "$deck" >again.txt 2>&1 || fail "the same command again"
    bash "$script" "$deck" --output whole >whole.txt 2>&1 || fail "uninterrupted run"; same whole heat.out
}
case_ctrl_c_early() { # before the ranks listen: the run starts, and stops after its first step
    press "work per step" 0.2 1 0 bash "$script" "$deck" "${long[@]}" >shown.txt
    says shown.txt "exit 75"; status_is heat.out stopped; at_most 10 shown.txt
}
case_mistakes() { # one message, its exit code, no waiting, nothing written
    bash "$script" missing.yaml >no.txt 2>&1; [ $? = 2 ] || fail "a missing deck"
    bash "$script" "$deck" --set points=two >bad.txt 2>&1; [ $? = 2 ] || fail "a mistake in the deck"; says bad.txt "points"
    local t0=$SECONDS
    bash "$script" "$deck" -- -no_such_option 3 >option.txt 2>&1; [ $? = 2 ] || fail "an option that nothing asks for: $?"
    [ $((SECONDS - t0)) -le 5 ] || fail "it took $((SECONDS - t0)) s to say so"
    never option.txt "mpirun detected"; ! [ -e heat.out ] || fail "a folder was made"
    TES_FAULT="nan@step=5" bash "$script" "$deck" --set checkpoint.every_steps=1 >nan.txt 2>&1; [ $? = 4 ] || fail "NaN"
    t0=$SECONDS
    TES_FAULT="kill@step,rank=1,step=9" bash "$script" "$deck" >kill.txt 2>&1; [ $? = 3 ] || fail "a rank that was killed"; says kill.txt "run.log"
    [ $((SECONDS - t0)) -le 15 ] || fail "it took $((SECONDS - t0)) s to end after a rank was killed"
    bash "$script" "$deck" >again.txt 2>&1 || fail "restart after the kill"
}
case_packages() { # a user who may not install is told what to type
    mkdir bin
    printf '%s\n' '#!/bin/sh' 'case "$*" in *libyaml-dev*|*gnuplot*) exit 1;; esac' 'echo installed' >bin/dpkg-query
    printf '%s\n' '#!/bin/sh' 'echo 1000' >bin/id
    printf '%s\n' '#!/bin/sh' 'exit 1' >bin/sudo
    printf '%s\n' '#!/bin/sh' "echo called >>'$work/apt-get.txt'" >bin/apt-get
    chmod +x bin/*
    env -u TESSERA PATH="$work/bin:$PATH" bash "$script" "$deck" >told.txt 2>&1 </dev/null; [ $? = 1 ] || fail "exit code"
    says told.txt "apt-get update && apt-get install --yes --no-install-recommends libyaml-dev gnuplot-nox"
    ! [ -e apt-get.txt ] || fail "apt-get was called"
    # with everything there it asks for nothing; as root it installs
    printf '%s\n' '#!/bin/sh' 'echo installed' >bin/dpkg-query
    PATH="$work/bin:$PATH" bash "$sources/jobscripts/install_dependencies.sh" >none.txt 2>&1 || fail "all installed"; ! [ -s none.txt ] || fail "it said something"
    printf '%s\n' '#!/bin/sh' 'case "$*" in *libyaml-dev*) exit 1;; esac' 'echo installed' >bin/dpkg-query
    printf '%s\n' '#!/bin/sh' 'echo 0' >bin/id
    PATH="$work/bin:$PATH" bash "$sources/jobscripts/install_dependencies.sh" >root.txt 2>&1 || fail "as root"
    [ "$(grep -c called apt-get.txt)" = 2 ] || fail "update and install were not called"
}

"case_$name"
