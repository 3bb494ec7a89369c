#!/usr/bin/env bash
# What a user must be told about files and runs: data of another recipe, grid or length, numbers that are not finite, truths that are zero, weights of another network, damaged and newer checkpoints, a
# target that was not reached, a loss that is not finite, more ranks than can work. Exit code and words of every message.
#
#   refusals.sh PROGRAM DECK
set -u
program=$1 deck=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera mgno.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cp "$deck" make.yaml
sed 's/^actions:.*/actions: [train, evaluate]/' make.yaml >use.yaml
sed 's/^actions:.*/actions: [evaluate]/' make.yaml >weigh.yaml
sed 's/^  family:.*/  family: external/' use.yaml >external.yaml
fail() { echo "FAILED: $*"; exit 1; }
says() { # says EXIT WORDS RANKS DECK [options]
    local code=$1 words=$2 n=$3 from=$4; shift 4
    rm -rf out
    mpirun -n "$n" "$program" run "$from" --output out "$@" >said 2>&1
    local got=$?
    [ $got = "$code" ] || fail "$* gives exit $got, wanted $code: $(head -n 5 said)"
    tr '\n' ' ' <said | tr -s ' ' | grep -qF -- "$words" || fail "$* does not say: $words; it says: $(head -n 8 said)"
    echo "$words: exit $code"
}
mpirun -n 1 "$program" run make.yaml --output made --quiet >said 2>&1 || fail "$(cat said)"
cp made/data.h5 data.h5
/usr/bin/python3 - <<'PY' || fail "files"
import h5py, numpy as np
old = h5py.File('data.h5')
def write(name, change=None, **other):
    with h5py.File(name + '.h5', 'w') as f:
        for k in 'xy':
            f[k] = other.get(k, old[k][...])
        if change:
            change(f)
def put(key, at, value):
    def change(f):
        f[key][at] = value
    return change
write('nan', put('x', (5, 0, 2, 3), np.nan))
write('inf', put('y', (6, 0, 2, 3), np.inf))
write('zero', put('y', (7,), 0))
write('short', x=old['x'][:10], y=old['y'][:10])
write('uneven', x=old['x'][...], y=old['y'][:10])
write('large', x=np.ones((20, 1, 16, 16)), y=np.ones((20, 1, 16, 16)))
write('negative', put('x', (2, 0, 1, 1), -1.0))
PY
says 2 'has other parameters than the deck' 1 use.yaml --set data.seed=9
says 2 'layout cell; samples 56' 1 use.yaml --set data.test=40
says 2 'has 10 samples, data.train + data.validation + data.test ask for 20' 2 external.yaml --set data.file=short.h5
says 2 'has 20 samples of x and 10 of y' 1 external.yaml --set data.file=uneven.h5
says 2 'points along' 1 external.yaml --set data.file=large.h5
says 2 'sample 5 of the data set has a value of x that is not finite' 2 external.yaml --set data.file=nan.h5
says 2 'sample 6 of the data set has a value of y that is not finite' 1 external.yaml --set data.file=inf.h5
says 2 'sample 7 of the data set has a y that is zero everywhere' 1 external.yaml --set data.file=zero.h5
says 2 'sample 2 of the data set has a coefficient of -1' 1 use.yaml --set data.file=negative.h5
says 2 'layer0/level0/S1 of made/result.h5 has another shape' 1 weigh.yaml --set model.weights=made/result.h5 --set model.channels=16
says 4 'in epoch 1, batch' 1 use.yaml --set train.optimizer.learning_rate=1e300
says 4 'missed its target' 1 use.yaml --set train.target=1e-6
[ -s out/result.h5 ] && [ -s out/series.h5 ] || fail "a target that is not reached leaves no result"
says 0 '2 of 3 ranks can work on this problem, the others idle' 3 use.yaml --set 'parallel.blocks=[2]'
# a checkpoint of a newer program
mpirun -n 1 "$program" run use.yaml --output stopped --quiet --set run.steps=2 >said 2>&1
[ $? = 75 ] || fail "stopped: $(head -n 5 said)"
mpirun -n 1 "$program" run use.yaml --output stopped --quiet --restart --set model.channels=16 >said 2>&1
[ $? = 2 ] && grep -q 'model.channels: 8 in the checkpoint, 16 now' said || fail "another model: $(cat said)"
echo "another model: refused"
