#!/usr/bin/env bash
# A SLURM of one machine for tests: munged, slurmctld and slurmd of our own, in one folder, without root, systemd or cgroups.
#
#   cluster.sh start DIR CORES [NODES]  start them; as many cores are announced on each node as asked for, whatever the machine has; a slurmd for each node (default: one)
#   cluster.sh stop DIR                 cancel all jobs, end the processes (those that `start` noted, no others)
#
# Two nodes are two names for this machine, as far as SLURM and mpirun know two machines: each has its own slurmd, its own daemon of mpirun, and ranks that speak TCP.
# Clients need SLURM_CONF=DIR/slurm.conf. DIR must be short: a socket lies in it, and the name of a socket has at most 107 bytes.
# Exit status: 0 done, 1 failed, 77 Debian's slurm-wlm or munge is missing.
set -u
PATH=$PATH:/usr/sbin:/sbin
action=${1:-} dir=${2:-}
case $dir in /*) ;; *) echo "cluster.sh: DIR must be absolute" >&2; exit 1 ;; esac
export SLURM_CONF=$dir/slurm.conf

# A process is known by its number and its start time (field 22 of /proc/PID/stat), so that a number used again is never mistaken for it.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
note() { printf '%s %s\n' "$2" "$(born "$2")" >"$dir/$1.process"; }
lives() {
    local pid start
    read -r pid start 2>/dev/null <"$dir/$1.process" && [ -n "$start" ] && [ "$(born "$pid")" = "$start" ]
}
finish() {
    local pid _
    for signal in TERM KILL; do
        lives "$1" || break
        read -r pid _ <"$dir/$1.process"
        kill -$signal "$pid" 2>/dev/null
        for _ in $(seq 50); do lives "$1" || break; sleep 0.1; done
    done
    rm -f "$dir/$1.process"
}

configuration() { # CORES NODES
    local host port user memory k
    host=$(hostname -s 2>/dev/null || hostname)
    user=$(id -un)
    port=$((20000 + $$ % 20000))
    memory=$(awk '/^MemTotal/ {print int($2 / 1100)}' /proc/meminfo)
    # TmpFS: each node has its own, since PMIx makes folders of the same name there. linuxproc and task/none: no cgroups. pmix: what Debian's Open MPI speaks. cred_expire is also how long a requeued job waits, 120 s by default.
    # OverSubscribe=FORCE: jobs that want the node for themselves run side by side here. KillWait is 30 s by default.
    cat <<END
ClusterName=tessera$port
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
TmpFS=$dir/tmp.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
LaunchParameters=disable_send_gids
PropagateResourceLimits=NONE
ReturnToService=2
JobRequeue=1
KillWait=8
MinJobAge=900
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
END
    for k in $(seq "$2"); do
        echo "NodeName=node$k NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + k)) Sockets=1 CoresPerSocket=$1 ThreadsPerCore=1 RealMemory=$memory State=UNKNOWN"
    done
}

start() { # CORES NODES
    local program k
    for program in munged munge slurmctld slurmd sbatch srun scontrol scancel squeue sinfo; do
        command -v $program >/dev/null || { echo "cluster.sh: no $program: the packages slurm-wlm and munge are not installed"; exit 77; }
    done
    [ ${#dir} -le 80 ] || { echo "cluster.sh: the name $dir is too long for a socket"; exit 1; }
    mkdir -p "$dir/state" && chmod 755 "$dir" || exit 1
    configuration "$1" "$2" >"$SLURM_CONF" || exit 1
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key") || exit 1
    munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
        --seed-file="$dir/munge.seed" --log-file="$dir/munged.log" >"$dir/munged.out" 2>&1 </dev/null &
    note munged $!
    wait_for munged munge --socket="$dir/munge.socket" --no-input
    slurmctld -D -f "$SLURM_CONF" >"$dir/slurmctld.out" 2>&1 </dev/null &
    note slurmctld $!
    for k in $(seq "$2"); do
        mkdir -p "$dir/spool.node$k" "$dir/tmp.node$k" && chmod 755 "$dir/spool.node$k" && chmod 1777 "$dir/tmp.node$k" || exit 1
        slurmd -D -f "$SLURM_CONF" -N "node$k" >"$dir/slurmd.node$k.out" 2>&1 </dev/null &
        note "slurmd.node$k" $!
    done
    wait_for slurmd.node1 nodes_are_idle
}
nodes_are_idle() { [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; } # one line: all are alike
wait_for() { # PROCESS COMMAND...: until the command succeeds, at most half a minute, and only while the process lives
    local process=$1 _
    shift
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        lives "$process" || break
        sleep 0.1
    done
    echo "cluster.sh: $process does not get ready" >&2
    tail -n 5 "$dir"/*.log "$dir"/*.out >&2
    stop
    exit 1
}

stop() {
    local _
    if lives slurmctld && lives munged; then
        timeout 10 scancel --user="$(id -un)" 2>/dev/null
        for _ in $(seq 150); do [ -z "$(timeout 5 squeue --noheader 2>/dev/null)" ] && break; sleep 0.1; done
    fi
    local process
    for process in "$dir"/slurmd.*.process; do
        process=${process##*/}
        finish "${process%.process}"
    done
    finish slurmctld
    finish munged
}

case $action in
start) start "${3:-2}" "${4:-1}" ;;
stop) stop ;;
*) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 1 ;;
esac
