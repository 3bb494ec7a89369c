#!/usr/bin/env bash
# Install what tessera needs on Debian 12 (and its relatives): as root or through sudo; otherwise print the line to run and exit with 1. Does nothing,
# and asks for nothing, when everything is there.
#
#   bash jobscripts/install_dependencies.sh [--tests]
#
# With --tests also what only tests use (SLURM, fault injection, a false clock, valgrind, namespaces): where these cannot be installed, the tests that want
# them are skipped with a message, so that is said and no failure.
# At a site with libraries of its own (PETSC_DIR is set) nothing is installed: CMake says what is missing.
set -u

# One word per package; alternatives, any of which will do, are separated by | and the first is installed.
packages='build-essential cmake pkg-config libopenmpi-dev openmpi-bin libpetsc-real-dev libslepc-real-dev libfftw3-dev libfftw3-mpi-dev
libhdf5-openmpi-dev hdf5-tools libyaml-dev libopenblas-pthread-dev|libopenblas-openmp-dev|libopenblas-serial-dev librandom123-dev zlib1g-dev
gnuplot-nox|gnuplot-qt|gnuplot-x11 python3-h5py'

test_packages='slurm-wlm munge fiu-utils faketime valgrind iproute2'

say() { printf '%s\n' "tessera: $*" >&2; }

if [ -n "${PETSC_DIR:-}" ]; then
    say "PETSC_DIR is set: using this site's libraries, nothing is installed"
    exit 0
fi
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    say "this is not a Debian system: install Open MPI, PETSc and SLEPc (real, double), FFTW with MPI, parallel HDF5, libyaml, OpenBLAS,"
    say "Random123, zlib, gnuplot and CMake by its own means (or set PETSC_DIR); CMake says what it does not find"
    exit 0
fi

is_installed() { case $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) in installed) return 0 ;; *) return 1 ;; esac; }

find_missing() { # find_missing WORD...: sets `missing`
    local word package found
    missing=()
    for word; do
        found=no
        for package in ${word//|/ }; do
            if is_installed "$package"; then found=yes; fi
        done
        [ $found = yes ] || missing+=("${word%%|*}")
    done
}

# 0: done; 1: this user may not, and has been told what to type; 2: it failed
install_missing() {
    local update install as_root
    update=(apt-get -o DPkg::Lock::Timeout=300 update)
    install=(apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}")
    if [ "$(id -u)" = 0 ]; then
        as_root=(env)
    elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=(sudo env) # with a terminal it may ask for the password
    else
        say "these packages are missing; a user who may install them runs:"
        printf '%s\n' "  apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    say "installing ${missing[*]}"
    # A list that cannot be renewed may still do: the installation decides.
    "${as_root[@]}" DEBIAN_FRONTEND=noninteractive "${update[@]}" >&2 || say "apt-get update failed; trying with the lists that are there"
    if ! "${as_root[@]}" DEBIAN_FRONTEND=noninteractive "${install[@]}" >&2; then
        say "the installation failed; by hand:"
        printf '%s\n' "  apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}" >&2
        return 2
    fi
}

# shellcheck disable=SC2086
find_missing $packages
if [ ${#missing[@]} -gt 0 ]; then install_missing || exit 1; fi
if [ "${1:-}" = --tests ]; then
    # shellcheck disable=SC2086
    find_missing $test_packages
    if [ ${#missing[@]} -gt 0 ]; then install_missing || say "without ${missing[*]} some tests are skipped"; fi
fi
exit 0
