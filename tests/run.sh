#!/usr/bin/env bash
# Install what is missing, build, run all tests. Further arguments go to ctest (-L unit, -R contract/...).
#   bash tests/run.sh [ctest options]
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=${TESSERA_BUILD:-$PWD/build}

bash jobscripts/install_dependencies.sh || exit 1
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DTES_WERROR=ON || exit 1
cmake --build "$build" -j "$(nproc)" || exit 1
cd "$build" && exec ctest -j "$(nproc)" --output-on-failure "$@"
