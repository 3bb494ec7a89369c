# Shell functions that the job scripts share; to be sourced by bash. No output, no side effects when sourced.
#
# Settings that a user may make in the environment:
#   TESSERA_HOME    folder of the sources (the SLURM scripts: sbatch runs a copy of the script, which does not know where it came from)
#   TESSERA_BUILD   build folder, default $TESSERA_HOME/build
#   TESSERA         the program; default the one in the build folder, or else the one in PATH
#   TESSERA_RANKS   number of ranks; default the cores that are there, or the job's tasks
#   TESSERA_MPIRUN  default mpirun
#   TESSERA_GRACE   seconds between the TERM and the KILL that mpirun sends to ranks, default 10 (mpirun's own: 1); after a crash it waits twice as long
#   TESSERA_BIND    binding of ranks: none or core
#   TESSERA_TERMINAL  1: the progress line redraws, 0: plain lines; default 1 when the script's own output is a terminal
#   TESSERA_OUTPUT  output folder (the SLURM scripts)

say() { printf '%s\n' "tessera: $*" >&2; }
die() { say "$2"; exit "$1"; } # die CODE MESSAGE

# The sources: where this file is, unless told otherwise.
tessera_home() { # tessera_home CANDIDATE...: the first that holds this file, absolute
    local folder
    for folder in "${TESSERA_HOME:-}" "$@"; do
        [ -n "$folder" ] && [ -r "$folder/jobscripts/common.sh" ] && { (cd "$folder" && pwd -P); return 0; }
    done
    return 1
}

# What Open MPI needs to be told; what the user has set stays. Bound ranks of two runs on one machine would share the first cores; ranks that wait must not
# starve others; root is refused otherwise.
tessera_environment() {
    export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe-1}"
    export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle-1}"
    export OMPI_MCA_hwloc_base_binding_policy="${OMPI_MCA_hwloc_base_binding_policy-${TESSERA_BIND:-none}}"
    export OMPI_MCA_odls_base_sigkill_timeout="${OMPI_MCA_odls_base_sigkill_timeout-${TESSERA_GRACE:-10}}"
    export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS-1}" OMP_NUM_THREADS="${OMP_NUM_THREADS-1}"
    if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
}

# Cores that this process may use: hardware threads count once, a container's share of CPU time is respected, and OMP_NUM_THREADS, which nproc follows, is no limit of ours.
tessera_cores() {
    local cores threads quota period
    threads=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    cores=$(lscpu -p=Core,Socket 2>/dev/null | grep -v '^#' | sort -u | wc -l)
    if [ "$cores" -lt 1 ] || [ "$cores" -gt "$threads" ]; then cores=$threads; fi
    if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
        quota=$(((quota + period - 1) / period))
        [ "$quota" -ge 1 ] && [ "$quota" -lt "$cores" ] && cores=$quota
    fi
    echo "$cores"
}

# The program, without building anything.
tessera_program() { # tessera_program HOME
    local build=${TESSERA_BUILD:-$1/build}
    if [ -n "${TESSERA:-}" ]; then echo "$TESSERA"
    elif [ -x "$build/bin/tessera" ]; then (cd "$build/bin" && echo "$(pwd -P)/tessera")
    else command -v tessera; fi
}

# Configure once, then bring the target up to date; quiet unless it fails. Two scripts at once take turns.
tessera_build() { # tessera_build HOME TARGET [CMAKE OPTION...]
    local home=$1 target=$2 build=${TESSERA_BUILD:-$1/build} log generator=() before
    shift 2
    if ! mkdir -p "$build" 2>/dev/null || ! [ -w "$build" ]; then
        [ -x "$build/bin/tessera" ] && [ $# = 0 ] && return 0 # somebody else's build folder: take what is in it
        die 3 "cannot write the build folder $build: set TESSERA_BUILD to a folder of yours"
    fi
    build=$(cd "$build" && pwd -P)
    log=$build/build.log
    (
        if command -v flock >/dev/null 2>&1; then
            exec 9>"$build/.lock"
            flock 9
        fi
        before=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt" 2>/dev/null)
        if [ -n "$before" ] && [ "$before" != "$home" ]; then
            say "the build folder $build belongs to $before: remove it, or set TESSERA_BUILD to another"
            exit 3
        fi
        [ -x "$build/bin/tessera" ] || say "building in $build (the first time takes a few minutes; log: $log)"
        : >"$log"
        if [ $# -gt 0 ] || [ -z "$before" ] || { ! [ -e "$build/build.ninja" ] && ! [ -e "$build/Makefile" ]; }; then
            [ -z "$before" ] && command -v ninja >/dev/null 2>&1 && generator=(-G Ninja)
            if ! cmake -S "$home" -B "$build" "${generator[@]}" "$@" >>"$log" 2>&1; then
                grep -v '^-- ' "$log" >&2
                say "the configuration failed"
                exit 3
            fi
            grep -A3 'NO OPTIMIZED BLAS' "$log" >&2
        fi
        if ! cmake --build "$build" --parallel "$(tessera_cores)" --target "$target" >>"$log" 2>&1 9>&-; then
            tail -n 40 "$log" >&2
            say "the build failed; all of it is in $log"
            exit 3
        fi
        exit 0
    ) || return 3
}

# Does an option of ours stand among the arguments (before a `--`, behind which PETSc's begin)?
tessera_has_option() { # tessera_has_option NAME ARG...
    local name=$1 arg
    shift
    for arg in "$@"; do
        case $arg in
        --) return 1 ;;
        "$name" | "$name"=*) return 0 ;;
        esac
    done
    return 1
}

# ---- running and stopping ----

tessera_child='' tessera_folder='' tessera_signals=0

# Ask the run to stop with a checkpoint: USR1, which mpirun hands on to every rank (after TERM or INT it would kill them). Before a run has taken its folder
# its ranks do not listen yet; with nothing to save, a few seconds are enough to wait for that. One that has said how it ended is left alone.
tessera_ask_to_stop() {
    local waited=0 word=''
    [ -n "$tessera_child" ] || return 0
    tessera_signals=$((tessera_signals + 1))
    if [ "$tessera_signals" -gt 2 ]; then
        kill -TERM "$tessera_child" 2>/dev/null
        return 0
    fi
    if [ "$tessera_signals" = 1 ]; then say "stopping after this step, with a checkpoint (once more: at once)"; fi
    while [ "$waited" -lt 50 ] && ! [ -e "$tessera_folder/lock" ] && kill -0 "$tessera_child" 2>/dev/null; do
        sleep 0.1
        waited=$((waited + 1))
    done
    if [ -e "$tessera_folder/lock" ]; then
        if [ -r "$tessera_folder/status" ]; then read -r word _ <"$tessera_folder/status"; fi
        if [ "${word:-running}" = running ] || [ "$tessera_signals" = 1 ]; then kill -USR1 "$tessera_child" 2>/dev/null; fi
    elif [ "$waited" -ge 50 ]; then
        kill -TERM "$tessera_child" 2>/dev/null
    fi
    return 0
}

# Run mpirun in the background, in a process group of its own (so that a Ctrl-C reaches this script alone), wait for it through signals, and set `outcome`:
# the exit code of the run, as rank.sh has kept it. If it could not, mpirun's own codes (1 after a signal to it, 128 + n, 59...) say nothing, and the file
# `status` decides, if this run has written it.
tessera_run() { # tessera_run HOME FOLDER MPIRUN-OPTIONS... -- PROGRAM ARG...
    local home=$1 code kept word='' step='' command=("${TESSERA_MPIRUN:-mpirun}")
    tessera_folder=$2
    shift 2
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    shift
    TESSERA_CODE_FILE=$(mktemp "${TMPDIR:-/tmp}/tessera.XXXXXX") || die 3 "cannot make a file in ${TMPDIR:-/tmp}"
    export TESSERA_CODE_FILE
    if [ -z "${TESSERA_TERMINAL:-}" ]; then # behind mpirun a rank cannot see it
        if [ -t 1 ]; then TESSERA_TERMINAL=1; else TESSERA_TERMINAL=0; fi
    fi
    export TESSERA_TERMINAL
    touch -d '1 second ago' "$TESSERA_CODE_FILE"
    tessera_signals=0
    trap tessera_ask_to_stop INT TERM HUP USR1
    set -m
    "${command[@]}" sh "$home/jobscripts/rank.sh" "$@" </dev/null &
    tessera_child=$!
    set +m
    while :; do
        wait "$tessera_child"
        code=$?
        if [ "$code" -gt 128 ] && kill -0 "$tessera_child" 2>/dev/null; then continue; fi # a signal to us ended the wait, not the run
        break
    done
    tessera_child=''
    trap - INT TERM HUP USR1
    if [ "$tessera_folder/status" -nt "$TESSERA_CODE_FILE" ]; then read -r word step <"$tessera_folder/status"; fi
    read -r kept <"$TESSERA_CODE_FILE" || kept=''
    rm -f "$TESSERA_CODE_FILE"
    outcome=${kept:-$code}
    case $outcome in
    0 | 2 | 3 | 4 | 70 | 75) ;;
    *)
        case $word in
        done) outcome=0 ;;
        stopped) outcome=75 ;;
        *) if [ "$code" = 1 ] || [ "$code" -gt 128 ]; then outcome=3; fi ;; # ended from outside, or crashed
        esac
        say "mpirun ended with $code, the run with $outcome (${word:-no status}${step:+ $step})"
        ;;
    esac
}

# ---- SLURM ----

# Ranks of this job as mpirun's options: the tasks asked for, else one per core of the nodes.
tessera_job_ranks() {
    local nodes=${SLURM_JOB_NUM_NODES:-1} per_node ranks
    ranks=${TESSERA_RANKS:-${SLURM_NTASKS:-$((${SLURM_CPUS_ON_NODE:-1} * nodes))}}
    per_node=$(((ranks + nodes - 1) / nodes))
    echo "-n $ranks --map-by ppr:$per_node:node"
}

# One job: DECK into FOLDER, from the checkpoint if there is one. Sets `outcome`.
tessera_job() { # tessera_job HOME FOLDER DECK [OPTION...]
    local home=$1 folder=$2 deck=$3 program placement options
    shift 3
    [ -r "$deck" ] || die 2 "cannot read the deck $deck (relative to $PWD)"
    program=$(tessera_program "$home") || die 3 "tessera is not built: run  cmake --preset release && cmake --build --preset release  in $home, or set TESSERA to the program"
    tessera_environment
    options=("$@")
    if ! tessera_has_option --force "$@" && ! tessera_has_option --restart "$@"; then options=(--restart ${options[@]+"${options[@]}"}); fi
    tessera_has_option --output "$@" || options=(--output "$folder" ${options[@]+"${options[@]}"})
    read -r -a placement <<<"$(tessera_job_ranks)"
    say "job ${SLURM_JOB_ID:-?}, start $((${SLURM_RESTART_COUNT:-0} + 1)), $(date '+%F %T'): ${placement[*]} on ${SLURM_JOB_NODELIST:-this machine}, $deck -> $folder"
    tessera_run "$home" "$folder" "${placement[@]}" -- "$program" run "$deck" "${options[@]}"
    say "outcome $outcome ($(cat "$folder/status" 2>/dev/null || echo 'no status'))"
}

# The folder of a job: --output if it is among the options, TESSERA_OUTPUT, or a name made of the deck's and a label; options stay as they are.
tessera_job_folder() { # tessera_job_folder LABEL DECK [OPTION...]
    local label=$1 name=${2##*/} take=no arg
    shift 2
    for arg in "$@"; do
        [ $take = yes ] && { echo "$arg"; return; }
        case $arg in
        --) break ;;
        --output) take=yes ;;
        --output=*) echo "${arg#--output=}"; return ;;
        esac
    done
    echo "${TESSERA_OUTPUT:-${name%.*}.$label.out}"
}
