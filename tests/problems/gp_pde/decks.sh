#!/usr/bin/env bash
# Every deck that users may copy: large ones are checked, trainings and the longest sweep run in a shortened form, the rest to the end, with the error that their comments and the README promise
# (to two digits' margin).
#   decks.sh PROGRAM FOLDER
set -u
program=$1 folder=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$work"
for deck in "$folder"/*.yaml; do
    name=$(basename "$deck" .yaml)
    "$program" check "$deck" >"$work/check" 2>&1 || { echo "$name: check: $(cat "$work/check")"; exit 1; }
    shorter=
    case $name in
    *_large) continue ;;
    reference_*) limit=10; shorter="--set reference.epochs=2" ;;
    broadband_200000) limit=1e-5; shorter="--set domain.points=20000 --set domain.upper=0.1" ;;
    broadband_*) limit=1e-7 ;;
    inverse_*) limit=3e-3 ;;
    noisy_*) limit=1e-2 ;;
    boundary_layer | helmholtz_2d) limit=1e-8 ;;
    *) limit=1e-9 ;;
    esac
    "$program" run "$deck" --output "$work/$name" --quiet $shorter 2>"$work/err" || { echo "$name: exit $?: $(cat "$work/err")"; exit 1; }
    /usr/bin/python3 - "$name" "$work/$name/result.h5" $limit <<'PY' || exit 1
import h5py, sys
error = float(h5py.File(sys.argv[2])['report/relative_l2'][()])
print('%-28s error %.1e, allowed %s' % (sys.argv[1], error, sys.argv[3]))
sys.exit(0 if error <= float(sys.argv[3]) else 1)
PY
done
