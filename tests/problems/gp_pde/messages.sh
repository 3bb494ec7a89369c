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
try 4 'no attempt converged within solver.max_newton = 1 Newton iterations: raise it, add points, or approach the equation by continuation' newton.yaml
