#!/usr/bin/env bash
# Tests under the address, leak and undefined-behaviour sanitizers, on 1 and 3 ranks, in a build folder of their own.
#
#   bash tests/sanitize.sh [--all] [options of ctest]
#
# Without --all the part that tests/run.sh runs: the rooms that handle memory by hand, and the driver through the test kind (about 4 minutes on two cores with
# the build). With --all every test of the labels unit, problem and restart (three quarters of an hour); the latest result is in tests/sanitize.md.
# Settings in the environment: TESSERA_BUILD_SANITIZE (default: build-sanitize in the sources), TESSERA_TEST_JOBS (default: all cores).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 3
# shellcheck source=jobscripts/common.sh
. "$here/jobscripts/common.sh"
all=no
if [ "${1:-}" = --all ]; then all=yes; shift; fi
export TESSERA_BUILD="${TESSERA_BUILD_SANITIZE:-$here/build-sanitize}"
units=(partition sum state error file checkpoint series report compare deck expr grid field)

if [ $all = yes ]; then
    targets=(all)
    chosen=(-L '^(unit|problem|restart|sanitize)$' -E '\.np([24-9]|[1-9][0-9])$|^install$')
else
    targets=(tessera_heat planted "${units[@]/#/test_unit_}")
    chosen=(-R "^(unit/($(IFS='|'; echo "${units[*]}"))\.np[13]|contract/heat/(restart|nan|plot|describe)|sanitize/.*)\$")
fi
tessera_environment
tessera_build "$here" "${targets[0]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTES_SANITIZE=ON -DTES_WERROR=ON -DTES_TESTS=ON || exit $?
cmake --build "$TESSERA_BUILD" --parallel "$(tessera_cores)" --target "${targets[@]}" >>"$TESSERA_BUILD/build.log" 2>&1 || { tail -n 40 "$TESSERA_BUILD/build.log" >&2; exit 3; }
unset OMPI_MCA_odls_base_sigkill_timeout
cd "$TESSERA_BUILD" && exec ctest -j "${TESSERA_TEST_JOBS:-$(tessera_cores)}" --output-on-failure "${chosen[@]}" "$@"
