#!/usr/bin/python3
"""Compare the series of a run with a reference table (CSV, first column t, others named as in the deck).

   compare_table.py RUN_FOLDER TABLE.csv TOLERANCE [COLUMN=OBSERVABLE ...]

Exit 0 if every column agrees to the tolerance at every row; prints the largest distance of each column."""
import csv
import sys
import h5py
import numpy as np


def main():
    folder, table, tolerance = sys.argv[1], sys.argv[2], float(sys.argv[3])
    renamed = dict(a.split("=", 1) for a in sys.argv[4:])
    with open(table) as f:
        rows = list(csv.reader(f))
    names, data = rows[0], np.array([[float(x) for x in r] for r in rows[1:]])
    series = h5py.File(folder + "/series.h5")
    if len(series["time"]) != len(data):
        print(f"{len(series['time'])} rows, the table has {len(data)}")
        return 1
    worst = np.abs(series["time"][:] - data[:, 0]).max()
    print(f"  time {worst:.2e}")
    bad = worst > 1e-9
    for k, name in enumerate(names[1:], 1):
        wanted = renamed.get(name, name)
        if wanted == "-":
            continue
        distance = np.abs(series["observables"][wanted][:] - data[:, k]).max()
        print(f"  {name} {distance:.2e}{'' if distance <= tolerance else '  TOO LARGE, allowed ' + str(tolerance)}")
        bad |= not distance <= tolerance
    return 1 if bad else 0


sys.exit(main())
