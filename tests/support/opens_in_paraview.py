"""pvbatch tests/support/opens_in_paraview.py FOLDER: every field that FOLDER/fields.xmf names reads in ParaView as h5py reads it. Exit 1 when one does not."""
import os
import sys
import xml.etree.ElementTree as tree

import h5py
import numpy as np
from paraview.simple import XDMFReader
from vtkmodules.util.numpy_support import vtk_to_numpy

folder = os.path.abspath(sys.argv[1])
names = os.path.join(folder, "fields.xmf")
reader = XDMFReader(FileNames=[names])
checked = 0
for grid in tree.parse(names).iter("Grid"):
    if grid.get("GridType") != "Uniform":
        continue
    reader.UpdatePipeline(float(grid.find("Time").get("Value")))
    mesh = reader.GetClientSideObject().GetOutputDataObject(0)
    while mesh.IsA("vtkMultiBlockDataSet"):
        mesh = mesh.GetBlock(0)
    for attribute in grid.iter("Attribute"):
        whole = attribute.find("DataItem")
        if whole.get("ItemType") == "HyperSlab":
            continue  # one component of several
        file, _, dataset = whole.text.strip().partition(":")
        stored = h5py.File(os.path.join(folder, file))[dataset][:]
        read = vtk_to_numpy(mesh.GetPointData().GetArray(attribute.get("Name")))
        if read.size != stored.size or not np.array_equal(read.ravel(), stored.ravel(), equal_nan=True):
            sys.exit(f"{dataset} of {file} reads otherwise in ParaView")
        checked += 1
print(f"{checked} fields as in ParaView")
