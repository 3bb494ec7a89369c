#!/usr/bin/env bash
# The first hour of a user: a fresh clone in a folder with a space in its name, one command from another directory, results; the same command again.
#
#   bash tests/jobs/fresh_clone.sh [REPOSITORY [USER]]
#
# REPOSITORY  what to clone, default the one that this file is in
# USER        do it as this user (root may ask so), default the present one
# Builds everything, so it takes minutes and is not among the tests. Exit status: 0 all as promised, 1 not.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
repository=${1:-$here} user=${2:-}
work=$(mktemp -d /tmp/"tessera fresh.XXXXXX") || exit 1
trap 'status=$?; [ $status = 0 ] && rm -rf "$work"; exit $status' EXIT
fail() { echo "FAILED: $* (see $work)" >&2; exit 1; }
as() { if [ -n "$user" ]; then setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$work" "$@"; else "$@"; fi; }

git clone --quiet "$repository" "$work/a clone" || fail "git clone"
mkdir "$work/runs"
[ -z "$user" ] || chown -R "$user" "$work"
cd "$work/runs" || exit 1
t0=$SECONDS
as bash "$work/a clone/jobscripts/workstation.sh" "$work/a clone/input_decks/gp_pde/quickstart.yaml" >first.txt 2>&1 || { tail -n 20 first.txt; fail "the first call"; }
echo "clone to results: $((SECONDS - t0)) s"
grep -q relative_l2 first.txt || fail "no report"
[ -s quickstart.out/result.h5 ] && ls quickstart.out/plots/*.png >/dev/null || fail "no results, or no figures"
t0=$SECONDS
as bash "$work/a clone/jobscripts/workstation.sh" "$work/a clone/input_decks/gp_pde/quickstart.yaml" >second.txt 2>&1 || fail "the second call"
echo "called again: $((SECONDS - t0)) s"
grep -q "this run is finished" second.txt || fail "the second call does not show the finished run"
[ -z "$(cd "$work/a clone" && as git status --porcelain)" ] || fail "the clone is not clean"
echo "as promised${user:+, as $user}"
