#!/usr/bin/env bash
# The promises that every problem kind inherits from the driver, tried from outside.
#
#   contract.sh CASE PROGRAM DECK RTOL [KEY=VALUE...]
#
# CASE     one of the functions case_* below
# DECK     a deck that takes at least four steps and writes checkpoints
# RTOL     "bits": the same bits for every rank count; a number: agreement to it. Restarts always ask for the same bits.
# KEY=VALUE  what makes the problem so small that nine ranks are more than it has items to share out (case ranks_many)
# Exit status: 0 passed, 1 failed, 77 cannot be tried here.
set -u
name=$1 program=$2 deck=$3 rtol=$4
shift 4
few=("$@")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=tests/support/shell.sh
. "$here/support/shell.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera contract.XXXXXX") || exit 1   # with a space in its name, as users have
trap 'status=$?; umount "$work/disk" 2>/dev/null; [ $status = 0 ] || [ $status = 77 ] && rm -rf "$work"; exit $status' EXIT
cd "$work" || exit 1

# mpirun waits this grace time out whenever a rank ends with a code that is not 0, even if all ranks are gone: keep it short
ranks() { n=$1; shift; timeout -k 5 "${LIMIT:-120}" mpirun -n "$n" --mca odls_base_sigkill_timeout "${GRACE:-1}" "$@"; }
# tessera N FOLDER [options]: run the deck on N ranks, message to FOLDER.err
tessera() { local n=$1 to=$2; shift 2; ranks "$n" "$program" run "$deck" --output "$to" --quiet "$@" 2>>"$work/$to.err"; }
agree() { if [ "$rtol" = bits ]; then same "$1" "$2"; else "$program" compare "$1" "$2" --rtol "$rtol" >compare.out 2>&1 || fail "$1 and $2 differ: $(cat compare.out)"; fi; }
reference() { want 0 "uninterrupted run" tessera "${1:-2}" whole; }
# a run cut at half of its steps, with at least two checkpoints
# begin FOLDER [options]: 2 ranks in the background; `mpirun` is the process itself, so that no other run is ever meant by a signal
begin() { local to=$1; shift; mpirun -n 2 --mca odls_base_sigkill_timeout "${GRACE:-1}" "$program" run "$deck" --output "$to" --quiet "$@" 2>>"$work/$to.err" & mpirun=$!; }
half() { want 75 "run stopped by run.steps" tessera "$1" "$2" --set "run.steps=$(($(steps_of whole) / 2))" --set checkpoint.every_steps=1 --set checkpoint.keep=3; status_is "$2" stopped; }

case_ranks() {
    want 0 "1 rank" tessera 1 one
    for n in 2 3 4; do want 0 "$n ranks" tessera $n "on$n"; agree one "on$n"; done
}
case_restart() { reference 2; half 2 cut; want 0 restart tessera 2 cut --restart; same whole cut; status_is cut done; [ -e cut/lock ] && fail "the lock was left behind"; true; }
case_restart_first() { # stopped after the very first step, when nothing of what grows with the run is there yet
    reference 2
    want 75 "stopped after one step" tessera 2 cut --set run.steps=1; want 0 "restart" tessera 2 cut --restart; same whole cut
}
case_restart_unreported() { # killed after the last checkpoint and before the result: nothing is left but to report, on other ranks as well
    reference 2; cp -r whole cut; rm -r cut/result.h5; echo "running $(steps_of whole)" >cut/status
    cp -r cut other; want 0 restart tessera 2 cut --restart; same whole cut; status_is cut done
    want 0 "restart on 3 ranks" tessera 3 other --restart; agree whole other
}
case_restart_other_ranks() {
    # cut on 3, go on with 1, cut, go on with 2
    reference 1; half 3 cut
    want 75 "second leg" tessera 1 cut --restart --set "run.steps=$(($(steps_of whole) / 2 + 1))"
    want 0 "third leg" tessera 2 cut --restart
    agree whole cut
}
case_rerun() { # a finished run prints its report and is left alone
    reference; cp whole/result.h5 before.h5
    ranks 2 "$program" run "$deck" --output whole --restart >again.out 2>whole.err || fail "a finished run with --restart"
    says again.out "finished"; cmp -s whole/result.h5 before.h5 || fail "result.h5 was touched"
    want 0 "--restart on a fresh folder starts afresh" tessera 2 fresh --restart; same whole fresh
    want 0 "--force starts afresh" tessera 2 whole --force; same whole fresh
}
case_refuse() { # a folder that holds a run is not touched without a word
    reference; ls -lR --time-style=full-iso whole >before
    want 2 "second run in the same folder" tessera 1 whole; says whole.err "--restart"
    ls -lR --time-style=full-iso whole >after; cmp -s before after || fail "the folder was touched"
}
case_check_writes_nothing() {
    ranks 2 "$program" check "$deck" >check.out 2>&1 || fail "check: $(cat check.out)"
    says check.out "memory per rank"; ranks 1 "$program" check "$deck" --ranks 64 >check64.out 2>&1 || fail "check --ranks"
    [ "$(ls | sort | tr '\n' ' ')" = "check.out check64.out " ] || fail "check wrote something: $(ls)"
}
case_nan() {
    reference; local at=$(($(steps_of whole) / 2))
    TES_FAULT="nan@step=$at,rank=1" want 4 "NaN" tessera 2 bad --set checkpoint.every_steps=1
    says bad.err "step $at"; says bad.err "nan"; status_is bad failed
    [ -e bad/post_mortem.h5 ] || fail "no post_mortem.h5"
    want 0 "restart from before the NaN" tessera 2 bad --restart; same whole bad
}
kill_at() {
    reference 2
    TES_FAULT="kill@$1,rank=$2,count=2" tessera 2 cut --set checkpoint.every_steps=1; local got=$?
    [ $got = 0 ] && fail "the fault did not fire"
    want 0 "restart after kill at $1" tessera "$3" cut --restart
    agree whole cut; ls cut/checkpoint/*.part 2>/dev/null && fail "a .part was left behind"; true
}
case_kill_write() { kill_at ckpt.write 1 2; }
case_kill_flush() { kill_at ckpt.flush 0 3; }
case_kill_verify() { kill_at ckpt.verify 0 1; }
case_kill_rename() { kill_at ckpt.rename 0 2; }
case_kill_step() { kill_at step 1 2; }
signal_once() {
    TES_FAULT="pause@step,count=0" GRACE=3 begin "cut$1"
    for _ in $(seq 200); do [ -e "cut$1/status" ] && [ "$(steps_of "cut$1")" -ge 0 ] 2>/dev/null && break; sleep 0.05; done
    sleep 0.7
    kill -"$1" $mpirun; wait $mpirun; local got=$?
    status_is "cut$1" stopped
    case $1 in USR1) [ $got = 75 ] || fail "exit $got after $1, wanted 75" ;; esac
    want 0 "restart after $1" tessera 2 "cut$1" --restart; same whole "cut$1"
}
case_signals() { reference 2; for s in USR1 TERM INT; do signal_once $s; done; }
case_second_signal() { # the first wish is to finish the step; a second one two seconds later ends at once and harms nothing
    reference 2
    TES_FAULT="sleep@step,step=2,rank=0" begin cut --set checkpoint.every_steps=1
    for _ in $(seq 200); do [ -e cut/checkpoint ] && ls cut/checkpoint/*.h5 >/dev/null 2>&1 && break; sleep 0.05; done
    kill -USR1 $mpirun; sleep 3.2; kill -USR1 $mpirun
    local t0=$SECONDS; wait $mpirun; [ $((SECONDS - t0)) -le 10 ] || fail "took $((SECONDS - t0)) s to end"
    want 0 "restart" tessera 2 cut --restart; same whole cut
}
case_wall_time() {
    reference
    TES_FAULT="pause@step,count=0" want 75 "time limit" tessera 2 cut --wall-time 4
    status_is cut stopped; want 0 "restart" tessera 2 cut --restart; same whole cut
}
case_truncated() {
    reference; half 2 cut; cp -r cut start
    local size; size=$(stat -c %s "$(newest cut)")
    for n in 0 1 511 512 $((size / 2)) $((size - 1)); do
        rm -rf cut; cp -r start cut; truncate -s "$n" "$(newest cut)"
        want 0 "restart past a checkpoint of $n bytes" tessera 2 cut --restart; same whole cut
        says cut.err "$(basename "$(ls start/checkpoint/*.h5 | sort | tail -n 1)")"
    done
}
case_flipped() { # one bit anywhere: the generation is refused and said, the older one taken
    reference; half 1 cut; cp -r cut start
    local file size; file=$(newest cut); size=$(stat -c %s "$file")
    for at in 0 9 40 511 600 $((size / 3)) $((size / 2)) $((size - 3)); do
        rm -rf cut; cp -r start cut
        python3 - "$(newest cut)" "$at" <<'PY' || fail "python3"
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(int(sys.argv[2])); f.write(bytes([b[0] ^ 4]))
PY
        : > cut.err; want 0 "restart past a flipped bit at $at" tessera 1 cut --restart; same whole cut; says cut.err "$(basename "$file")"
    done
}
case_all_damaged() {
    reference; half 2 cut
    for f in cut/checkpoint/*.h5; do truncate -s 100 "$f"; done
    ls -lR --time-style=full-iso cut/checkpoint >before
    want 3 "restart with no good checkpoint" tessera 2 cut --restart
    ls -lR --time-style=full-iso cut/checkpoint >after; cmp -s before after || fail "the damaged generations were touched"
}
small_disk() { # a disk that holds about one checkpoint
    reference 1; size=$(stat -c %s "$(newest whole)"); small=$((2 * size + 49152)); mkdir disk
    mount -t tmpfs -o "size=$small" tmpfs disk 2>/dev/null || { echo "no mount here: skipped"; exit 77; }
    dd if=/dev/zero of=disk/ballast bs=1024 count=$((size / 1024)) 2>/dev/null
}
case_full_disk() {
    small_disk
    for n in 1 2 3 4 8; do
        rm -rf disk/cut disk/ballast; mount -o "remount,size=$small" disk; dd if=/dev/zero of=disk/ballast bs=1024 count=$((size / 1024)) 2>/dev/null; : > full.err
        LIMIT=30 ranks $n "$program" run "$deck" --output disk/cut --quiet --set checkpoint.every_steps=1 --set checkpoint.keep=4 2>full.err; local got=$?
        [ $got = 3 ] || fail "full disk on $n ranks: exit $got, wanted 3: $(cat full.err)"
        says full.err "No space left"; ls disk/cut/checkpoint/*.part 2>/dev/null && fail "a .part was left"
        rm -f disk/ballast; mount -o "remount,size=$((20 * small))" disk; LIMIT=60 ranks $n "$program" run "$deck" --output disk/cut --quiet --restart --set checkpoint.every_steps=1000000 --set checkpoint.keep=1 2>full.err || fail "restart on $n ranks after space was made: $(cat full.err)"
        agree whole disk/cut
    done
}
case_full_disk_continue() {
    small_disk; rm -rf disk/cut
    ranks 2 "$program" run "$deck" --output disk/cut --quiet --set checkpoint.every_steps=1 --set checkpoint.keep=4 --set checkpoint.on_failure=continue \
        --set run.steps=$(($(steps_of whole) - 1)) 2>full.err; local got=$?
    says full.err "next try"; [ $got = 3 ] || [ $got = 75 ] || fail "exit $got"
}
case_unwritable() {
    [ "$(id -u)" = 0 ] && target=/proc/nowhere || { mkdir closed; chmod 555 closed; target=closed/run; }
    ranks 2 "$program" run "$deck" --output "$target" --quiet 2>err; [ $? = 3 ] || fail "a folder that cannot be made: wanted 3: $(cat err)"
}
case_locked() {
    TES_FAULT="sleep@step,step=2" begin busy
    for _ in $(seq 200); do [ -e busy/status ] && break; sleep 0.05; done
    want 3 "a second run in the same folder" tessera 1 busy --restart; says busy.err "another run"
    kill -KILL $(pgrep -P $mpirun) $mpirun 2>/dev/null; wait $mpirun 2>/dev/null
    want 0 "a stale lock bars nobody" tessera 1 busy --restart
}
case_petsc_option() {
    want 2 "an option that nothing asks for" tessera 2 odd -- -no_such_option_anywhere 3; says odd.err "no_such_option_anywhere"; [ -e odd ] && fail "a folder was made"
    want 2 "the same in the deck" tessera 2 odd --set petsc.no_such_option_anywhere=3; [ -e odd ] && fail "a folder was made"
    ranks 2 "$program" run "$deck" --output logged -- -log_view >log.out 2>&1 || fail "-log_view: $(tail -n 3 log.out)"
    says log.out "PETSc Performance Summary"
}
case_later_step() { # run.steps may be moved on restart
    reference; half 2 cut
    want 75 "one more step" tessera 2 cut --restart --set "run.steps=$(($(steps_of whole) / 2 + 1))"; want 0 "to the end" tessera 2 cut --restart; same whole cut
    want 2 "a changed seed" tessera 2 cut --restart --set run.seed=77; says cut.err "seed"
}
case_readers() { # plain h5py, plain XML
    reference; "$program" info whole/result.h5 >info.out 2>&1 || fail "info: $(cat info.out)"
    says info.out "report"; "$program" info "$(newest whole)" >info2.out 2>&1 || fail "info of a checkpoint: $(cat info2.out)"
    /usr/bin/python3 - whole <<'PY' || fail "reading the results in Python"
import h5py, sys, os, xml.etree.ElementTree as E
r = h5py.File(sys.argv[1] + '/result.h5')
assert len(r['report']) > 0 and r['provenance'].attrs.get('kind', None) is not None or 'kind' in r['provenance'], list(r['provenance'])
s = h5py.File(sys.argv[1] + '/series.h5')
assert len(s['step']) == len(s['time']) > 0 and all(len(s['observables'][k]) == len(s['step']) for k in s['observables'])
x = sys.argv[1] + '/fields.xmf'
if 'fields' in r:
    t = E.parse(x)
    for item in t.iter('DataItem'):
        name, _, data = (item.text or '').strip().partition(':')
        if data: assert data in h5py.File(os.path.join(sys.argv[1], name)), item.text
PY
    if [ -f whole/fields.xmf ] && command -v pvbatch >/dev/null; then # where it is installed
        QT_QPA_PLATFORM=offscreen pvbatch "$here/support/opens_in_paraview.py" whole >paraview.out 2>&1 || fail "ParaView: $(tail -n 3 paraview.out)"
    fi
}
case_plot() {
    command -v gnuplot >/dev/null || { echo "no gnuplot: skipped"; exit 77; }
    reference; "$program" plot whole >plot.out 2>&1 || fail "plot: $(cat plot.out)"
    ls whole/plots/*.png >/dev/null 2>&1 || fail "no picture"
    for f in whole/plots/*.png; do [ "$(head -c 4 "$f" | tail -c 3)" = PNG ] && [ "$(stat -c %s "$f")" -gt 2000 ] || fail "$f is no picture"; done
}
case_describe() {
    local kind words; kind=$(awk '/^problem:/{print $2}' "$deck")
    "$program" list | grep -q "^$kind " || fail "list lacks $kind"
    "$program" describe "$kind" >describe.out || fail describe; says describe.out "checkpoint"
    for words in list "describe $kind" "describe $kind --template"; do # somebody who has seen enough ends nothing with a crash
        # shellcheck disable=SC2086
        { sleep 0.2; "$program" $words; echo "exit $?" >piped.out; } 2>piped.err | :
        says piped.out "exit 0"; [ ! -s piped.err ] || fail "$words into a closed pipe: $(cat piped.err)"
    done
    "$program" describe "$kind" --template >template.yaml || fail template; says template.yaml "problem: $kind"
    "$program" --version | grep -qi petsc || fail version
    "$program" describe "${kind}x" 2>err; [ $? = 2 ] || fail "unknown kind"; says err "did you mean"
    "$program" chek "$deck" 2>err; [ $? = 2 ] || fail "unknown command"; says err "did you mean"
}
case_ranks_many() { # more ranks than cores, and more than there are items to share out
    want 0 "1 rank" tessera 1 one
    for n in 5 8; do want 0 "$n ranks" tessera $n "on$n"; agree one "on$n"; done
    [ ${#few[@]} -gt 0 ] || return 0
    local settings=() assignment
    for assignment in "${few[@]}"; do settings+=(--set "$assignment"); done
    want 0 "few items on 1 rank" tessera 1 few "${settings[@]}"
    want 0 "few items on 9 ranks" tessera 9 few9 "${settings[@]}"; agree few few9
}
case_hostile() { # what an odd environment may not change
    reference 2
    LC_ALL=de_DE.UTF-8 OMP_NUM_THREADS=64 TMPDIR=/tmp want 0 "German numbers, many threads" tessera 2 odd; same whole odd
    ranks 2 "$program" run "$deck" --output full >/dev/full 2>full.err || fail "stdout on a full device ended the run"; same whole full
    ranks 2 "$program" run "$deck" --output closed >&- 2>closed.err || fail "closed stdout ended the run"; same whole closed
}
case_twice() { want 0 first tessera 2 a; want 0 second tessera 2 b; same a b; }

"case_$name"
