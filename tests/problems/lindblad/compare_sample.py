#!/usr/bin/python3
"""Compare means over trajectories with a reference table (CSV, first column t, others named as in the deck).

   compare_sample.py RUN_FOLDER TABLE.csv K FLOOR

Every value must be within K of its standard errors plus FLOOR (the stated error of the splitting), and the errors must mean something: positive wherever the value is random. Exit 0 if all are."""
import csv
import sys
import h5py
import numpy as np


def main():
    folder, table, allowed, floor = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    with open(table) as f:
        rows = list(csv.reader(f))
    names, data = rows[0], np.array([[float(x) for x in r] for r in rows[1:]])
    series = h5py.File(folder + "/series.h5")
    if len(series["time"]) != len(data) or np.abs(series["time"][:] - data[:, 0]).max() > 1e-9:
        print(f"{len(series['time'])} rows, the table has {len(data)}, or the times differ")
        return 1
    bad = False
    compared = 0
    for k, name in enumerate(names[1:], 1):
        if name not in series["observables"]:
            continue
        compared += 1
        error = series["stderr"][name][:]
        distance = np.abs(series["observables"][name][:] - data[:, k])
        sigmas = (np.maximum(distance - floor, 0)[1:] / np.maximum(error[1:], 1e-300)).max()
        print(f"  {name}: largest distance {distance.max():.2e}, {sigmas:.2f} standard errors, largest standard error {error.max():.2e}")
        bad |= not sigmas <= allowed or not 1e-4 < error.max() < 0.1 or distance[0] > 1e-12
    if compared != len(series["observables"]):
        print(f"{compared} columns of {len(series['observables'])} are in the table")
        return 1
    return 1 if bad else 0


sys.exit(main())
