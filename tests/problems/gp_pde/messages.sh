#!/usr/bin/env bash
# What a user is told when the points do not resolve the data, or Newton's method does not converge.
#   messages.sh PROGRAM
set -u
program=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cat >wave.yaml <<'DECK'
problem: gp_pde
domain: {points: 206, upper: 6.283185307179586}
equation: {kind: poisson}
manufactured: {expression: "sin(100*x)"}
DECK
cat >newton.yaml <<'DECK'
problem: gp_pde
domain: {points: [30, 30]}
equation: {kind: allen_cahn}
manufactured: {expression: "3*sin(9*x)*cos(7*y)"}
solver: {max_newton: 1}
DECK
cat >near_nyquist.yaml <<'DECK'
problem: gp_pde
domain: {points: 100}
equation: {kind: poisson}
manufactured: {expression: "sin(20*x)+0.2*sin(300*x)"}
DECK
cat >eigenvalue.yaml <<'DECK'
problem: gp_pde
domain: {points: 60}
equation: {kind: helmholtz, k2: 9.869604401089358}
source: {from: expression, expression: "x"}
boundary: {from: expression, expression: "0"}
DECK
cat >file.yaml <<'DECK'
problem: gp_pde
domain: {points: [40, 30]}
equation: {kind: poisson}
source: {from: hdf5, file: data.h5}
boundary: {from: expression, expression: "0"}
DECK
sed 's/^source.*/source: {from: expression, expression: "1"}/; s/^boundary.*/boundary: {from: hdf5, file: data.h5}/' file.yaml >sides.yaml
/usr/bin/python3 - <<'PY' || exit 1
import h5py, numpy as np
file = h5py.File('data.h5', 'w')
file['f'] = np.ones((30, 40))
file['f'][3, 5] = np.nan
for side, n in ('x_lower', 30), ('x_upper', 30), ('y_lower', 40):
    file['boundary/' + side] = np.zeros(n)
PY
try() { # try CODE TEXT DECK [options]: the text must stand in the log or on stderr
    local code=$1 text=$2; shift 2
    "$program" run "$@" --output out --force --quiet 2>err
    local got=$?
    [ $got = "$code" ] || { echo "FAILED: $*: exit $got, wanted $code: $(cat err)"; exit 1; }
    cat err out/run.log 2>/dev/null | grep -qF -- "$text" || { echo "FAILED: $*: nobody says '$text': $(cat err out/run.log)"; exit 1; }
}
try 0 'only 2.05 points per wavelength of omega = 100: it may be the alias of a higher frequency; 231 points would give 2.3' wave.yaml
try 4 'unresolved' wave.yaml --set domain.points=205
try 4 'a figure missed its target' wave.yaml --set domain.points=205
grep -q 'a figure missed its target' err || { echo "FAILED: a missed target is not said on stderr"; exit 1; }
try 4 'no attempt converged within solver.max_newton = 1 Newton iterations: raise it, add points, or approach the equation by continuation in the strength of its reaction (0.25, then 0.5, then 1)' newton.yaml
try 4 'only 2.05 points per wavelength of omega = 303.16: it may be the alias of a higher frequency; 112 points would give 2.3' near_nyquist.yaml
try 4 'the problem has no unique solution there, change it or the box' eigenvalue.yaml
try 0 'of an eigenvalue of the reduced operator: the solution is hardly determined' eigenvalue.yaml --set equation.k2=9.86960
try 4 'the problem has no unique solution there, change it or the box' eigenvalue.yaml --set refine.enable=false --set spectrum.background=16
try 2 'the source is not finite at x[5] = 0.128205128205128, y[3] = 0.103448275862069' file.yaml
try 2 'it has no dataset `/boundary/y_upper`' sides.yaml
