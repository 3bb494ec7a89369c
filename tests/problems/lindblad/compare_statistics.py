#!/usr/bin/python3
"""Compare a run of trajectories with one of the density solver: every observable at every output within K standard errors.

   compare_statistics.py DENSITY_FOLDER TRAJECTORIES_FOLDER K [FLOOR]

FLOOR is added to the standard errors (integrator tolerance). Exit 0 if all agree."""
import sys
import h5py
import numpy as np

exact, sampled, allowed = h5py.File(sys.argv[1] + "/series.h5"), h5py.File(sys.argv[2] + "/series.h5"), float(sys.argv[3])
floor = float(sys.argv[4]) if len(sys.argv) > 4 else 1e-6
bad = False
assert len(exact["time"]) == len(sampled["time"]) and np.abs(exact["time"][:] - sampled["time"][:]).max() < 1e-9
for name in sampled["observables"]:
    if name not in exact["observables"]:
        continue
    distance = np.abs(exact["observables"][name][:] - sampled["observables"][name][:])
    error = sampled["stderr"][name][:] + floor
    print(f"  {name}: largest distance {distance.max():.2e}, {(distance / error).max():.2f} standard errors")
    bad |= not (distance <= allowed * error).all()
sys.exit(1 if bad else 0)
