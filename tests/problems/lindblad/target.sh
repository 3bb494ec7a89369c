#!/usr/bin/env bash
# `until` of trajectories: a target that is reached ends the run early, one that is missed ends with 4, and a finished run goes on when it is given more; the rows are those of a run that never
# stopped. target.sh PROGRAM DECK
set -eu
program=$1 deck=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/lindblad_target.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $*" >&2; exit 1; }
run() { timeout 100 "$program" run "$deck" --quiet "$@" >out 2>&1; }
count() { /usr/bin/python3 -c "import h5py,sys; print(int(h5py.File(sys.argv[1]+'/result.h5')['report/trajectories'][()]))" "$1"; }

run --output reached --set until.max=4000 --set until.stderr=0.03 || fail "a target within reach: exit $?: $(cat out)"
n=$(count reached)
[ "$n" -ge 32 ] && [ "$n" -lt 4000 ] && [ $((n % 16)) = 0 ] || fail "stopped after $n trajectories"
code=0; run --output missed --set until.max=48 --set until.stderr=1e-4 || code=$?
[ $code = 4 ] || fail "a target out of reach: exit $code, wanted 4: $(cat out)"

run --output whole --set until.max=96 || fail "$(cat out)"
run --output more --set until.max=48 || fail "$(cat out)"
run --output more --set until.max=96 --restart || fail "going on: $(cat out)"
/usr/bin/python3 - <<'PY' || fail "the rows differ"
import h5py, numpy as np
a, b = h5py.File("whole/series.h5"), h5py.File("more/series.h5")
assert len(a["time"]) == len(b["time"]) == 11
for group in ("observables", "stderr"):
    for name in a[group]:
        assert np.array_equal(a[group][name][:], b[group][name][:]), (group, name)
PY
code=0; run --output more --set until.max=96 --set time.end=2 --restart || code=$?
[ $code = 2 ] || fail "another end: exit $code, wanted 2: $(cat out)"
