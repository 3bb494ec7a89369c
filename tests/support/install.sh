#!/usr/bin/env bash
# What an installation promises: install.sh BUILD
#
# Any prefix (here with a space in its name), no root; every header compiles alone through pkg-config without warnings; a program of a user's own links
# libtessera and runs; `uninstall` leaves nothing behind. Exit status: 0 passed, 1 failed.
set -u
build=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera install.XXXXXX") || exit 1
manifest=$build/install_manifest.txt # of the user's own installation, perhaps
[ -e "$manifest" ] && cp -p "$manifest" "$work/manifest"
trap '[ -e "$work/manifest" ] && cp -p "$work/manifest" "$manifest"; rm -rf "$work"' EXIT
prefix=$work/prefix
fail() { echo "FAILED: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$prefix" >"$work/install.log" 2>&1 || { cat "$work/install.log"; fail "cmake --install"; }
pc=$(find "$prefix" -name tessera.pc)
[ -n "$pc" ] || fail "no tessera.pc"
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
cflags=() libs=()
eval "cflags=($(pkg-config --cflags tessera))" || fail "pkg-config --cflags" # pkg-config escapes the space for a shell
eval "libs=($(pkg-config --libs tessera))" || fail "pkg-config --libs"

headers=0
for header in "$prefix"/include/tessera/*.h; do
    printf '#include <tessera/%s>\nint main(void) { return 0; }\n' "${header##*/}" >"$work/alone.c"
    cc -std=c17 -Wall -Wextra -Werror "${cflags[@]}" -fsyntax-only -O1 "$work/alone.c" || fail "${header##*/} does not compile alone"
    headers=$((headers + 1))
done
[ $headers -ge 10 ] || fail "only $headers headers were installed"
[ -e "$prefix/include/tessera/test.h" ] && fail "the test runner's header was installed"

cat >"$work/user.c" <<'END'
#include <tessera/driver.h>

static const TesProblemKind *const kinds[] = {NULL};

int main(int argc, char **argv) { return TesMain(argc, argv, kinds); }
END
cc -std=c17 -O1 "${cflags[@]}" "$work/user.c" -o "$work/user" "${libs[@]}" || fail "a user's program does not link"
LD_LIBRARY_PATH="$(dirname "$(dirname "$pc")")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$work/user" --version >"$work/version" 2>&1 || { cat "$work/version"; fail "a user's program does not run"; }
"$prefix/bin/tessera" --version >"$work/version.installed" 2>&1 || fail "the installed program does not run"
cmp "$work/version" "$work/version.installed" || fail "program and library are of two versions"
"$prefix/bin/tessera" list >/dev/null || fail "tessera list"

cmake --build "$build" --target uninstall >"$work/uninstall.log" 2>&1 || { cat "$work/uninstall.log"; fail "uninstall"; }
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || fail "uninstall left $left"
[ -d "$prefix/include/tessera" ] && fail "uninstall left the folder include/tessera"
echo "installed, $headers headers compiled alone, linked, run, removed"
