# Shell functions that the test scripts share; to be sourced by bash. A script sets $program (a tessera) and $work (its own folder, in which it stands).

# fail WHAT: the end of the test, with the last lines of what was said in its folder
fail() {
    local f
    echo "FAILED: $*" >&2
    for f in "$work"/*.err "$work"/*.log "$work"/*.txt "$work"/*/run.log; do
        [ -s "$f" ] && { echo "--- $f"; tail -n "${LINES_SHOWN:-15}" "$f"; } >&2
    done
    exit 1
}
skip() { echo "$*: skipped"; exit 77; }
need() { command -v "$1" >/dev/null || skip "no $1"; }
says() { grep -q -- "$2" "$1" || fail "$1 does not say '$2': $(tail -n 40 "$1")"; } # says FILE PATTERN
never() { ! grep -q -- "$2" "$1" || fail "$1 says '$2'"; }
want() { # want CODE WHAT COMMAND...
    local code=$1 what=$2 got
    shift 2
    "$@"
    got=$?
    [ $got = "$code" ] || fail "$what: exit $got, wanted $code"
}
# what a run folder says of itself
status_is() { [ "$(cut -d' ' -f1 <"$1/status")" = "$2" ] || fail "$1/status says '$(cat "$1/status")', wanted $2"; }
steps_of() { cut -d' ' -f2 <"$1/status"; }
newest() { ls "$1"/checkpoint/*.h5 | sort | tail -n 1; }
same() { "$program" compare "$1" "$2" >compare.out 2>&1 || fail "$1 and $2 differ: $(cat compare.out)"; } # to the last bit
