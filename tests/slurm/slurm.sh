#!/usr/bin/env bash
# The job scripts under a real SLURM (a private one of this machine, cluster.sh), with the test kind.
#
#   slurm.sh CASE PROGRAM DECK STATE
#
# CASE     start, stop, or one of the functions case_* below
# STATE    file in which `start` notes where its cluster is
# SLURM looks at limits every half minute, so `start` submits the two jobs that wait for its clock, and the other cases run meanwhile.
# Exit status: 0 passed, 1 failed, 77 there is no SLURM here.
set -u
name=$1 program=$2 deck=$3 state=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/support/shell.sh
. "$here/../support/shell.sh"
export TESSERA_HOME; TESSERA_HOME=$(cd "$here/../.." && pwd -P)
export TESSERA=$program TESSERA_RANKS=2 TESSERA_BIND=none
scripts=$TESSERA_HOME/jobscripts
unset OMPI_MCA_odls_base_sigkill_timeout
between=self,tcp # for jobs on two nodes: mpirun's daemons of both would name their shared memory alike, which two machines do not mind

submit() { sbatch --parsable --output=%x.%j.log "$@"; }
until_true() { # until_true SECONDS WHAT COMMAND...
    local seconds=$1 what=$2 _; shift 2
    for _ in $(seq $((10 * seconds))); do "$@" 2>/dev/null && return 0; sleep 0.1; done
    fail "waited $seconds s in vain for $what"
}
state_of() { scontrol --oneliner show job "$1" | sed 's/.* JobState=\([A-Z_]*\).*/\1/'; }
code_of() { scontrol --oneliner show job "$1" | sed 's/.* ExitCode=\([0-9]*\):.*/\1/'; }
ended() { case $(state_of "$1") in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) return 0 ;; *) return 1 ;; esac; }
# Rests of a second while somebody sends a signal; a run that has passed these steps does not rest any more.
rests() { local s text=''; for s in "$@"; do text="$text${text:+;}pause@step,step=$s"; done; echo "$text"; }

case_start() {
    work=$(mktemp -d /tmp/tessera-slurm.XXXXXX) || exit 1
    chmod 755 "$work"
    mkdir -p "$(dirname "$state")"
    bash "$here/cluster.sh" start "$work/c" 16 2 || { local code=$?; rm -rf "$work"; exit $code; }
    echo "$work" >"$state"
    mkdir "$work/a job"
    enter
    cp "$deck" heat.yaml
    "$program" run heat.yaml --output whole >whole.log 2>&1 || fail "uninterrupted run"
    # one that asks for the signal in good time: 110 of 120 s before its end, so within half a minute or so. And one that hears nothing before its limit of a minute.
    TES_FAULT="pause@step,count=0" submit --time=2 --signal=B:USR1@110 "$scripts/slurm_single_node.sbatch" heat.yaml --set time.end=0.1 >signal.job || fail "sbatch"
    TES_FAULT="pause@step,count=0" OMPI_MCA_btl=$between submit --time=1 --signal=B:CONT@1 "$scripts/slurm_multi_node.sbatch" heat.yaml --set time.end=0.1 --set checkpoint.every_steps=4 >limit.job || fail "sbatch"
    sinfo
}
case_stop() {
    [ -r "$state" ] || exit 0
    read -r work <"$state"
    bash "$here/cluster.sh" stop "$work/c"
    rm -rf "$work" "$state"
}
enter() { # into the work folder of the cluster that runs
    [ -r "$state" ] || { echo "no SLURM here: skipped"; exit 77; }
    read -r work <"$state"
    export SLURM_CONF=$work/c/slurm.conf
    work="$work/a job" # users have spaces in their folders
    cd "$work" || exit 1
}

case_single() { # one job: exit code 0, the bits of a run without SLURM; a mistake in the deck is exit code 2; a second job in its folder shows the report
    local job; job=$(submit --wait "$scripts/slurm_single_node.sbatch" heat.yaml) || fail "a plain job"
    same whole "heat.$job.out"; says "tessera.$job.log" "decay_error"
    if grep -q $'\033' "tessera.$job.log"; then fail "the log has codes for a terminal"; fi
    local again; again=$(submit --wait "$scripts/slurm_single_node.sbatch" heat.yaml --output "heat.$job.out") || fail "the same again"
    says "tessera.$again.log" "this run is finished"
    job=$(submit --wait "$scripts/slurm_single_node.sbatch" heat.yaml --set points=two); [ $? = 2 ] || fail "a mistake in the deck"
    says "tessera.$job.log" "points"
}
case_multi_node() { # two nodes, three and four ranks: the bits of one
    local job; job=$(env -u TESSERA_RANKS OMPI_MCA_btl=$between sbatch --parsable --output=%x.%j.log --wait --ntasks-per-node=2 "$scripts/slurm_multi_node.sbatch" heat.yaml) || fail "a job on two nodes"
    says "tessera.$job.log" "n 4 --map-by ppr:2:node on node\[1-2\]"; says "heat.$job.out/run.log" "4 ranks"; same whole "heat.$job.out"
    job=$(TESSERA_RANKS=3 OMPI_MCA_btl=$between submit --wait "$scripts/slurm_multi_node.sbatch" heat.yaml) || fail "three ranks on two nodes"
    same whole "heat.$job.out"
    OMPI_MCA_btl=$between srun --nodes=2 --ntasks=4 --mpi=pmix "$program" run heat.yaml --output "srun two" --quiet >two.log 2>&1 || fail "srun on two nodes"
    same whole "srun two"
}
case_srun() { # ranks that srun starts, without mpirun; a signal to the step, and on
    srun --ntasks=2 --mpi=pmix "$program" run heat.yaml --output srun --quiet >srun.log 2>&1 || fail "srun"
    same whole srun
    TES_FAULT=$(rests 3 4 5 6) srun --job-name=direct --ntasks=2 --mpi=pmix "$program" run heat.yaml --output direct --restart --quiet >direct.log 2>&1 & local pid=$!
    until_true 30 "the run to begin" test -e direct/lock
    sleep 1.5
    scancel --signal=USR1 "$(squeue --noheader --name=direct --format=%i).0" || fail scancel
    wait $pid; [ $? = 75 ] || fail "exit code after USR1: $(tail -n 3 direct.log)"
    srun --ntasks=2 --mpi=pmix "$program" run heat.yaml --output direct --restart --quiet >>direct.log 2>&1 || fail "srun again"
    same whole direct
}
case_array() { # four decks, four folders, four logs; then one deck with two seeds
    local job k
    for k in 0 1 2 3; do sed "s/^points:.*/points: $((10 + k))/" heat.yaml >"deck $k.yaml"; done
    job=$(submit --wait --array=0-3 --output=%x.%A_%a.log "$scripts/slurm_array.sbatch" "deck 0.yaml" "deck 1.yaml" "deck 2.yaml" "deck 3.yaml" --set run.seed=5) || fail "the array"
    for k in 0 1 2 3; do
        "$program" run "deck $k.yaml" --output "alone $k" --set run.seed=5 >"alone $k.log" 2>&1 || fail "deck $k alone"
        same "alone $k" "deck $k.${job}_$k.out"; says "tessera.${job}_$k.log" "deck $k.yaml"
    done
    job=$(submit --wait --array=3-4 --output=%x.%A_%a.log "$scripts/slurm_array.sbatch" heat.yaml) || fail "the array of seeds"
    for k in 3 4; do says "heat.${job}_$k.out/deck.yaml" "seed: $k"; done
}
case_chain() { # USR1 to the script, exit 75, requeue; three starts end with the bits of the uninterrupted run
    local job start; job=$(TES_FAULT=$(rests 3 4 5 6 13 14 15 16) submit "$scripts/slurm_requeue.sbatch" heat.yaml) || fail sbatch
    for start in 1 2; do
        until_true 30 "start $start" grep -q "start $start," "tessera.$job.log"
        until_true 30 "the run to begin" test -e "heat.$job.out/lock"
        sleep 1.5
        scancel --batch --signal=USR1 "$job"
        until_true 30 "the requeue" grep -q "requeued after step" "tessera.$job.log"
    done
    until_true 60 "the end" ended "$job"
    [ "$(state_of "$job")" = COMPLETED ] || fail "job $job: $(state_of "$job")"
    says "tessera.$job.log" "start 3,"; [ "$(grep -c "restart from the checkpoint" "heat.$job.out/run.log")" = 2 ] || fail "the chain did not have three starts"
    status_is "heat.$job.out" done; same whole "heat.$job.out"
}
case_no_progress() { # a start that gets no step further ends the chain with 75
    local job; job=$(submit --wait "$scripts/slurm_requeue.sbatch" heat.yaml --output stuck --set run.steps=5); [ $? = 75 ] || fail "exit code of a chain that cannot go on"
    says "tessera.$job.log" "requeued"; says "tessera.$job.log" "the chain ends here"
}
case_scancel() { # a job that is cancelled leaves a checkpoint as well
    local job; job=$(TES_FAULT="pause@step,count=0" submit "$scripts/slurm_single_node.sbatch" heat.yaml) || fail sbatch
    until_true 30 "the run to begin" test -e "heat.$job.out/lock"
    sleep 2.5
    scancel "$job"
    until_true 30 "the end" ended "$job"
    until_true 20 "the checkpoint" grep -q stopped "heat.$job.out/status"
    mpirun -n 2 "$program" run heat.yaml --output "heat.$job.out" --restart --quiet >cancel.log 2>&1 || fail restart
    same whole "heat.$job.out"
}
case_user_requeue() { # scontrol requeue by hand, or a node that fails: ends as if nothing had been
    local job; job=$(TES_FAULT=$(rests 9 10 11 12 13 14) submit "$scripts/slurm_requeue.sbatch" heat.yaml) || fail sbatch
    until_true 30 "the run to begin" test -e "heat.$job.out/lock"
    until_true 10 "a checkpoint" test -e "heat.$job.out/checkpoint/000008.h5"
    scontrol requeue "$job" || fail requeue
    until_true 90 "the second start" grep -q "start 2," "tessera.$job.log"
    until_true 60 "the end" ended "$job"
    status_is "heat.$job.out" done; same whole "heat.$job.out"
}
case_signal() { # SLURM's own clock sends USR1: exit 75, a checkpoint, how to go on
    local job; read -r job <signal.job
    until_true 120 "the signal" ended "$job"
    [ "$(code_of "$job")" = 75 ] || fail "job $job: $(state_of "$job"), exit code $(code_of "$job"), wanted 75"
    says "tessera.$job.log" "go on with: sbatch"; status_is "heat.$job.out" stopped
}
case_time_limit() { # no signal before the limit: TERM ends the run with a checkpoint, or at least with an older one
    local job; read -r job <limit.job
    until_true 150 "the limit" ended "$job"
    [ "$(state_of "$job")" = TIMEOUT ] || fail "job $job: $(state_of "$job")"
    sleep 1
    mpirun -n 2 "$program" run heat.yaml --output "heat.$job.out" --restart --quiet --set time.end=0.1 >limit.log 2>&1 || fail "restart after the limit"
    mpirun -n 1 "$program" run heat.yaml --output longer --quiet --set time.end=0.1 >longer.log 2>&1 || fail "uninterrupted run"
    says "heat.$job.out/run.log" "restart from the checkpoint"; same longer "heat.$job.out"
}

case $name in start | stop) ;; *) enter ;; esac
"case_$name"
