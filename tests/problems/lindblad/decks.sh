#!/usr/bin/env bash
# Decks of input_decks/lindblad in a shortened form, and what tasks must agree on: decks.sh CASE PROGRAM SOURCE
set -eu
name=$1 program=$2 source=$3 decks=$3/input_decks/lindblad here=$3/tests/problems/lindblad
work=$(mktemp -d "${TMPDIR:-/tmp}/lindblad decks.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
run() { local n=$1 to=$2 deck=$3; shift 3; timeout 200 mpirun -n "$n" "$program" run "$decks/$deck.yaml" --output "$to" --quiet "$@"; }

case_sweep() { # 23 steady states against the table, on one rank and in groups
    run 1 one sweep_tfim; /usr/bin/python3 "$here/compare_sweep.py" one "$source/tests/reference/lindblad/p08_tfim_ring_steady_n4.csv" 2 1e-10
    run 3 three sweep_tfim; "$program" compare one three --rtol 1e-9
}
case_steady_tables() { # rings of six and of eight (every fourth point), and currents through a driven chain, against the tables
    local tables=$source/tests/reference/lindblad
    run 2 six sweep_tfim --set system.sites.0.count=6 --set "observables.7.on=[0, 3]"; /usr/bin/python3 "$here/compare_sweep.py" six "$tables/p08_tfim_ring_steady_n6.csv" 2 1e-10
    awk 'NR == 1 || NR % 4 == 2' "$tables/p08_tfim_ring_steady_n8.csv" >eight.csv
    run 2 eight sweep_tfim --set system.sites.0.count=8 --set "observables.7.on=[0, 4]" --set "sweep.keys={hamiltonian.1.coeff: [$(awk -F, 'NR > 1 { printf "%s%.17g", (NR > 2 ? ", " : ""), $1 / 2 }' eight.csv)]}"
    /usr/bin/python3 "$here/compare_sweep.py" eight eight.csv 2 1e-10
    sed 's/task: steady/task: sweep/' "$decks/boundary_xxz.yaml" >xxz.yaml
    printf 'sweep: {keys: {hamiltonian.2.coeff: [0, 0.5, 1, 1.5]}}\nsteady: {rtol: 1e-12}\n' >>xxz.yaml
    timeout 100 mpirun -n 2 "$program" run xxz.yaml --output xxz --quiet
    sed 's/Z\([0-9]\)/Z_\1/g; s/,j\([0-9]\)/,j_\1/g' "$tables/p09_xxz_boundary_steady_n6.csv" >xxz.csv; /usr/bin/python3 "$here/compare_sweep.py" xxz xxz.csv 1 1e-8
}
case_mollow() { # the correlation against the table; spectrum by FFT and by the resolvent at the same frequencies; side peaks where they belong
    run 1 fft mollow --set time.end=20 --set time.output_every=0.02
    run 1 table mollow; /usr/bin/python3 "$here/compare_table.py" table "$source/tests/reference/lindblad/p10_mollow_corr.csv" 1e-8 Re=C_re Im=C_im
    run 1 resolvent mollow --set correlation.spectrum=resolvent --set "correlation.omega=[-8, 8]" --set correlation.points=33
    /usr/bin/python3 - <<'PY'
import h5py, numpy as np
a, b = h5py.File('fft/result.h5')['emission'], h5py.File('resolvent/result.h5')['emission']
near = np.interp(b['omega'][:], a['omega'][:], a['spectrum'][:])
print('fft against resolvent', np.abs(near - b['spectrum'][:]).max() / b['spectrum'][:].max())
assert np.abs(near - b['spectrum'][:]).max() < 0.01 * b['spectrum'][:].max()
w, s = a['omega'][:], a['spectrum'][:]
side = w[(w > 3) & (w < 7)][np.argmax(s[(w > 3) & (w < 7)])]
print('side peak at', side); assert abs(side - np.sqrt(25 - 1 / 16)) < 0.1
PY
}
case_restart() { # a steady state, a correlation and a sweep cut and gone on with give what they give uninterrupted
    local gcrot=(--set system.sites.0.count=7 --set steady.method=gcrot) # with the directions that it keeps: the same bits
    run 1 directions steady_tfim "${gcrot[@]}"
    run 2 later steady_tfim "${gcrot[@]}" --set run.steps=5 2>/dev/null || [ $? = 75 ]
    run 3 later steady_tfim "${gcrot[@]}" --restart --set parallel.transport=messages; "$program" compare directions later
    # a solve that is given too little ends with its history
    if run 1 short steady_tfim "${gcrot[@]}" --set steady.max_applications=70 2>short.err; then exit 1; else [ $? = 4 ]; fi
    grep -q "method gcrot has used steady.max_applications at .*last cycles: [0-9]*: [0-9.e+-]*, [0-9]*: " short.err
    for deck in steady_tfim mollow sweep_tfim; do
        short=(); [ $deck != mollow ] || short=(--set time.end=1)
        run 1 whole_$deck $deck ${short[@]+"${short[@]}"}
        run 1 cut_$deck $deck ${short[@]+"${short[@]}"} --set run.steps=2 2>/dev/null || [ $? = 75 ]
        run 2 cut_$deck $deck ${short[@]+"${short[@]}"} --restart
        "$program" compare whole_$deck cut_$deck --rtol 1e-7
    done
}
case_ladder() { # each method of the ladder by its key: the site preconditioner cut and gone on with to the same bits by other ranks and transport; where it is useless it says so; auto leaves it for the next one
    local sites=(--set steady.method=kronecker --set hamiltonian.1.coeff=1.2 --set hamiltonian.0.coeff=0.5 --set "jumps.0.rate=1" --set steady.check_unique=false)
    run 1 whole steady_tfim "${sites[@]}"
    run 2 later steady_tfim "${sites[@]}" --set run.steps=1 2>/dev/null || [ $? = 75 ]
    run 3 later steady_tfim "${sites[@]}" --restart --set parallel.transport=messages; "$program" compare whole later
    # strong coupling, weak damping: no answer, and a history
    if run 1 hard steady_tfim --set steady.method=kronecker --set hamiltonian.0.coeff=1.5 --set hamiltonian.1.coeff=1.2 --set "jumps.0.rate=0.3" 2>hard.err; then exit 1; else [ $? = 4 ]; fi
    grep -q "method kronecker .* at .*last cycles: [0-9]*: [0-9.e+-]*" hard.err
    # in between: auto begins with the sites, sees that they gain too little, begins anew without them, across a restart too
    local between=(--set system.sites.0.count=9 --set hamiltonian.0.coeff=1.9 --set hamiltonian.1.coeff=0.6 --set steady.rtol=1e-6)
    timeout 200 mpirun -n 2 "$program" run "$decks/steady_tfim.yaml" --output between "${between[@]}" >said; grep -q "kronecker gains less than a factor of ten in 60 applications at .*; going on with gcrot" said
    run 1 parts steady_tfim "${between[@]}" --set run.steps=6 2>/dev/null || [ $? = 75 ]
    run 2 parts steady_tfim "${between[@]}" --restart; "$program" compare between parts
}
case_warnings() { # what is sound but not what was meant: bonds counted twice, a cut-off reached, with its time; more ranks than can work
    printf 'problem: lindblad\nsystem: {sites: [{count: 2}], lattice: {kind: chain, periodic: true}}\nhamiltonian: [{ops: [Z, Z], on: bonds}]\ntime: {end: 0.1}\n' >two.yaml
    timeout 60 "$program" check two.yaml >said 2>&1; grep -q "warning: the lattice is periodic with length 2: the same pair of sites is a bond twice, and terms on bonds count twice" said
    printf 'problem: lindblad\nsystem: {sites: [{dim: 5}]}\nhamiltonian: [{ops: [a], on: [0], hc: true}]\njumps: [{ops: [a], on: [0], rate: 0.1}]\ntime: {end: 2}\n' >driven.yaml
    timeout 60 "$program" run driven.yaml --output driven >said 2>&1; grep -q "warning: at t = [0-9.]* the highest level of a site holds .*: raise the cut-off" said
    timeout 60 mpirun -n 3 "$program" run two.yaml --output few >said 2>&1; grep -q "1 of 3 ranks can work on this problem, the others idle" said
    # a checkpoint of another model: refused, with what differs
    run 1 other steady_tfim --set run.steps=1 2>/dev/null || [ $? = 75 ]
    if run 1 other steady_tfim --restart --set jumps.0.rate=0.6 2>said; then exit 1; else [ $? = 2 ]; fi
    grep -q "jumps\[0\].rate: \[1\(.0\)*\] in the checkpoint, \[0.6\] now" said
}
case_short() { # every deck runs
    run 2 xyz xyz_square --set time.end=0.1
    run 1 bh bose_hubbard_dimer --set time.end=0.4
    run 1 spectrum spectrum_tfim --set system.sites.0.count=3
    run 2 cavities eight_cavities --set system.sites.0.count=4 --set "initial.product=[\"fock:1\", \"fock:0\", \"fock:0\", \"fock:0\"]"
    run 2 traj tfim_trajectories --set system.sites.0.count=6 --set until.max=64 --set until.stderr=0.2 --set time.end=0.5
    run 1 xxz boundary_xxz; run 1 kerr kerr_cavity
    run 1 dephasing dephasing_ring --set time.end=0.2; run 1 pulse pulsed_chain
    run 2 big xyz_4x4_trajectories --set "system.lattice.size=[3, 3]" --set system.sites.0.count=9 --set until.max=16 --set time.end=0.2
    run 2 cooling thermal_cavity_trajectories --set until.max=128 --set time.end=0.5
    /usr/bin/python3 - <<'PY'
import h5py
run = h5py.File('pulse/series.h5')['observables'] # a pulse of area pi turns the first spin over but for what leaves it meanwhile; the last spin is reached later
first, last = run['excited_0'][:], run['excited_5'][:]
print('first', first.max(), 'last', last.max())
assert first[0] == 0 and first.max() > 0.9 and last[:10].max() < 0.01 and last.max() > 0.4
PY
    for figure in xyz spectrum traj; do "$program" plot $figure; done
    [ -s xyz/plots/observables.png ] && [ -s traj/plots/errors.png ] && [ -s spectrum/plots/spectrum.png ] && [ ! -e spectrum/plots/observables.png ] # what is no function of time is not drawn as one
}
case_povm() { # decks of the network solver: errors against the density solver, which runs beside them; ranks; restart; figures; all orders of sites; a state with zeros of the POVM
    for g in 0.25 0.5 1.2; do
        run 1 steady$g povm_steady_tfim --set hamiltonian.1.coeff=$g >/dev/null
        /usr/bin/python3 -c "import h5py; e = h5py.File('steady$g/result.h5')['report/largest_error'][()]; r = h5py.File('steady$g/result.h5')['report/rms_e'][()]; print('g/2 = $g, 4 spins, steady: error', e, 'rms e', r); assert e < 0.01 and r < 0.35"
    done
    run 1 whole povm_steady_tfim --set steady.t_max=1 >/dev/null # the same bits on other ranks and after a stop
    run 2 cut povm_steady_tfim --set steady.t_max=1 --set run.steps=7 >/dev/null 2>&1 || [ $? = 75 ]
    run 1 cut povm_steady_tfim --set steady.t_max=1 --restart >/dev/null; "$program" compare whole cut
    run 1 dynamics povm_dynamics_tfim --set time.end=1 >/dev/null
    /usr/bin/python3 -c "import h5py; e = h5py.File('dynamics/result.h5')['report/largest_error'][()]; print('6 spins to t = 1: error', e); assert e < 0.015"
    run 1 xyz povm_xyz_square --set time.end=0.01 --set time.output_every=0.01 --set samples.train=100 --set strings.kind=snakes2d --set samples.observe=1000 >/dev/null
    run 1 heisenberg povm_heisenberg_chain --set time.end=0.1 --set samples.train=200 --set samples.observe=5000 >/dev/null
    run 1 long povm_long_chain --set time.end=0.02 --set samples.train=200 --set samples.observe=2000 >/dev/null
    run 1 deep povm_steady_tfim --set steady.t_max=0.5 --set network.layers=2 --set network.layer_norm=pre --set network.heads=4 --set network.positional=learned --set step.integrator=rk4 >/dev/null
    run 1 list povm_steady_tfim --set steady.t_max=0.5 --set strings.kind=list --set "strings.list=[[0, 1, 2, 3], [2, 0, 3, 1]]" --set step.integrator=euler --set step.hmax=0.05 >/dev/null
    run 1 zeros povm_steady_tfim --set steady.t_max=0.5 --set "initial.product=[down]" --set povm.axes=z >/dev/null
    /usr/bin/python3 -c "import h5py; f = h5py.File('zeros/result.h5')['report/initial_fidelity'][()]; print('zeros of the POVM filled in: fidelity', f); assert 0.9999 < f < 1"
    run 1 mixed povm_steady_tfim --set steady.t_max=0.5 --set initial.mixed=true --set povm.kind=pauli4 --set samples.kind=exact >/dev/null
    for figure in dynamics steady0.5; do "$program" plot $figure; done
    ls dynamics/plots/errors.png dynamics/plots/tdvp.png
}
case_povm_paper() { # style: paper: what it reaches, the same bits on other ranks and after a stop, Gauss-Newton, the other loss, figures
    run 1 steady povm_paper_steady >/dev/null
    /usr/bin/python3 -c "import h5py; r = h5py.File('steady/result.h5')['report']; e, l = r['largest_error'][()], r['best_loss'][()]; print('4 spins, |L p|_1 by Adam: error', e, 'loss', l); assert e < 0.06 and l < 0.1"
    local few=(--set optimizer.steps=30 --set optimizer.best.from=10 --set optimizer.observe_every=10 --set samples.train=1000 --set loss=l2)
    run 1 whole povm_paper_steady "${few[@]}" >/dev/null
    run 2 cut povm_paper_steady "${few[@]}" --set run.steps=17 >/dev/null 2>&1 || [ $? = 75 ]
    run 1 cut povm_paper_steady "${few[@]}" --restart >/dev/null; "$program" compare whole cut
    few=(--set time.end=0.048 --set time.output_every=0.024 --set samples.train=300 --set step.inner_steps=20 --set optimizer.fresh=false --set network.kind=gru --set network.hidden=8)
    run 1 moved povm_paper_dynamics "${few[@]}" >/dev/null
    run 2 broken povm_paper_dynamics "${few[@]}" --set run.steps=3 >/dev/null 2>&1 || [ $? = 75 ]
    run 2 broken povm_paper_dynamics "${few[@]}" --restart >/dev/null; "$program" compare moved broken
    run 1 squares povm_paper_dynamics --set step.inner=gauss_newton --set step.inner_steps=2 --set step.tau=0.1 --set step.reg=1e-6 --set time.end=1 --set time.output_every=0.1 --set samples.train=300 >/dev/null
    /usr/bin/python3 -c "import h5py; e = h5py.File('squares/result.h5')['report/largest_error'][()]; print('4 spins to t = 1, trapezoid steps of 0.1 by Gauss-Newton: error', e); assert e < 0.03"
    for figure in steady squares; do "$program" plot $figure; done
    ls steady/plots/loss.png squares/plots/loss.png squares/plots/errors.png
}
case_povm_sweep() { # the points of a sweep on groups of ranks; errors against the exact values; the figure; evolutions
    local few=(--set "sweep.keys={hamiltonian.1.coeff: [0.25, 0.5, 1.2]}" --set samples.train=400 --set samples.observe=2000)
    run 1 one povm_sweep_tfim "${few[@]}" --set steady.t_max=0.5 >/dev/null
    run 2 cut povm_sweep_tfim "${few[@]}" --set steady.t_max=0.5 --set run.steps=1 >/dev/null 2>&1 || [ $? = 75 ]
    run 2 cut povm_sweep_tfim "${few[@]}" --set steady.t_max=0.5 --restart >/dev/null; "$program" compare one cut
    run 1 exact povm_sweep_tfim --set "sweep.keys={hamiltonian.1.coeff: [0.25, 1.2]}" >/dev/null
    /usr/bin/python3 -c "import h5py; e = h5py.File('exact/result.h5')['report/largest_error'][()]; print('sweep: error', e); assert e < 0.01"
    "$program" plot exact; ls exact/plots/sweep_exact.png
    run 1 evolve povm_sweep_tfim "${few[@]}" --set sweep.task=evolve --set time.end=0.2 --set time.output_every=0.1 >/dev/null
    run 1 density sweep_tfim --set sweep.task=evolve --set time.end=0.2 >/dev/null
}
case_povm_says() { # section 6 of what a user is told while a run goes on
    says() { local code=$1 text=$2; shift 2; set +e; timeout 100 "$program" run "$@" >says.out 2>says.err; local got=$?; set -e; [ "$got" = "$code" ] && grep -q -- "$text" says.out says.err || { echo "exit $got, wanted $code and: $text"; tail -n 20 says.err; exit 1; }; }
    local steady=$decks/povm_steady_tfim.yaml short=(--set steady.t_max=0.05 --set samples.observe=1000 --set verify=false)
    says 0 "warning: outcome 0 of site 0 has probability 0 in the initial state; .*povm: {kind: tetra, axes: symmetric} has none" "$steady" --output a "${short[@]}" --set povm.axes=z --set "initial.product=[down]"
    says 0 "warning: step.reg = 0.002 is outside of what works" "$steady" --output b "${short[@]}" --set step.reg=0.002
    says 0 "warning: residual 0[.][0-9]* while rms e = [0-9.]*: the network is too small or step.reg too large" "$steady" --output c "${short[@]}" --set network.hidden=2 --set network.ff=1 --set step.reg=0.9
    says 0 "49 connected configurations per sample" "$steady" --output d "${short[@]}"
    says 0 "67 connected configurations per sample" "$steady" --output e "${short[@]}" --set jumps.0.on=pairs --set "jumps.0.ops=[Sm, Sp]" # jumps on sites that are no neighbours
    says 4 "not finite, or all samples are one configuration.*raise step.reg, lower step.cap" "$steady" --output f --set step.integrator=euler --set step.cap=1e6 --set step.hmax=50 --set steady.t_max=200 --set time.output_every=50 --set checkpoint.every_steps=1
    ls f/checkpoint/*.h5; for h5 in f/checkpoint/*.h5; do "$program" info $h5 >/dev/null; done # the last good states are there
    says 4 "lower optimizer.learning_rate or step.tau" "$decks/povm_paper_steady.yaml" --output g --set optimizer.learning_rate=3 --set checkpoint.every_steps=1
    ls g/checkpoint/*.h5
}
case_spectrum() { # the filtered Krylov method finds what the dense one does
    run 1 dense spectrum_tfim; run 2 krylov spectrum_tfim --set system.sites.0.count=6; run 1 six spectrum_tfim --set system.sites.0.count=6 --set spectrum.count=10
    "$program" compare krylov/result.h5 krylov/result.h5
    /usr/bin/python3 - <<'PY'
import h5py
a, b = h5py.File('krylov/result.h5')['report'], h5py.File('six/result.h5')['report']
assert abs(a['gap'][()] - b['gap'][()]) < 1e-8, (a['gap'][()], b['gap'][()])
assert a['zero_eigenvalues'][()] == 1 and a['worst_residual'][()] < 1e-6
PY
}
case_members() { # states held by one rank, by two in parts with messages, by two groups of two, and by parts after a restart: the same bits
    local few=(--set system.sites.0.count=14 --set until.max=6 --set until.stderr=0 --set time.end=0.5 --set trajectories.block=3)
    run 1 alone tfim_trajectories "${few[@]}"
    timeout 200 mpirun -n 2 "$program" run "$decks/tfim_trajectories.yaml" --output parts "${few[@]}" --set trajectories.members=2 --set trajectories.memory=messages >out
    grep -q "held in parts by 2 ranks" out
    run 4 groups tfim_trajectories "${few[@]}" --set trajectories.members=2 --set trajectories.memory=messages
    run 1 cut tfim_trajectories "${few[@]}" --set run.steps=1 2>/dev/null || [ $? = 75 ]
    run 3 cut tfim_trajectories "${few[@]}" --restart --set trajectories.members=3 --set trajectories.memory=messages
    for other in parts groups cut; do "$program" compare alone $other; done
}
case_messages() { # ranks that share memory, and ranks that send messages: the same bits for every task, also after a restart that changes ranks and messages
    local small=(--set time.end=0.5) ten=(--set system.sites.0.count=10 --set time.end=0.02 --set time.output_every=0.01 --set observables.9.name=trace)
    run 1 one tfim_ring "${small[@]}"; run 1 ten tfim_ring "${ten[@]}"
    for way in exchange remap; do
        run 2 two_$way tfim_ring "${ten[@]}" --set parallel.transport=$way; "$program" compare ten two_$way
        run 4 four_$way tfim_ring "${ten[@]}" --set parallel.transport=$way --set parallel.buffer=0.1; "$program" compare ten four_$way
    done
    timeout 60 mpirun -n 2 "$program" run "$decks/tfim_ring.yaml" --output said "${ten[@]}" --set parallel.transport=messages >out; grep -q "ranks send messages: exchange, 4.194 MB" out
    for kind in dp5 lsrk4 strang4 krylov; do
        run 1 one_$kind tfim_ring "${small[@]}" --set integrator.kind=$kind
        run 4 four_$kind tfim_ring "${small[@]}" --set integrator.kind=$kind --set parallel.transport=messages; "$program" compare one_$kind four_$kind
    done
    run 4 cut tfim_ring "${small[@]}" --set parallel.transport=exchange --set run.steps=3 2>/dev/null || [ $? = 75 ]
    run 2 cut tfim_ring "${small[@]}" --set parallel.transport=shared --set run.steps=4 --restart 2>/dev/null || [ $? = 75 ]
    run 2 cut tfim_ring "${small[@]}" --set parallel.transport=messages --restart; "$program" compare one cut
    for deck in steady_tfim spectrum_tfim mollow bose_hubbard_dimer; do
        short=(); [ $deck != mollow ] || short=(--set time.end=0.5); [ $deck != bose_hubbard_dimer ] || short=(--set time.end=0.4)
        run 2 shared_$deck $deck ${short[@]+"${short[@]}"}
        run 2 messages_$deck $deck ${short[@]+"${short[@]}"} --set parallel.transport=messages; "$program" compare shared_$deck messages_$deck
    done
    run 3 sweep sweep_tfim --set sweep.batch=2 --set parallel.transport=messages; run 1 single sweep_tfim --set sweep.batch=2; "$program" compare sweep single
}
case_initial() { # thermal and mixed states, a state from another run's checkpoint, a user's operator, a table in time
    printf 't, f\n0, 0\n1, 1\n2, 1\n' > ramp.csv
    cat > thermal.yaml <<'Y'
problem: lindblad
system: {sites: [{count: 2}], lattice: {kind: chain}}
operators: {P: {dim: 2, matrix: [[1, 0], [0, 0]]}}
hamiltonian:
  - {ops: [Z], on: sites, coeff: 0.5}
  - {ops: [X], on: sites, coeff: 0.3, time: {kind: table, file: ramp.csv}}
initial: {thermal: 0.7}
time: {end: 0.5, output_every: 0.5}
observables: [{name: Z, ops: [Z], on: sites}, {name: P, ops: [P], on: [0]}]
Y
    timeout 60 "$program" run thermal.yaml --output thermal --quiet
    sed 's/thermal: 0.7/checkpoint: thermal\/checkpoint\/000002.h5/; s/end: 0.5/start: 0.5, end: 1.0/' thermal.yaml > next.yaml
    timeout 60 "$program" run next.yaml --output next --quiet
    timeout 60 "$program" run thermal.yaml --output both --quiet --set time.end=1.0
    /usr/bin/python3 - <<'PY'
import h5py, numpy as np
t, n, b = (h5py.File(f + '/series.h5') for f in ('thermal', 'next', 'both'))
z = t['observables/Z'][:]
assert abs(z[0] + np.tanh(0.35)) < 1e-12, z[0]            # exp(-beta Z/2): <Z> = -tanh(beta/2)
assert abs(t['observables/P'][0] - (1 + z[0]) / 2) < 1e-12
assert abs(n['observables/Z'][-1] - b['observables/Z'][-1]) < 1e-7
PY
}
"case_$name"
