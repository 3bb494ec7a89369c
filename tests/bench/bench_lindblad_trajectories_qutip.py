#!/usr/bin/python3
"""The trajectories of bench_lindblad_trajectories by QuTiP's mcsolve: seconds of processor time per trajectory, one process.

   Transverse-field Ising ring (V = 2, g = 1, gamma = 1), all up, T = 5, 51 outputs of the mean of Z, rtol 1e-8, atol 1e-10. The set-up of the operators is not counted.
   Run: OMP_NUM_THREADS=1 bench_lindblad_trajectories_qutip.py [sites ...]   (Debian: python3-qutip)"""
import sys
import time

import numpy as np
import qutip


def ring(n):
    def on(op, site):
        return qutip.tensor([op if m == site else qutip.qeye(2) for m in range(n)])

    z = [on(qutip.sigmaz(), m) for m in range(n)]
    hamiltonian = sum(0.5 * z[m] * z[(m + 1) % n] + 0.5 * on(qutip.sigmax(), m) for m in range(n))
    jumps = [on(qutip.sigmap().dag(), m) for m in range(n)]
    start = qutip.tensor([qutip.basis(2, 0)] * n)
    return hamiltonian, start, jumps, sum(z) / n


print("| sites | QuTiP mcsolve, ms per trajectory |\n|---|---|")
for n in [int(a) for a in sys.argv[1:]] or [10, 14]:
    hamiltonian, start, jumps, mean = ring(n)
    options = qutip.Options(rtol=1e-8, atol=1e-10, num_cpus=1, nsteps=100000)
    count = 4 if n > 12 else 20
    best = np.inf
    for repeat in range(2):
        begin = time.process_time()
        qutip.mcsolve(hamiltonian, start, np.linspace(0, 5, 51), jumps, [mean], ntraj=count, options=options, progress_bar=None)
        best = min(best, (time.process_time() - begin) / count)
    print(f"| {n} | {1e3 * best:.0f} |")
