#!/usr/bin/python3
"""The evolution of bench_lindblad by QuTiP's mesolve and by this program, in one run: seconds of processor time on one core.

   Transverse-field Ising ring (V = 2, g = 1, gamma = 1), all up, T = 5, rtol 1e-8; QuTiP with atol 1e-10 and 51 outputs of the mean of Z (outputs cost it next to nothing), its Liouvillian built by
   hand first, as mesolve would. This program: state at T, whole run.
   Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 bench_lindblad_qutip.py build/tests/bench/bench_lindblad [sites]   (Debian: python3-qutip)"""
import subprocess
import sys
import time

import numpy as np
import qutip

program, n = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10


def on(op, site):
    return qutip.tensor([op if m == site else qutip.qeye(2) for m in range(n)])


row = subprocess.run([program, "evolve", str(n)], capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1].split("|")
ours, ours_z = float(row[4]), float(row[8])
z = [on(qutip.sigmaz(), m) for m in range(n)]
hamiltonian = sum(0.5 * z[m] * z[(m + 1) % n] + 0.5 * on(qutip.sigmax(), m) for m in range(n))
start = qutip.ket2dm(qutip.tensor([qutip.basis(2, 0)] * n))
begin = time.process_time()
liouvillian = qutip.liouvillian(hamiltonian, [on(qutip.sigmap().dag(), m) for m in range(n)])
built = time.process_time() - begin
begin = time.process_time()
result = qutip.mesolve(liouvillian, start, np.linspace(0, 5, 51), [], [sum(z) / n], options=qutip.Options(rtol=1e-8, atol=1e-10, nsteps=100000))
solved = time.process_time() - begin
theirs_z = result.expect[0][-1]
print("| evolve TFIM N = %d to T = 5 at 1e-8 | s CPU | Z at T |\n|---|---|---|" % n)
print("| tessera | %.2f | %.10f |" % (ours, ours_z))
print("| QuTiP %s mesolve | %.2f (and %.2f to build the Liouvillian) | %.10f |" % (qutip.__version__, solved, built, theirs_z))
print("| ratio | %.0f | %.1e |" % ((solved + built) / ours, ours_z - theirs_z))
