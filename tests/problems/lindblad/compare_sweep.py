#!/usr/bin/python3
"""Compare /sweep of a run with a reference table (CSV; the first column is the parameter times FACTOR).

   compare_sweep.py RUN_FOLDER TABLE.csv FACTOR TOLERANCE"""
import csv
import sys
import h5py
import numpy as np

with open(sys.argv[2]) as f:
    rows = list(csv.reader(f))
factor, tolerance = float(sys.argv[3]), float(sys.argv[4])
data = np.array([[float(x) for x in r] for r in rows[1:]])
sweep = h5py.File(sys.argv[1] + "/result.h5")["sweep"]
bad = np.abs(sweep["parameter"][:] * factor - data[:, 0]).max() > 1e-12
for k, name in enumerate(rows[0]):
    if k and name in sweep["observables"]:
        distance = np.abs(sweep["observables"][name][:] - data[:, k]).max()
        print(f"  {name} {distance:.2e}")
        bad |= not distance <= tolerance
sys.exit(1 if bad else 0)
