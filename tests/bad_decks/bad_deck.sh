#!/usr/bin/env bash
# A deck with a mistake: the message must be the expected one, the exit code 2, and nothing may be written.
#
#   bad_deck.sh PROGRAM DECK COMMAND...        COMMAND: check, run
#   bad_deck.sh PROGRAM DECK once              two ranks, one message
#
# Beside NAME.yaml stand NAME.expect (text that must appear on stderr: whole lines, or a part of one where the rest will change; paths as from this folder, WORK for
# that of the test, `(known: ...)` for lists of names, which grow), and where needed
#   NAME.options   options of the command, one a line
#   NAME.first     a deck that is run first, into the folder that NAME.yaml is then to go on in
# With TESSERA_WRITE_EXPECT=1 the expected text is written instead of compared: read it before it is committed.
set -u
program=$1 deck=$(basename "$2") name=$(basename "$2" .yaml); shift 2
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera bad deck.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
options=()
[ ! -e "$name.options" ] || mapfile -t options <"$name.options"

fail() { echo "FAILED: $*" >&2; for f in "$work"/*.err; do echo "--- $(basename "$f")" >&2; cat "$f" >&2; done; exit 1; }
# folders, and names, sizes, times and sums of all files, that a run has written; the lock is the run's own and goes with it
written() { [ ! -e "$work/out" ] || (cd "$work/out" && find . -type d | sort && find . -type f ! -name lock -printf '%p %s %T@\n' | sort && find . -type f ! -name lock -exec cksum {} + | sort); }
expect() { # expect FILE: the text of NAME.expect stands in it, as one piece
    local said want
    sed -i -e "s|$work|WORK|g" -e 's/(known: [^)]*)/(known: ...)/' "$1"
    if [ -n "${TESSERA_WRITE_EXPECT:-}" ]; then cp "$1" "$name.expect"; return; fi
    said=$(<"$1") want=$(<"$name.expect")
    [ -s "$name.expect" ] || fail "$name.expect is missing or empty"
    [[ $said == *"$want"* ]] || fail "$(basename "$1") lacks the expected text: $(diff "$name.expect" "$1")"
}

if [ "$1" = once ]; then
    mpirun -n 2 "$program" check "$deck" ${options[@]+"${options[@]}"} >"$work/two.out" 2>"$work/two.err"
    TESSERA_WRITE_EXPECT='' expect "$work/two.err"
    while IFS= read -r line; do
        [ "$(grep -cxF -- "$line" "$work/two.err")" = "$(grep -cxF -- "$line" "$name.expect")" ] || fail "not said once: $line"
    done <"$name.expect"
    exit 0
fi

# What one rank does not need is not looked for: 0.1 s in place of 0.5 s. Isolated starts at the same time must not share a session folder.
export OMPI_MCA_pml=ob1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$work"

if [ -e "$name.first" ]; then
    cp "$name.first" "$work/first.yaml"
    "$program" run "$work/first.yaml" --output "$work/out" --quiet >"$work/first.out" 2>"$work/first.err"; got=$?
    [ $got = 0 ] || [ $got = 75 ] || fail "the first deck ends with $got"
fi
before=$(written)
for command in "$@"; do
    more=()
    [ "$command" != run ] || more=(--output "$work/out")
    "$program" "$command" "$deck" ${more[@]+"${more[@]}"} ${options[@]+"${options[@]}"} >"$work/$command.out" 2>"$work/$command.err"; got=$?
    [ $got = 2 ] || fail "$command: exit $got, wanted 2"
    expect "$work/$command.err"
    [ "$(written)" = "$before" ] || fail "$command: something was written: $(diff <(echo "$before") <(written))"
    [ ! -e "$name.out" ] || fail "$command: $name.out was made"
done
