#!/usr/bin/env bash
# Install what tessera stands on (Debian 12). Needs root or sudo only if something is missing; otherwise prints the line to run.
#   bash jobscripts/install_dependencies.sh
set -u
packages="build-essential cmake pkg-config libopenmpi-dev openmpi-bin libpetsc-real-dev libslepc-real-dev libfftw3-dev libfftw3-mpi-dev
libhdf5-openmpi-dev hdf5-tools libyaml-dev libopenblas-pthread-dev librandom123-dev zlib1g-dev gnuplot-nox python3-h5py"

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is no Debian: install MPI, PETSc and SLEPc (real), FFTW with MPI, parallel HDF5, libyaml, an optimised BLAS, Random123 and zlib by your site's means." >&2
    exit 0
fi
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086  # a list of words
if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "Packages are missing and you are not root. Run:" >&2
    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends -y$missing" >&2
    exit 1
fi
$as_root apt-get -o DPkg::Lock::Timeout=300 update -q || exit 1
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --no-install-recommends -y -q $missing
