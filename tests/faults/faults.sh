#!/usr/bin/env bash
# What the world does to a run: disks, signals, other programs, odd machines. Faults that hit every kind alike, tried with the test kind; what each kind has
# to show for itself is in tests/contract.
#
#   faults.sh CASE PROGRAM DECK TESSERA FAIL_IO
#
# CASE     one of the functions case_* below
# PROGRAM  a tessera with the test kind `heat`, DECK its deck; TESSERA the program with the kinds of the list
# FAIL_IO  library to preload, from tests/support/fail_io.c
# Exit status: 0 passed, 1 failed, 77 cannot be tried here.
set -u
name=$1 program=$2 deck=$3 tessera=$4 fail_io=$5
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=tests/support/shell.sh
. "$sources/tests/support/shell.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera fault.XXXXXX") || exit 1
leave() {
    local status=$?
    umount "$work/disk" 2>/dev/null
    chattr -i "$work/cut/checkpoint" 2>/dev/null
    [ $status = 1 ] || rm -rf "$work"
    exit $status
}
trap leave EXIT
cd "$work" || exit 1
python=/usr/bin/python3 # the one that has Debian's h5py

launch() { timeout -k 5 "${LIMIT:-60}" mpirun --mca odls_base_sigkill_timeout "${GRACE:-1}" "$@"; }
run() { local n=$1 to=$2; shift 2; launch -n "$n" "$program" run "$deck" --output "$to" --quiet "$@" 2>>"$work/${to##*/}.err"; } # run RANKS FOLDER OPTION...
begin() { # begin RANKS FOLDER OPTION...: in the background; $mpirun and $pids are the processes once it has taken its folder
    local n=$1 to=$2 _; shift 2
    mpirun --mca odls_base_sigkill_timeout "${GRACE:-1}" -n "$n" "$program" run "$deck" --output "$to" --quiet "$@" 2>>"$work/${to##*/}.err" &
    mpirun=$!
    for _ in $(seq 300); do [ -e "$to/status" ] && break; sleep 0.05; done
    pids=$(pgrep -P $mpirun)
    [ "$(echo "$pids" | wc -l)" = "$n" ] || fail "$n ranks, but these processes: $pids"
}
ends() { # ends SECONDS: the code of what `begin` began goes to $code
    timeout "$1" tail --pid="$mpirun" -s 0.1 -f /dev/null || { kill -KILL "$mpirun"; fail "it did not end within $1 s"; }
    wait "$mpirun"; code=$?
}
whole() { want 0 "uninterrupted run" run 1 whole "$@"; }
goes_on() { want 0 "restart" run "${1:-2}" "${2:-cut}" --restart; same whole "${2:-cut}"; } # [RANKS [FOLDER]]

case_one_rank_killed() { # mpirun ends the job within seconds, nothing is left behind, restart works
    whole; GRACE=1 TES_FAULT="pause@step,count=0" begin 3 cut --set checkpoint.every_steps=1
    sleep 2.2; kill -KILL "$(echo "$pids" | sed -n 2p)"
    ends 10; [ "$code" != 0 ] || fail "exit 0 although a rank was killed"
    sleep 2; for p in $pids; do ! kill -0 "$p" 2>/dev/null || fail "process $p is still there"; done
    goes_on
}
case_signal_one_rank() { # a signal that only one rank gets is everybody's
    whole
    for signal in USR1 TERM; do
        TES_FAULT="pause@step,count=0" begin 3 "cut$signal"
        sleep 0.5; kill -$signal "$(echo "$pids" | tail -n 1)"
        ends 20; [ "$code" = 75 ] || fail "exit $code after $signal to one rank, wanted 75"
        status_is "cut$signal" stopped; goes_on 2 "cut$signal"
    done
}
stopped_within() { # stopped_within SECONDS FOLDER: from a signal to mpirun until the folder says so, whatever mpirun still does
    local tenths=0
    kill -USR1 "$mpirun"
    until grep -q '^stopped' "$2/status" 2>/dev/null; do
        tenths=$((tenths + 1)); [ $tenths -le $((10 * $1)) ] || { kill -KILL $pids "$mpirun"; fail "$2 was not stopped within $1 s of the signal"; }
        sleep 0.1
    done
    echo "$2: stopped after $((tenths / 10)).$((tenths % 10)) s"; ends 20; [ "$code" = 75 ] || fail "exit $code, wanted 75"
}
case_signal_soon() { # steps of a tenth of a second, of microseconds, and slow ones after thousands that were fast: a signal is heard soon
    local many=(--set points=8 --set time.step=1e-6 --set time.end=100 --set checkpoint.every_steps=0 --set output.every_steps=1000000)
    TES_FAULT="doze@step,count=0" begin 3 slow; sleep 0.5; stopped_within 2 slow
    begin 3 fast "${many[@]}"; sleep 0.5; stopped_within 2 fast
    TES_FAULT="doze@step,from=3000,count=0" begin 1 slower "${many[@]}"; sleep 1; stopped_within 3 slower # one rank: steps of a microsecond; then 16 slow ones at most
    [ "$(cut -d' ' -f2 slower/status)" -gt 3000 ] || fail "the fast steps were not over: $(cat slower/status)"
}
case_signal_early() { # a signal while ranks load their libraries and find each other: the run stops after its first step, or never begins; it does not hang
    whole
    local hundredths stopped=0 _
    for hundredths in 00 03 06 09 12 15 20 25; do
        mpirun --mca odls_base_sigkill_timeout 1 -n 3 "$program" run "$deck" --output cut --restart --quiet 2>>cut.err & mpirun=$!
        for _ in $(seq 100); do pids=$(pgrep -P "$mpirun") && break; sleep 0.02; done
        sleep "0.$hundredths"; kill -USR1 "${pids%%[[:space:]]*}" 2>/dev/null; ends 20
        [ "$code" != 75 ] || stopped=$((stopped + 1))
    done
    echo "stopped with a checkpoint $stopped times of 8"; goes_on
}
case_checkpoint_signal() { # USR2: a checkpoint, and on
    whole; TES_FAULT="pause@step,step=3;pause@step,step=4" begin 2 cut --set checkpoint.every_steps=0 --set checkpoint.keep=9
    sleep 0.5; kill -USR2 "$mpirun"; ends 20; [ "$code" = 0 ] || fail "exit $code"
    [ "$(ls cut/checkpoint | wc -l)" = 2 ] || fail "wanted one checkpoint on the way and one at the end: $(ls cut/checkpoint)"
    same whole cut
}
case_disk_freed() { # full, said, and when there is room again the next checkpoint succeeds
    whole --set checkpoint.every_steps=4; mkdir disk; local size; size=$(stat -c %s "$(newest whole)")
    mount -t tmpfs -o "size=$((20 * size))" tmpfs disk 2>/dev/null || skip "no mount"
    TES_FAULT="pause@step,step=6;pause@step,step=7;pause@step,step=10;pause@step,step=11" begin 2 disk/cut --set checkpoint.every_steps=4 --set checkpoint.keep=9 --set checkpoint.on_failure=continue
    sleep 0.7; dd if=/dev/zero of=disk/ballast bs=4096 2>/dev/null   # full before step 8
    sleep 2.2; rm disk/ballast                                       # free again before step 12
    ends 30; [ "$code" = 0 ] || fail "exit $code: $(cat cut.err)"
    says cut.err "next try"; [ -e disk/cut/checkpoint/000012.h5 ] && ! [ -e disk/cut/checkpoint/000008.h5 ] || fail "checkpoints: $(ls disk/cut/checkpoint)"
    same whole disk/cut
}
case_size_limit() { # ulimit -f: said with the path, exit 3, the older one whole
    local large=(--set points=1000 --set time.step=2e-7 --set time.end=2e-6) # 8 MB: more than what ranks share in memory
    want 0 "uninterrupted run" run 1 whole "${large[@]}"
    want 75 "first leg" run 2 cut "${large[@]}" --set run.steps=4
    LIMIT=30 launch -n 2 bash -c 'ulimit -f 7000; exec "$@"' limited "$program" run "$deck" --output cut --quiet --restart "${large[@]}" --set checkpoint.every_steps=1 2>>cut.err; code=$?
    [ $code = 3 ] || fail "exit $code, wanted 3"
    says cut.err "File too large"; ! ls cut/checkpoint/*.part 2>/dev/null || fail "a .part was left"
    want 0 "restart" run 2 cut --restart "${large[@]}"; same whole cut
}
failing() { # failing RANKS WHAT COMMAND-OPTION...: go on in `cut` with a disk that fails as WHAT says
    local n=$1 what=$2; shift 2
    # by name, since LD_PRELOAD knows no path with a space
    LIMIT=30 launch -n "$n" env LD_LIBRARY_PATH="${fail_io%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" LD_PRELOAD="${fail_io##*/}" TES_FAIL_IO="$what" "$program" run "$deck" --output cut --quiet --restart "$@" 2>>cut.err
    local got=$?
    ! grep -q 'cannot be preloaded' cut.err || fail "no failing disk"
    return $got
}
case_io_error_one_rank() { # pwrite fails on one rank of three: 3 with a message within seconds, the older checkpoint whole
    local bad name t0=$SECONDS patience
    whole; patience=$((12 + 4 * (SECONDS - t0))) # 12 s on a machine that is free
    want 75 "first leg" run 3 start --set run.steps=8
    for bad in 0 1 2; do
        for name in checkpoint series; do
            [ $bad-$name != 2-series ] || continue # rank 0 alone writes its few bytes
            rm -rf cut; cp -r start cut; : >cut.err; t0=$SECONDS
            [ $name = series ] && [ $bad != 0 ] && continue
            failing 3 "call=pwrite,errno=28,rank=$bad,name=$name" --set checkpoint.every_steps=4; code=$?
            [ $code = 3 ] || fail "exit $code with pwrite to $name failing on rank $bad, wanted 3"
            [ $((SECONDS - t0)) -le $patience ] || fail "took $((SECONDS - t0)) s, the uninterrupted run $(((patience - 12) / 4)) s"
            says cut.err "No space left"; ! ls cut/checkpoint/*.part 2>/dev/null || fail "a .part was left"
            goes_on 1
        done
    done
}
case_io_error_random() { # one pwrite in two hundred fails, anywhere: whatever happens, what is in the folder is good
    whole
    local try failures=0
    for try in $(seq 8); do
        failing 2 "call=pwrite,errno=5,share=0.005,name=/cut/" --set checkpoint.every_steps=2; code=$?
        case $code in 0) break ;; 3) failures=$((failures + 1)) ;; *) fail "exit $code" ;; esac
    done
    echo "$failures failures in $try tries"; goes_on
}
case_rename_fails() { # the last calls of a commit: said, exit 3, older generation there
    whole
    local call name
    for call in rename fsync; do
        for name in checkpoint series; do
            rm -rf cut; : >cut.err; want 75 "first leg" run 2 cut --set run.steps=8
            failing 2 "call=$call,errno=5,name=$name" --set checkpoint.every_steps=4; code=$?
            [ $code = 3 ] || fail "exit $code with $call of $name failing, wanted 3"
            says cut.err "Input/output error"; [ -e cut/checkpoint/000008.h5 ] || fail "the older checkpoint is gone"
            goes_on
        done
    done
}
case_folder_closed() { # the folder cannot be written any more
    whole; want 75 "first leg" run 2 cut --set run.steps=8
    if [ "$(id -u)" = 0 ]; then chattr +i cut/checkpoint 2>/dev/null || skip "no chattr here, and root may write anywhere"; else chmod 555 cut/checkpoint; fi
    want 3 "checkpoints in a closed folder" run 2 cut --restart
    says cut.err "checkpoint"; [ -e cut/checkpoint/000008.h5 ] || fail "the older checkpoint is gone"
    if [ "$(id -u)" = 0 ]; then chattr -i cut/checkpoint; else chmod 755 cut/checkpoint; fi
    goes_on
}
case_folder_removed() { # somebody tidies up: said, exit 3, no hang
    TES_FAULT="pause@step,step=3;pause@step,step=4" begin 2 cut --set checkpoint.every_steps=2
    sleep 0.6; rm -rf cut; ends 20
    # either the next write fails and that is said, or it makes the folder anew and everything is in it
    case $code in 3) says cut.err "No such file" ;; 0) ;; *) fail "exit $code" ;; esac
    want 0 "the same again" run 2 cut --restart; whole; same whole cut
}
case_blocks() { # two blocks exchanged, a page of zeros: refused, said, the older one taken
    whole; want 75 "first leg" run 2 start --set run.steps=20 --set checkpoint.every_steps=4
    local file damage; file=$(basename "$(newest start)")
    for damage in swap zero longer; do
        rm -rf cut; cp -r start cut; : >cut.err
        python3 - "cut/checkpoint/$file" $damage <<'PY' || fail python3
import sys
data = bytearray(open(sys.argv[1], 'rb').read())
n = len(data)
if sys.argv[2] == 'swap':   # two different blocks of 64 bytes
    blocks = [i for i in range(512, n - 64, 64)]
    a = blocks[len(blocks) // 2]
    b = next(i for i in blocks if data[i:i + 64] != data[a:a + 64])
    data[a:a + 64], data[b:b + 64] = data[b:b + 64], data[a:a + 64]
elif sys.argv[2] == 'zero': # a page that is not empty
    a = next(i for i in range(4096, n - 4096, 4096) if any(data[i:i + 4096]))
    data[a:a + 4096] = bytes(4096)
else:
    data += b'\0'
open(sys.argv[1], 'wb').write(data)
PY
        goes_on; says cut.err "$file"
    done
}
case_wrong_checkpoint() { # of another kind, or no checkpoint at all
    [ -n "$tessera" ] || skip "one program only"
    local quick=$sources/input_decks/gp_pde/quickstart.yaml
    want 75 "heat" run 1 cut --set run.steps=4
    launch -n 2 "$tessera" run "$quick" --output cut --quiet --restart 2>other.err; code=$?
    [ $code = 3 ] || fail "a checkpoint of another kind: exit $code, wanted 3"; says other.err "kind heat"
    cp whole.err "cut/checkpoint/000009.h5" 2>/dev/null || echo text >cut/checkpoint/000009.h5
    want 0 "a text file among the generations" run 2 cut --restart; says cut.err "000009.h5"; whole; same whole cut
}
case_data_files() { # data of a user's that do not fit: refused before anything runs, with the dataset and both shapes
    [ -n "$tessera" ] || skip "one program only"
    $python -c 'import h5py' 2>/dev/null || skip "no h5py"
    $python - <<'PY' || fail python3
import h5py, numpy as np
n = 30
def write(name, **data):
    with h5py.File(name + '.h5', 'w') as f:
        for key, value in data.items(): f[key] = value
write('rank', f=np.zeros(n))
write('shape', f=np.zeros((n, n + 1)))
write('type', f=np.full((n, n), b'x'))
write('missing', g=np.zeros((n, n)))
write('group', **{'f/inner': np.zeros((n, n))})
with h5py.File('huge.h5', 'w') as f: f.create_dataset('f', (2**31, 2**31), chunks=(64, 64), dtype='f8')
nan = np.zeros((n, n)); nan[3, 4] = np.nan
write('nan', f=nan)
open('text.h5', 'w').write('no HDF5\n')
open('empty.h5', 'w')
write('good', f=np.zeros((n, n)))
PY
    head -c 700 good.h5 >cut.h5
    local f ranks
    for f in rank shape type missing group huge nan text empty cut absent; do
        printf '%s\n' 'problem: gp_pde' 'equation: {kind: poisson}' 'domain: {lower: [0, 0], upper: [1, 1], points: [30, 30]}' \
            "source: {from: hdf5, file: $f.h5}" 'boundary: {from: expression, expression: "0"}' >"$f.yaml"
        case $f in shape | type | cut) ranks=(launch -n 2) ;; *) ranks=(timeout 20) ;; esac
        "${ranks[@]}" "$tessera" run "$f.yaml" --output "out_$f" 2>"$f.err" >"$f.out"; code=$?
        [ $code = 2 ] || [ $code = 3 ] || fail "$f: exit $code: $(cat "$f.err")"
        case $f in nan) says "$f.err" "not finite at x" ;; *) says "$f.err" "$f.h5" ;; esac
        ! [ -e "out_$f/result.h5" ] || fail "$f has a result"
        case $f in rank | shape | huge) says "$f.err" "30" ;; missing | group) says "$f.err" "/f" ;; esac
    done
}
refused() { # refused NAME FILE PATTERN...: the deck NAME.yaml, which names FILE: 2 or 3, the file and the patterns in the message, and no result
    local deck=$1 file=$2 pattern code; shift 2
    OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$work" timeout 20 "$tessera" run "$deck.yaml" --output "out_$deck" >"$deck.out" 2>"$deck.err"; code=$?
    [ $code = 2 ] || [ $code = 3 ] || fail "$deck: exit $code, wanted 2 or 3"
    says "$deck.err" "$file"; for pattern in "$@"; do says "$deck.err" "$pattern"; done
    ! [ -e "out_$deck/result.h5" ] || fail "$deck has a result"
}
case_data_files_kinds() { # every other key that names a file of numbers; and our own files with one bit changed, which HDF5 would read without a word
    [ -n "$tessera" ] || skip "one program only"
    $python -c 'import h5py' 2>/dev/null || skip "no h5py"
    local of=$sources/tests/problems f
    sed -e 's/end: 1.0/end: 0.2/' -e 's/count: 5/count: 2/' "$of/lindblad/contract.yaml" >lb.yaml
    sed -e 's/epochs: 6/epochs: 1/' "$of/mgno/contract.yaml" >mgno.yaml
    for f in lb mgno; do want 0 "$f" timeout 60 "$tessera" run $f.yaml --output $f --quiet; done
    cp "$(newest lb)" state.h5; cp mgno/result.h5 weights.h5
    $python - <<'PY' || fail python3
import h5py, numpy as np
def write(name, **data):
    with h5py.File(name + '.h5', 'w') as f:
        for key, value in data.items(): f[key] = value
def huge(name, key, shape):
    with h5py.File(name + '.h5', 'a') as f: f.create_dataset(key, shape, chunks=tuple(min(64, s) for s in shape), dtype='f8')
def flip(name, to, find): # one bit of the numbers at `find`
    with h5py.File(name + '.h5', 'r') as f: at = f[find].id.get_offset()
    data = bytearray(open(name + '.h5', 'rb').read()); data[at + 5] ^= 8; open(to + '.h5', 'wb').write(data)
    open(to + '_cut.h5', 'wb').write(data[:len(data) - 9])
ramp = np.stack([np.arange(5.), np.arange(5.)], 1)
write('table_good', table=ramp)
write('table_rank', table=np.arange(5.))
write('table_shape', table=np.zeros((5, 3)))
write('table_type', table=np.full((5, 2), b'x'))
write('table_missing', other=ramp)
write('table_order', table=ramp[::-1])
write('table_nan', table=np.where(ramp == 3, np.nan, ramp))
write('table_short', table=ramp[:1])
huge('table_huge', 'table', (2**40, 2))
huge('table_large', 'table', (2**31 + 5, 2))
open('table_text.h5', 'w').write('0, 1\n')
x, u = np.random.rand(9, 2), np.random.rand(9)
write('seen_good', x=x, u=u)
write('seen_rank', x=x, u=np.zeros((9, 1)))
write('seen_shape', x=np.zeros((9, 3)), u=u)
write('seen_count', x=x, u=u[:4])
write('seen_type', x=x, u=np.full(9, b'x'))
write('seen_missing', x=x)
write('seen_nan', x=x, u=np.where(u == u[3], np.nan, u))
write('seen_outside', x=x + 7, u=u)
write('seen_huge', x=x); huge('seen_huge', 'u', (2**60,))
huge('seen_both', 'x', (2**52, 2)); huge('seen_both', 'u', (2**52,))
write('sides_good', **{'boundary/' + s: np.zeros(12) for s in ('x_lower', 'x_upper', 'y_lower', 'y_upper')})
write('sides_shape', **{'boundary/' + s: np.zeros(12 + (s == 'y_upper')) for s in ('x_lower', 'x_upper', 'y_lower', 'y_upper')})
write('sides_missing', **{'boundary/' + s: np.zeros(12) for s in ('x_lower', 'x_upper', 'y_lower')})
write('sides_type', **{'boundary/' + s: np.full(12, b'x') for s in ('x_lower', 'x_upper', 'y_lower', 'y_upper')})
write('sides_nan', **{'boundary/' + s: np.full(12, np.nan) for s in ('x_lower', 'x_upper', 'y_lower', 'y_upper')})
good = np.ones((3, 1, 8, 8))
write('input_good', x=good)
write('input_rank', x=good[0])
write('input_shape', x=good[:, :, :, :7])
write('input_channels', x=np.ones((3, 2, 8, 8)))
write('input_type', x=np.full((3, 1, 8, 8), b'x'))
write('input_missing', y=good)
write('input_nan', x=good * np.nan)
huge('input_huge', 'x', (2**60, 1, 8, 8))
flip('state', 'state_bit', '/state/problem/rho')
with h5py.File('weights.h5', 'r') as f:
    names = []; f['weights'].visititems(lambda n, o: names.append('/weights/' + n) if isinstance(o, h5py.Dataset) and o.size > 8 else None)
flip('weights', 'weights_bit', names[0])
PY
    # each with a good file passes; then the damage
    for f in good rank shape type missing order nan short huge large text; do
        sed -e "s/time: {kind: sin[^}]*}/time: {kind: table, file: table_$f.h5}/" lb.yaml >table_$f.yaml
    done
    want 0 "a good table" timeout 60 "$tessera" run table_good.yaml --output table_good --quiet
    for f in rank shape; do refused table_$f "table_$f.h5" "\[n\]\[2\]"; done
    for f in type missing order nan short huge large text; do refused table_$f "table_$f.h5"; done
    for f in good rank shape count type missing nan outside huge both; do
        printf '%s\n' 'problem: gp_pde' 'domain: {points: [20, 20]}' 'equation: {kind: helmholtz, k2: 20}' 'manufactured: {expression: "sin(9*x)*cos(3*y)"}' \
            "inverse: {unknown: [k2], initial: [19], data: seen_$f.h5}" >seen_$f.yaml
    done
    timeout 60 "$tessera" run seen_good.yaml --output seen_good --quiet; [ -e seen_good/result.h5 ] || fail "good observations"
    for f in rank shape count type missing nan outside huge both; do refused seen_$f "seen_$f.h5"; done
    says seen_shape.err "\[9\]\[2\]"
    for f in good shape missing type nan; do
        printf '%s\n' 'problem: gp_pde' 'domain: {points: [12, 12]}' 'equation: {kind: poisson}' 'source: {from: expression, expression: "1"}' "boundary: {from: hdf5, file: sides_$f.h5}" >sides_$f.yaml
    done
    timeout 60 "$tessera" run sides_good.yaml --output sides_good --quiet 2>sides_good.err; [ -e sides_good/result.h5 ] || fail "good sides"
    refused sides_missing sides_missing.h5 y_upper; refused sides_type sides_type.h5 x_lower
    refused sides_shape "sides_shape.h5" "y_upper" 12 13; refused sides_nan boundary "not finite"
    for f in good rank shape channels type missing nan huge; do
        sed -e 's/^actions: .*/actions: [predict]/' -e 's/^model:/model:\n  weights: weights.h5/' mgno.yaml >input_$f.yaml; echo "predict: {file: input_$f.h5}" >>input_$f.yaml
    done
    want 0 "good inputs" timeout 60 "$tessera" run input_good.yaml --output input_good --quiet
    want 2 "a sample that is no number" launch -n 3 "$tessera" run input_nan.yaml --output nan3 --quiet 2>nan3.err; says nan3.err "sample 0"
    for f in rank shape channels type missing nan huge; do refused input_$f "input_$f.h5" "/x"; done
    # our own files
    for f in state_bit state_bit_cut weights; do sed -e 's/^system:/initial: {checkpoint: '$f.h5'}\nsystem:/' lb.yaml >$f.yaml; done
    refused state_bit state_bit.h5 checksum; refused state_bit_cut state_bit_cut.h5 truncated; refused weights weights.h5 "no density matrix"
    for f in weights_bit weights_bit_cut state; do sed -e 's/^actions: .*/actions: [predict]/' -e "s/^model:/model:\n  weights: $f.h5/" mgno.yaml >$f.yaml; echo "predict: {file: input_good.h5}" >>$f.yaml; done
    refused weights_bit weights_bit.h5 checksum; refused weights_bit_cut weights_bit_cut.h5 truncated; refused state state.h5 "no dataset"
}
case_odd_environment() { # none of this may change a bit
    whole
    TMPDIR=$work/nowhere "$program" run "$deck" --output a --quiet 2>a.err || fail "TMPDIR that is not there"; same whole a
    HDF5_USE_FILE_LOCKING=TRUE want 0 "locking on" run 2 b; same whole b
    HDF5_USE_FILE_LOCKING=FALSE want 0 "locking off" run 2 c; same whole c
    LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 want 0 "Turkish letters" run 2 d; same whole d
    (umask 077; run 2 e) || fail "a strict umask"; same whole e
    (cd / && launch -n 2 "$program" run "$deck" --output "$work/f" --quiet) || fail "from another folder"; same whole f
    (exec 0<&-; run 2 g) || fail "closed stdin"; same whole g
    OMPI_MCA_btl=self,tcp want 0 "without shared memory" run 2 h; same whole h
}
case_clock_jumps() { # time limits count on a clock that nobody sets
    need faketime; whole
    # the wall clock runs 600 times too fast: a limit of 20 s would end the run at once if it were believed
    TES_FAULT="pause@step,step=4" LIMIT=60 launch -n 2 faketime -f '@2030-01-01 00:00:00 x600' env FAKETIME_DONT_FAKE_MONOTONIC=1 "$program" run "$deck" --output cut --quiet --wall-time 20 2>cut.err || fail "the time limit took the wall clock: $?"
    same whole cut
}
case_more_ranks_than_rows() { # the rest idles, and says so
    launch -n 5 "$program" run "$deck" --output five --set points=3 >five.out 2>five.err || fail "5 ranks for 3 rows"
    says five.out "3 of 5 ranks"; launch -n 1 "$program" run "$deck" --output one --quiet --set points=3 || fail "1 rank"
    same one five
    launch -n 5 "$program" check "$deck" --set points=3 >check.out 2>&1 || fail check; says check.out "usable ranks"
}
case_hang() { # the watchdog ends a run that hangs, each rank says where it is; restart works
    whole; local t0=$SECONDS
    TES_FAULT="sleep@step,step=12,rank=1" LIMIT=40 want 70 "a rank that hangs" run 3 cut --set run.watchdog=2
    [ $((SECONDS - t0)) -le 15 ] || fail "took $((SECONDS - t0)) s"
    for r in 0 1 2; do says cut.err "rank $r: nothing was done for 2 s"; done
    says cut.err "after step 12"; says cut.err "libmpi"; says cut.err "nanosleep"; status_is cut failed
    goes_on
    # a run that only is slow is left alone
    TES_FAULT="pause@step,step=3;pause@step,step=4;pause@step,step=5" want 0 "slow steps" run 2 slow --set run.watchdog=2.5; same whole slow
}
case_memory() { # what does not fit is said before, or is a message with the size and exit code 3; never a kill by the kernel
    local large=(--set points=4096 --set diffusivity=1e-6 --set time.step=1e-3 --set time.end=0.01) peak
    "$program" check "$deck" "${large[@]}" >check.out 2>&1 || fail check
    says check.out "memory per rank     256 MiB"
    "$program" check "$deck" --ranks 1000000 --set points=4096 --set time.step=1e-9 >check.out 2>&1 || fail check; says check.out "NOT ENOUGH"
    TES_FAULT="pause@step,step=1" "$program" run "$deck" --output fits --quiet & local job=$!
    sleep 0.7; peak=$(awk '/^VmPeak/ {print $2}' /proc/$job/status); wait $job
    (ulimit -v $((peak + 100000)); "$program" run "$deck" --output small --quiet 2>small.err) || fail "a small run within the limit: $(cat small.err)"
    (ulimit -v $((peak + 100000)); "$program" run "$deck" --output cut --quiet "${large[@]}" 2>cut.err); code=$?
    [ $code = 3 ] || fail "exit $code without memory, wanted 3: $(cat cut.err)"
    says cut.err "this may not fit"; says cut.err "no memory\|Memory requested"
}
case_every_deck_checks() { # what users copy is in order, the large ones on a thousand ranks as well; nothing is written
    [ -n "$tessera" ] || skip "one program only"
    export OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$work/mpi" # a start without mpirun that looks for less: 0.1 s, not 0.5 s
    mkdir mpi
    local of n=0
    for of in "$sources"/input_decks/*/*.yaml; do
        "$tessera" check "$of" >check.out 2>&1 || fail "$of: $(cat check.out)"
        says check.out "memory per rank"; never check.out "error:"
        case $of in *large* | *00000* | *_3d*) "$tessera" check "$of" --ranks 1000 >check.out 2>&1 || fail "$of on 1000 ranks: $(cat check.out)" ;; esac
        n=$((n + 1))
    done
    [ "$(ls | tr '\n' ' ')" = "check.out mpi " ] || fail "check wrote something: $(ls)"
    [ "$(find "$sources/input_decks" -newer check.out)" = "" ] || fail "check wrote beside the decks"
    [ $n -ge 50 ] || fail "only $n decks"
    echo "$n decks"
}
again() { # again DECK OPTION...: the bits of `a`, once more
    local of=$1; shift
    rm -rf b; launch -n 2 "$tessera" run "$of" --output b --quiet "$@" 2>>twice.err
    [ "$(cat a/status)" = "$(cat b/status)" ] || fail "$of ended otherwise: $(cat a/status), $(cat b/status)"
    program=$tessera same a b
}
twice() { # twice DECK OPTION...: the same bits of every output again
    local of=$1 code; shift
    rm -rf a; launch -n 2 "$tessera" run "$of" --output a --quiet "$@" 2>twice.err; code=$?
    [ $code = 0 ] || [ $code = 75 ] || fail "$of: exit $code"
    again "$of" "$@"
}
case_every_deck_twice() { # to the end, a deck of each kind and solver that takes seconds
    [ -n "$tessera" ] || skip "one program only"
    local of
    for of in gp_pde/quickstart mgno/quickstart lindblad/driven_qubit lindblad/jaynes_cummings; do twice "$sources/input_decks/$of.yaml"; done
}
case_every_deck_twice_long() { # each deck: to its end where the first start gets there within TESSERA_DECK_SECONDS (60), else its first three steps; TESSERA_DECKS: which of them
    [ -n "$tessera" ] || skip "one program only"
    local of t0 how bad='' tried=0
    echo "| deck | how far | steps | seconds | result |"; echo "|---|---|---|---|---|"
    for of in "$sources"/input_decks/${TESSERA_DECKS:-*/*}.yaml; do
        t0=$SECONDS how="to its end"; rm -rf a; : >twice.err
        LIMIT=${TESSERA_DECK_SECONDS:-60} launch -n 2 "$tessera" run "$of" --output a --quiet 2>twice.err
        case $? in
        0 | 4) (LIMIT=300 again "$of") && result="same bits" || result=FAILED ;;
        *) how="first steps"; (LIMIT=300 twice "$of" --set run.steps=3) && result="same bits" || result=FAILED ;;
        esac
        [ "$result" = "same bits" ] || bad="$bad ${of##*/}"
        tried=$((tried + 1)); echo "| ${of#"$sources/input_decks/"} | $how | $(steps_of a) | $((SECONDS - t0)) | $result |"
    done
    echo; echo "$tried decks; failed: ${bad:-none}"
    [ -z "$bad" ] || exit 1
}

"case_$name"
