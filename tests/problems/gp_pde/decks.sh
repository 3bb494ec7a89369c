#!/usr/bin/env bash
# Every deck that users may copy: large ones and trainings are checked, the rest run to the end, with the error that their comments and the README promise (to two digits' margin).
#   decks.sh PROGRAM FOLDER
set -u
program=$1 folder=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$work"
for deck in "$folder"/*.yaml; do
    name=$(basename "$deck" .yaml)
    "$program" check "$deck" >"$work/check" 2>&1 || { echo "$name: check: $(cat "$work/check")"; exit 1; }
    case $name in
    *_large | reference_* | broadband_*) continue ;;
    noisy_*) limit=1e-2 ;;
    boundary_layer | helmholtz_2d) limit=1e-8 ;;
    *) limit=1e-9 ;;
    esac
    "$program" run "$deck" --output "$work/$name" --quiet 2>"$work/err" || { echo "$name: exit $?: $(cat "$work/err")"; exit 1; }
    /usr/bin/python3 - "$name" "$work/$name/result.h5" $limit <<'PY' || exit 1
import h5py, sys
error = float(h5py.File(sys.argv[2])['report/relative_l2'][()])
print('%-28s error %.1e, allowed %s' % (sys.argv[1], error, sys.argv[3]))
sys.exit(0 if error <= float(sys.argv[3]) else 1)
PY
done
