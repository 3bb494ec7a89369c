#!/usr/bin/env bash
# Set up, build with warnings as errors, run all tests.
#
#   bash tests/run.sh [options of ctest]         e.g. -L unit, -R restart
#
# Settings in the environment: TESSERA_BUILD (default: build in the sources), TESSERA_NO_INSTALL=1, TESSERA_TEST_JOBS (default: all cores).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 3
# shellcheck source=jobscripts/common.sh
. "$here/jobscripts/common.sh"
[ -n "${TESSERA_NO_INSTALL:-}" ] || bash "$here/jobscripts/install_dependencies.sh" || exit 1
tessera_build "$here" all -DTES_WERROR=ON -DTES_TESTS=ON || exit $?
tessera_environment
unset OMPI_MCA_odls_base_sigkill_timeout # tests choose it themselves
cd "${TESSERA_BUILD:-$here/build}" && exec ctest -j "${TESSERA_TEST_JOBS:-$(tessera_cores)}" --output-on-failure "$@"
