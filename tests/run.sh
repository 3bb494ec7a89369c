#!/usr/bin/env bash
# Set up, build with warnings as errors, run all tests; then a part of them once more under sanitizers.
#
#   bash tests/run.sh [options of ctest]         e.g. -L unit, -R restart; with options the sanitizers are left out
#
# What takes longer has its own command: tests/sanitize.sh --all, tests/valgrind.sh, ctest -C long (contract cases left out here), tests/faults/soak.py, tests/jobs/fresh_clone.sh.
# Settings in the environment: TESSERA_BUILD (default: build in the sources), TESSERA_NO_INSTALL=1, TESSERA_TEST_JOBS (default: all cores).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 3
# shellcheck source=jobscripts/common.sh
. "$here/jobscripts/common.sh"
[ -n "${TESSERA_NO_INSTALL:-}" ] || bash "$here/jobscripts/install_dependencies.sh" --tests || exit 1
tessera_build "$here" all -DTES_WERROR=ON -DTES_TESTS=ON || exit $?
tessera_environment
unset OMPI_MCA_odls_base_sigkill_timeout # tests choose it themselves
code=0
(cd "${TESSERA_BUILD:-$here/build}" && exec ctest -j "${TESSERA_TEST_JOBS:-$(tessera_cores)}" --output-on-failure "$@") || code=$?
if [ $# = 0 ]; then bash "$here/tests/sanitize.sh" || code=$?; fi
exit $code
