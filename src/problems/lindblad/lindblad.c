/* lindblad: open quantum systems, from a model of sites, Hamiltonian terms and jumps to observables.

     d rho/dt = -i [H(t), rho] + sum_k g_k(t) (J_k rho J_k+ - 1/2 {J_k+ J_k, rho})

   The deck becomes a model (model.c); a solver and a task, each a row of a table, do the rest: the exact density matrix as a real vector (density.c, liouville.c), matrix-free, its ranks sharing memory or
   sending messages. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lindblad.h"

static const char *const solver_names[]  = {"density", "trajectories", "povm", NULL};
static const char *const task_names[]    = {"evolve", "steady", "spectrum", "correlation", "sweep", NULL};
static const char *const correlation_names[] = {"two_time", "normal_ordered", NULL};
static const char *const from_names[]    = {"steady", "initial", NULL};
static const char *const emission_names[] = {"none", "fft", "resolvent", NULL};
static const char *const inner_names[]   = {"steady", "evolve", NULL};
static const char *const method_names[]  = {"auto", "secular", "kronecker", "gcrot", "propagate", "idr", NULL};
static const char *const iteration_names[] = {"auto", "fgmres", "idr", NULL};
static const char *const unique_names[]  = {"auto", "true", "false", NULL};
static const char *const lattice_names[] = {"none", "chain", "square", "graph", NULL};
static const char *const transport_names[] = {"auto", "shared", "messages", "exchange", "remap", NULL}; /* LbTransport */
static const char *const automatic[]     = {"auto", NULL};
static const char *const memory_names[]  = {"auto", "shared", "messages", NULL};
static const char *const booleans[]      = {"false", "true", NULL};
static const char *const observe_names[] = {"auto", "expectation", "purity", "entropy", "energy", "trace", "current", "population", NULL};
static const char *const povm_kinds[]    = {"tetra", "pauli4", NULL};
static const char *const povm_axes[]     = {"symmetric", "z", NULL};
static const char *const net_names[]     = {"transformer", "gru", NULL};
static const char *const norm_names[]    = {"none", "pre", NULL};
static const char *const place_names[]   = {"sinusoidal", "learned", NULL};
static const char *const gelu_names[]    = {"gelu", NULL};
static const char *const string_names[]  = {"none", "translations", "snakes2d", "list", NULL};
static const char *const sample_names[]  = {"drawn", "exact", NULL};
static const char *const step_names[]    = {"heun", "rk4", "euler", NULL};
static const char *const style_names[]   = {"natural", "paper", NULL};
static const char *const loss_names[]    = {"l1", "l2", NULL};
static const char *const kind_names[]    = {"auto", "tdvp", "trapezoid", NULL};
static const char *const inner_kinds[]   = {"adam", "gauss_newton", NULL};
static const char *const reduce_names[]  = {"mean", "sum", "each", NULL};

#define TIME_KEYS(Item) \
  TES_SECTION("time", .help = "factor f(t) of this entry"), \
  TES_ENUM(Item, time.kind, .fallback = "constant", .choices = lb_time_names, .help = "constant: 1; sin: offset + amp sin(omega t + phase); ramp: linear; pulse: offset + amp exp(-((t - center)/width)^2/2); table; expression"), \
  TES_REAL(Item, time.offset, .fallback = "0", .when = "time.kind=sin|pulse", .help = "constant part"), \
  TES_REAL(Item, time.amp, .fallback = "1", .when = "time.kind=sin|pulse", .help = "amplitude"), \
  TES_REAL(Item, time.omega, .fallback = "1", .unit = "energy", .when = "time.kind=sin", .help = "angular frequency"), \
  TES_REAL(Item, time.phase, .fallback = "0", .unit = "rad", .when = "time.kind=sin", .help = "phase"), \
  TES_REAL(Item, time.start, .fallback = "0", .unit = "1/energy", .when = "time.kind=ramp", .help = "before this time the factor is `from`"), \
  TES_REAL(Item, time.end, .fallback = "1", .unit = "1/energy", .when = "time.kind=ramp", .help = "after this time the factor is `to`"), \
  TES_REAL(Item, time.from, .fallback = "0", .when = "time.kind=ramp", .help = "factor before the ramp"), \
  TES_REAL(Item, time.to, .fallback = "1", .when = "time.kind=ramp", .help = "factor after the ramp"), \
  TES_REAL(Item, time.center, .fallback = "0", .unit = "1/energy", .when = "time.kind=pulse", .help = "time of the maximum"), \
  TES_REAL(Item, time.width, .fallback = "1", .range = TES_ABOVE(0), .unit = "1/energy", .when = "time.kind=pulse", .help = "standard deviation"), \
  TES_FILE(Item, time.file, .when = "time.kind=table", .help = "CSV with columns t, f, or HDF5; linear between the rows"), \
  TES_STRING(Item, time.dataset, .fallback = "/table", .when = "time.kind=table", .help = "dataset [n][2] of an HDF5 file"), \
  TES_EXPR(Item, time.expression, .variables = "t", .when = "time.kind=expression", .help = "f as an expression in t")

static const TesKey site_keys[] = {
  TES_INT(LbSiteItem, count, .fallback = "1", .range = TES_BETWEEN(1, 1000), .help = "sites of this group"),
  TES_INT(LbSiteItem, dim, .fallback = "2", .range = TES_BETWEEN(2, 4096), .help = "dimension of a site: 2 a spin, d a boson with d levels or a d-level atom"),
  TES_KEYS_END,
};

static const TesKey hamiltonian_keys[] = {
  TES_STRINGS(LbHamiltonianItem, ops, .min_items = 1, .max_items = LB_FACTORS, .help = "operators of the product, one per site: I X Y Z Sp Sm a ad n E:i,j, your own, products as ad*a"),
  TES_NODE(LbHamiltonianItem, on, .optional = PETSC_TRUE, .help = "sites | bonds | pairs | list of places ([0, 3], [[0, 1], [2, 3]]); default: sites for one operator, bonds for two"),
  TES_REALS(LbHamiltonianItem, coeff, .fallback = "1", .min_items = 1, .max_items = 2, .unit = "energy", .help = "coefficient, or [re, im]"),
  TES_REALS(LbHamiltonianItem, coeffs, .optional = PETSC_TRUE, .min_items = 1, .unit = "1", .help = "further factor of each place (disorder)"),
  TES_BOOL(LbHamiltonianItem, hc, .fallback = "false", .help = "add the Hermitian conjugate"),
  TES_SECTION("range", .help = "coupling of pairs i < j"),
  TES_REAL(LbHamiltonianItem, range.power, .fallback = "0", .help = "coefficient divided by |i - j|^power (on: pairs)"),
  TIME_KEYS(LbHamiltonianItem),
  TES_KEYS_END,
};

static const TesKey sum_keys[] = {
  TES_STRINGS(LbSumItem, ops, .min_items = 1, .max_items = LB_FACTORS, .help = "operators of the product"),
  TES_NODE(LbSumItem, on, .optional = PETSC_TRUE, .help = "places as in `hamiltonian`"),
  TES_REALS(LbSumItem, coeff, .fallback = "1", .min_items = 1, .max_items = 2, .help = "coefficient, or [re, im]"),
  TES_REALS(LbSumItem, coeffs, .optional = PETSC_TRUE, .min_items = 1, .help = "further factor of each place"),
  TES_KEYS_END,
};

static const TesKey jump_keys[] = {
  TES_STRINGS(LbJumpItem, ops, .optional = PETSC_TRUE, .min_items = 1, .max_items = LB_FACTORS, .help = "one jump operator per place: the product of these"),
  TES_NODE(LbJumpItem, on, .optional = PETSC_TRUE, .help = "places as in `hamiltonian`"),
  TES_ITEMS(LbJumpItem, sum, LbSumItem, sum_keys, .optional = PETSC_TRUE, .help = "one collective jump operator: the sum over all places of all parts"),
  TES_REALS(LbJumpItem, rate, .min_items = 1, .range = TES_AT_LEAST(0), .unit = "energy", .help = "rate g of g (J rho J+ - {J+ J, rho}/2); one, or one per place"),
  TIME_KEYS(LbJumpItem),
  TES_KEYS_END,
};

static const TesKey observable_keys[] = {
  TES_STRING(LbObservableItem, name, .help = "column of the series; purity, entropy, energy, trace, current, population need no more"),
  TES_ENUM(LbObservableItem, kind, .fallback = "auto", .choices = observe_names, .help = "what is measured; auto: an expectation value, or what the name says if there are no operators"),
  TES_STRINGS(LbObservableItem, ops, .optional = PETSC_TRUE, .min_items = 1, .max_items = LB_FACTORS, .help = "operators of the product"),
  TES_NODE(LbObservableItem, on, .optional = PETSC_TRUE, .help = "places as in `hamiltonian`"),
  TES_ITEMS(LbObservableItem, sum, LbSumItem, sum_keys, .optional = PETSC_TRUE, .help = "sum of several products, each on the same number of places"),
  TES_REALS(LbObservableItem, coeff, .fallback = "1", .min_items = 1, .max_items = 2, .help = "factor, or [re, im]"),
  TES_ENUM(LbObservableItem, reduce, .fallback = "mean", .choices = reduce_names, .help = "over the places: mean, sum, or each (NAME_0, NAME_1, ...)"),
  TES_INTS(LbObservableItem, subsystem, .optional = PETSC_TRUE, .min_items = 1, .help = "purity, entropy: the sites; default all"),
  TES_KEYS_END,
};

const TesKey lb_keys[] = {
  TES_ENUM(Lindblad, solver, .fallback = "density", .choices = solver_names, .help = "density: the exact density matrix; trajectories: averages over quantum trajectories, for larger systems; povm: a neural network for the outcomes of a measurement, for larger systems of spins"),
  TES_ENUM(Lindblad, task, .fallback = "evolve", .choices = task_names, .help = "evolve: observables against time; steady: the steady state; spectrum: eigenvalues and gap; correlation: two-time functions, emission spectra; sweep: lists of parameters"),
  TES_SECTION("system", .help = "what there is"),
  TES_ITEMS(LbModelDeck, system.sites, LbSiteItem, site_keys, .min_items = 1, .help = "groups of sites, numbered on from 0"),
  TES_SECTION("system.lattice", .help = "which sites are bonds"),
  TES_ENUM(LbModelDeck, system.lattice.kind, .fallback = "none", .choices = lattice_names, .help = "chain, square (site = column + columns row), graph (edges), or none"),
  TES_INTS(LbModelDeck, system.lattice.size, .optional = PETSC_TRUE, .min_items = 1, .max_items = 2, .range = TES_BETWEEN(1, 1000), .help = "[length] of a chain (default: all sites), [columns, rows] of a square lattice"),
  TES_ENUMS(LbModelDeck, system.lattice.periodic, .fallback = "[false]", .min_items = 1, .max_items = 2, .choices = booleans, .help = "closed along each direction? One value for all, or one each"),
  TES_NODE(LbModelDeck, system.lattice.edges, .optional = PETSC_TRUE, .help = "graph: [[i, j], ...]"),
  TES_MAP(LbModelDeck, operators, .optional = PETSC_TRUE, .help = "your own matrices: NAME: {dim: d, matrix: [[...], ...]}, entries numbers or [re, im]"),
  TES_ITEMS(LbModelDeck, hamiltonian, LbHamiltonianItem, hamiltonian_keys, .fallback = "[]", .help = "terms of H"),
  TES_ITEMS(LbModelDeck, jumps, LbJumpItem, jump_keys, .fallback = "[]", .help = "jump operators"),
  TES_SECTION("initial", .help = "the state to begin with: product, checkpoint, thermal or mixed; default up, fock:0"),
  TES_STRINGS(LbModelDeck, initial.product, .optional = PETSC_TRUE, .min_items = 1, .help = "up | down | + | - | r | l | fock:k | coherent:re,im; one for all sites or one each"),
  TES_FILE(LbModelDeck, initial.checkpoint, .optional = PETSC_TRUE, .help = "checkpoint of another run of the density solver on a system of the same sites"),
  TES_REAL(LbModelDeck, initial.thermal, .optional = PETSC_TRUE, .unit = "1/energy", .help = "inverse temperature: exp(-beta H) / Z"),
  TES_BOOL(LbModelDeck, initial.mixed, .fallback = "false", .help = "the maximally mixed state"),
  TES_SECTION("time", .help = "from when to when"),
  TES_REAL(Lindblad, time.start, .fallback = "0", .unit = "1/energy", .help = "time of the initial state"),
  TES_REAL(Lindblad, time.end, .fallback = "1", .unit = "1/energy", .restart_may_change = PETSC_TRUE, .help = "when to end"),
  TES_REAL(Lindblad, time.output_every, .fallback = "0.1", .unit = "1/energy", .help = "time between two rows of the series"),
  TES_SECTION("integrator", .help = "how time is stepped"),
  TES_ENUM(Lindblad, integrator.kind, .fallback = "auto", .choices = lb_integrator_names, .help = "auto: faber for constant L, dp5 else; the README of the decks says which when"),
  TES_REAL(Lindblad, integrator.rtol, .fallback = "1e-8", .range = TES_BETWEEN(1e-14, 0.1), .unit = "1", .help = "tolerance of an entry of the density matrix, which is at most 1"),
  TES_REAL(Lindblad, integrator.atol, .fallback = "1e-10", .range = TES_BETWEEN(0, 0.1), .unit = "1", .help = "added to rtol"),
  TES_REAL(Lindblad, integrator.step, .fallback = "0", .range = TES_AT_LEAST(0), .unit = "1/energy", .help = "fixed step of dp5, lsrk4, strang, strang4, cfm4; 0: chosen (strang needs one)"),
  TES_INT(Lindblad, integrator.dimension, .fallback = "24", .range = TES_BETWEEN(2, 90), .help = "krylov: vectors of the basis"),
  TES_REAL(Lindblad, integrator.margin, .fallback = "1.1", .range = TES_BETWEEN(0.5, 10), .unit = "1", .help = "faber, cfm4: factor on the bounds of the spectrum"),
  TES_SECTION("steady", .help = "task: steady"),
  TES_ENUM(Lindblad, steady.method, .fallback = "auto", .choices = method_names, .when = "task=steady|correlation|sweep & solver=density", .help = "auto: a ladder; secular: H exact, dissipator to leading order (n <= 1024); kronecker: the single sites exact; gcrot: no preconditioner; propagate first; idr: IDR(8), no preconditioner"),
  TES_ENUM(Lindblad, steady.iteration, .fallback = "auto", .choices = iteration_names, .when = "task=steady|correlation|sweep & solver=density", .help = "of secular and kronecker: fgmres: FGMRES(30); idr: IDR(4), few vectors; auto: fgmres for secular, idr for kronecker"),
  TES_REAL(Lindblad, steady.rtol, .fallback = "1e-10", .range = TES_BETWEEN(1e-14, 0.1), .unit = "1", .when = "task=steady|correlation|sweep & solver=density", .help = "converged when |L rho| is below this fraction of |L 1/n|"),
  TES_INT64(Lindblad, steady.max_applications, .fallback = "20000", .range = TES_AT_LEAST(1), .when = "task=steady|correlation|sweep & solver=density", .help = "applications of L per method at most"),
  TES_ENUM(Lindblad, steady.check_unique, .fallback = "auto", .choices = unique_names, .when = "task=steady|correlation|sweep & solver=density", .help = "solve a second time from a random state; auto: up to 64 states"),
  TES_REAL(Lindblad, steady.t_max, .fallback = "12", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & task=steady|sweep & style=natural", .restart_may_change = PETSC_TRUE, .help = "the flow from `initial` ends here at the latest"),
  TES_REAL(Lindblad, steady.average, .fallback = "3", .range = TES_AT_LEAST(0), .unit = "1/energy", .when = "solver=povm & task=steady|sweep & style=natural", .help = "the answer is the mean of the rows of this last stretch of time"),
  TES_SECTION("steady.stop", .help = "solver: povm; when the flow is stationary"),
  TES_REAL(Lindblad, steady.stop.window, .fallback = "3", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & task=steady|sweep & style=natural", .help = "stop when no observable has moved by `drift` over this time"),
  TES_REAL(Lindblad, steady.stop.drift, .fallback = "2e-3", .range = TES_AT_LEAST(0), .unit = "1", .when = "solver=povm & task=steady|sweep & style=natural", .help = "see window"),
  TES_SECTION("spectrum", .help = "task: spectrum"),
  TES_INT(Lindblad, spectrum.count, .fallback = "6", .range = TES_BETWEEN(1, 1000), .when = "task=spectrum", .help = "eigenvalues wanted beside 0 (systems of up to 1024 entries give all)"),
  TES_INT(Lindblad, spectrum.subspace, .fallback = "0", .range = TES_BETWEEN(0, 5000), .when = "task=spectrum", .help = "vectors of the Krylov space; 0: SLEPc's choice"),
  TES_INT(Lindblad, spectrum.max_restarts, .fallback = "200", .range = TES_BETWEEN(1, 100000), .when = "task=spectrum", .help = "restarts at most"),
  TES_REAL(Lindblad, spectrum.rtol, .fallback = "1e-9", .range = TES_BETWEEN(1e-14, 0.1), .unit = "1", .when = "task=spectrum", .help = "tolerance of the filtered eigenvalues"),
  TES_SECTION("correlation", .help = "task: correlation; tau runs to time.end - time.start in steps of time.output_every"),
  TES_ENUM(Lindblad, correlation.kind, .fallback = "two_time", .choices = correlation_names, .when = "task=correlation", .help = "two_time: <A(tau) B(0)>; normal_ordered: <B+(0) A(tau) B(0)>"),
  TES_ENUM(Lindblad, correlation.from, .fallback = "steady", .choices = from_names, .when = "task=correlation", .help = "state at tau = 0: the steady state, or `initial`"),
  TES_SECTION("correlation.a", .help = "the operator A"),
  TES_STRINGS(Lindblad, correlation.a.ops, .when = "task=correlation", .min_items = 1, .max_items = LB_FACTORS, .help = "operators of the product"),
  TES_NODE(Lindblad, correlation.a.on, .when = "task=correlation", .help = "its sites"),
  TES_SECTION("correlation.b", .help = "the operator B"),
  TES_STRINGS(Lindblad, correlation.b.ops, .when = "task=correlation", .min_items = 1, .max_items = LB_FACTORS, .help = "operators of the product"),
  TES_NODE(Lindblad, correlation.b.on, .when = "task=correlation", .help = "its sites"),
  TES_ENUM(Lindblad, correlation.spectrum, .fallback = "none", .choices = emission_names, .when = "task=correlation", .help = "emission spectrum: by fft of the samples, or by solving (i omega - L) z = B rho at each frequency"),
  TES_REALS(Lindblad, correlation.omega, .fallback = "[-10, 10]", .min_items = 2, .max_items = 2, .unit = "energy", .when = "task=correlation & correlation.spectrum=resolvent", .help = "first and last frequency"),
  TES_INT(Lindblad, correlation.points, .fallback = "101", .range = TES_BETWEEN(1, 100000), .when = "task=correlation & correlation.spectrum=resolvent", .help = "number of frequencies"),
  TES_SECTION("sweep", .help = "task: sweep"),
  TES_ENUM(Lindblad, sweep.task, .fallback = "steady", .choices = inner_names, .help = "what every point does"),
  TES_MAP(Lindblad, sweep.keys, .optional = PETSC_TRUE, .help = "keys of this deck (list items by number) with a list of values each, all of one length: {hamiltonian.1.coeff: [0.5, 1.0]}"),
  TES_INT(Lindblad, sweep.batch, .fallback = "8", .range = TES_BETWEEN(1, 100000), .help = "points of one step; the ranks split into groups that share them"),
  TES_SECTION("until", .help = "solver: trajectories; when there are enough"),
  {.type = TES_KEY_REAL, .path = "until.stderr", .offset = offsetof(Lindblad, until.error), .fallback = "0", .range = TES_AT_LEAST(0), .unit = "1", .when = "solver=trajectories",
   .restart_may_change = PETSC_TRUE, .help = "largest standard error of any column and time that is good enough; 0: go on to `max`"},
  TES_INT64(Lindblad, until.max, .fallback = "1000", .range = TES_BETWEEN(2, 1000000000000), .when = "solver=trajectories", .restart_may_change = PETSC_TRUE, .help = "trajectories at most"),
  TES_SECTION("trajectories", .help = "solver: trajectories; how they are computed"),
  TES_INT_OR(Lindblad, trajectories.block, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(1, 100000), .when = "solver=trajectories",
             .help = "trajectories per step; `until` is asked after each; auto: 32 to 1024, fewer for large systems"),
  TES_INT_OR(Lindblad, trajectories.members, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(1, 4096), .when = "solver=trajectories", .restart_may_change = PETSC_TRUE,
             .help = "ranks that hold one state vector together; auto: 1, more if a gigabyte per rank would be passed or ranks be idle"),
  TES_ENUM(Lindblad, trajectories.memory, .fallback = "auto", .choices = memory_names, .when = "solver=trajectories", .restart_may_change = PETSC_TRUE,
           .help = "how they hold it: shared, the memory of one node; messages, each its part, on any nodes; auto: shared while they fit on one node. The bits are the same"),
  TES_BOOL(Lindblad, trajectories.share, .fallback = "true", .when = "solver=trajectories", .help = "compute the evolution without jumps once and draw among the trajectories that jump (pure initial state)"),
  TES_REAL(Lindblad, trajectories.splitting_error, .fallback = "1e-4", .range = TES_BETWEEN(1e-12, 1), .unit = "1", .when = "solver=trajectories",
           .help = "integrator strang without a step: the step is halved until Richardson's estimate of the error of the columns is below this"),
  TES_SECTION("povm", .help = "solver: povm; the measurement whose outcomes are described"),
  TES_ENUM(Lindblad, povm.kind, .fallback = "tetra", .choices = povm_kinds, .when = "solver=povm", .help = "tetra: four directions of a tetrahedron; pauli4: up, +, r and the rest"),
  TES_ENUM(Lindblad, povm.axes, .fallback = "symmetric", .choices = povm_axes, .when = "solver=povm & povm.kind=tetra", .help = "symmetric: no outcome of probability 0 in any Pauli eigenstate; z: one direction is up"),
  TES_SECTION("network", .help = "solver: povm; the autoregressive network"),
  TES_ENUM(Lindblad, network.kind, .fallback = "transformer", .choices = net_names, .when = "solver=povm", .help = "transformer, or gru: gated recurrent, better for XYZ models"),
  TES_INT(Lindblad, network.layers, .fallback = "1", .range = TES_BETWEEN(1, 8), .when = "solver=povm & network.kind=transformer", .help = "one layer without norm has a fast path"),
  TES_INT(Lindblad, network.hidden, .fallback = "32", .range = TES_BETWEEN(2, 1024), .when = "solver=povm", .help = "width; gru: 28 has as many parameters as the transformer with 32"),
  TES_INT(Lindblad, network.heads, .fallback = "1", .range = TES_BETWEEN(1, 64), .when = "solver=povm & network.kind=transformer", .help = "heads of attention; must divide hidden"),
  TES_INT(Lindblad, network.ff, .fallback = "16", .range = TES_BETWEEN(1, 4096), .when = "solver=povm & network.kind=transformer", .help = "width of the feed-forward layer"),
  TES_ENUM(Lindblad, network.layer_norm, .fallback = "none", .choices = norm_names, .when = "solver=povm & network.kind=transformer", .help = "pre: before both halves of a layer, for two layers or more"),
  TES_ENUM(Lindblad, network.positional, .fallback = "sinusoidal", .choices = place_names, .when = "solver=povm", .help = "positions: fixed sines and cosines, or learned from there"),
  TES_ENUM(Lindblad, network.activation, .fallback = "gelu", .choices = gelu_names, .when = "solver=povm & network.kind=transformer", .help = "of the feed-forward layer, x Phi(x)"),
  TES_REAL(Lindblad, network.init_scale, .fallback = "1", .range = TES_ABOVE(0), .unit = "1", .when = "solver=povm", .help = "factor on the random start values (the start state is exact whatever they are)"),
  TES_SECTION("strings", .help = "solver: povm; orders in which the network sees the sites; p is the mean over them"),
  TES_ENUM(Lindblad, strings.kind, .fallback = "none", .choices = string_names, .when = "solver=povm", .help = "none: as numbered; translations: all starts and both directions of a ring; snakes2d: 8 snakes of a square lattice; list"),
  TES_NODE(Lindblad, strings.list, .optional = PETSC_TRUE, .when = "solver=povm & strings.kind=list", .help = "permutations of the sites: [[0, 1, 2], [2, 1, 0]]"),
  TES_SECTION("samples", .help = "solver: povm; how many"),
  TES_ENUM(Lindblad, samples.kind, .fallback = "drawn", .choices = sample_names, .when = "solver=povm", .help = "drawn from the network, or exact: all 4^N configurations (up to 7 sites)"),
  TES_INT_OR(Lindblad, samples.train, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(2, 1000000), .when = "solver=povm & samples.kind=drawn",
             .help = "for one evaluation of the flow or of the loss; auto: 1000; style: paper: 10000 for the steady state, 100 for a time step"),
  TES_INT64(Lindblad, samples.observe, .fallback = "65536", .range = TES_BETWEEN(2, 1000000000), .when = "solver=povm", .help = "for one row of the series; 4^N or more: all configurations are summed"),
  TES_BOOL(Lindblad, samples.unique, .fallback = "true", .when = "solver=povm & samples.kind=drawn", .help = "evaluate distinct configurations only, with multiplicities; false: one by one"),
  TES_BOOL(Lindblad, verify, .fallback = "false", .when = "solver=povm", .help = "run the density solver beside it (up to 8 sites) and give the error of every observable"),
  TES_ENUM(Lindblad, style, .fallback = "natural", .choices = style_names, .when = "solver=povm", .help = "natural: the natural-gradient flow; paper: |L p|_1 by Adam for the steady state, fitted trapezoid steps for the dynamics, for comparison"),
  TES_ENUM(Lindblad, loss, .fallback = "l1", .choices = loss_names, .when = "solver=povm & style=paper", .help = "what is minimised, R = (L p)/p or the residual of a step over p: l1, the mean of |R|; l2, the mean of R^2"),
  TES_SECTION("step", .help = "solver: povm; steps in time"),
  TES_ENUM(Lindblad, step.kind, .fallback = "auto", .choices = kind_names, .when = "solver=povm", .help = "tdvp: the flow of style: natural; trapezoid: that of style: paper, task: evolve; auto: which belongs to them"),
  TES_REAL(Lindblad, step.tau, .fallback = "0.016", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & style=paper", .help = "trapezoid: time of a step"),
  TES_ENUM(Lindblad, step.inner, .fallback = "adam", .choices = inner_kinds, .when = "solver=povm & style=paper", .help = "trapezoid: how a step is fitted; gauss_newton: linear least squares with the ridge step.reg"),
  TES_INT_OR(Lindblad, step.inner_steps, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(1, 100000), .when = "solver=povm & style=paper", .help = "trapezoid: inner steps at most; auto: 120, gauss_newton: 2"),
  TES_REAL(Lindblad, step.target_loss, .fallback = "1e-3", .range = TES_AT_LEAST(0), .unit = "1", .when = "solver=povm & style=paper", .help = "trapezoid: a step is good enough when its loss is below this"),
  TES_ENUM(Lindblad, step.integrator, .fallback = "heun", .choices = step_names, .when = "solver=povm & style=natural", .help = "heun: adaptive, with common random numbers; rk4, euler: steps of hmax or what cap allows"),
  TES_REAL(Lindblad, step.tol, .fallback = "0.03", .range = TES_ABOVE(0), .unit = "1", .when = "solver=povm & style=natural", .help = "heun: error of a step, rms of ln p"),
  TES_REAL(Lindblad, step.cap, .fallback = "0.6", .range = TES_ABOVE(0), .unit = "1", .when = "solver=povm & style=natural", .help = "largest rms change of ln p in a step"),
  TES_REAL(Lindblad, step.h0, .fallback = "0.005", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & style=natural", .help = "heun: first step"),
  TES_REAL(Lindblad, step.hmax, .fallback = "0.25", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & style=natural", .help = "largest step"),
  TES_REAL(Lindblad, step.hmin, .fallback = "0.002", .range = TES_ABOVE(0), .unit = "1/energy", .when = "solver=povm & style=natural", .help = "heun: steps this small are taken whatever their error"),
  TES_REAL(Lindblad, step.reg, .fallback = "1e-5", .range = TES_BETWEEN(0, 1), .unit = "1", .when = "solver=povm", .help = "ridge relative to the trace; 1e-6 with 2000 samples or more, 1e-8 with samples: exact"),
  TES_SECTION("optimizer", .help = "solver: povm, style: paper; Adam"),
  TES_REAL(Lindblad, optimizer.learning_rate, .fallback = "1e-2", .range = TES_ABOVE(0), .unit = "1", .when = "solver=povm & style=paper", .help = "of the first updates"),
  TES_REAL(Lindblad, optimizer.beta1, .fallback = "0.9", .range = TES_BETWEEN(0, 0.999999), .unit = "1", .when = "solver=povm & style=paper", .help = "decay of the mean gradient"),
  TES_REAL(Lindblad, optimizer.beta2, .fallback = "0.98", .range = TES_BETWEEN(0, 0.999999999), .unit = "1", .when = "solver=povm & style=paper", .help = "decay of the mean square"),
  TES_REAL(Lindblad, optimizer.eps, .fallback = "1e-9", .range = TES_ABOVE(0), .unit = "1", .when = "solver=povm & style=paper", .help = "added to the root mean square"),
  TES_INT64(Lindblad, optimizer.steps, .fallback = "500", .range = TES_BETWEEN(1, 100000000), .when = "solver=povm & style=paper", .help = "updates towards the steady state"),
  TES_INT64(Lindblad, optimizer.observe_every, .fallback = "25", .range = TES_AT_LEAST(1), .when = "solver=povm & style=paper", .help = "updates between two rows of the series"),
  TES_BOOL(Lindblad, optimizer.fresh, .fallback = "true", .when = "solver=povm & style=paper", .help = "begin every time step with moments 0; false: keep those of the step before"),
  TES_SECTION("optimizer.decay", .help = "course of the learning rate"),
  TES_INT_OR(Lindblad, optimizer.decay.every, .fallback = "auto", .choices = automatic, .range = TES_BETWEEN(1, 100000000), .when = "solver=povm & style=paper", .help = "updates after which it is multiplied by `factor`; auto: 600; in a time step 80"),
  TES_REAL(Lindblad, optimizer.decay.factor, .fallback = "0.5", .range = TES_BETWEEN(1e-6, 1), .unit = "1", .when = "solver=povm & style=paper", .help = "see every"),
  TES_SECTION("optimizer.best", .help = "task: steady; which parameters are the answer"),
  TES_INT64(Lindblad, optimizer.best.from, .fallback = "400", .range = TES_AT_LEAST(0), .when = "solver=povm & style=paper", .help = "first update after which the loss is estimated anew"),
  TES_INT64(Lindblad, optimizer.best.every, .fallback = "5", .range = TES_AT_LEAST(1), .when = "solver=povm & style=paper", .help = "updates between two such estimates"),
  TES_INT(Lindblad, optimizer.best.factor, .fallback = "4", .range = TES_BETWEEN(1, 1000), .when = "solver=povm & style=paper", .help = "how many times more samples they have"),
  TES_ENUM(Lindblad, parallel.transport, .fallback = "auto", .choices = transport_names, .when = "solver=density", .restart_may_change = PETSC_TRUE,
           .help = "how ranks share a density matrix: shared memory (one node), or messages: exchange of what others' rows read, or remap of whole tiles; messages takes what sends less; auto: shared on one node, else messages"),
  TES_REAL(Lindblad, parallel.buffer, .fallback = "0", .range = TES_BETWEEN(0, 4096), .unit = "MiB", .when = "solver=density", .restart_may_change = PETSC_TRUE,
           .help = "buffers of messages per rank; 0: an eighth of the vector, 1 to 64 MiB. At least one tile is held whatever is asked"),
  TES_ITEMS(LbModelDeck, observables, LbObservableItem, observable_keys, .fallback = "[]", .help = "columns of the series"),
  TES_KEYS_END,
};

static const LbSolver *Pick(const Lindblad *c)
{
  static const LbSolver *const table[3][5] = {
    {&lb_density_evolve,      &lb_density_steady, &lb_density_spectrum, &lb_density_correlation, &lb_sweep},
    {&lb_trajectories_evolve, NULL,               NULL,                 NULL,                    NULL             },
    {&lb_povm,                &lb_povm,           NULL,                 NULL,                    &lb_sweep},
  };

  return table[c->solver][c->task];
}

/* a rate that is negative at some time is no rate: looked at on a grid of the run */
static PetscErrorCode CheckRates(TesProblem problem, const Lindblad *c, PetscBool *good)
{
  PetscFunctionBegin;
  for (int j = 0; j < c->model.n_jumps; j++) {
    const LbJump *jump = &c->model.jump[j];
    char          path[64];

    if (!jump->time || (j && c->model.jump[j - 1].time == jump->time)) continue;
    for (int k = 0; k <= 1024; k++) {
      const PetscReal t = c->time.start + (c->time.end - c->time.start) * k / 1024, f = LbTimeValue(&c->model.time[jump->time], t);

      if (f >= 0) continue;
      *good = PETSC_FALSE;
      snprintf(path, sizeof path, "jumps.%d.time", jump->item);
      PetscCall(TesDeckComplain(problem, path, ": the factor of a rate is %g at t = %g; it must not be negative", (double)f, (double)t));
      break;
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbContextCheck(TesProblem problem, Lindblad *c, PetscBool *good)
{
  PetscFunctionBegin;
  *good           = PETSC_TRUE;
  c->density.comm = MPI_COMM_NULL;
  PetscCall(LbModelCreate(problem, &c->model_deck, &c->model, good));
  if (*good) PetscCall(LbObservablesCreate(problem, &c->model, &c->model_deck, &c->observables, good));
  c->how = Pick(c);
  if (!c->how) {
    *good = PETSC_FALSE;
    PetscCall(TesDeckComplain(problem, "task", ": not done by solver: %s (it does evolve%s)", solver_names[c->solver], c->solver == LB_SOLVER_POVM ? ", steady and sweep" : ""));
  }
  if (*good) PetscCall(CheckRates(problem, c, good));
  if (*good) PetscCall(c->how->check(problem, c, good));
  c->ready = *good;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbContextDestroy(TesProblem problem, Lindblad *c)
{
  PetscFunctionBegin;
  if (c->how) PetscCall(c->how->destroy(problem, c));
  PetscCall(LbObservablesDestroy(&c->observables));
  PetscCall(LbModelDestroy(&c->model));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSay(TesProblem problem, const Lindblad *c, const char format[], ...)
{
  char    text[1024];
  va_list list;

  PetscFunctionBegin;
  if (c->quiet) PetscFunctionReturn(PETSC_SUCCESS);
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  PetscCall(TesProblemSay(problem, "%s", text));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Check(TesProblem problem)
{
  Lindblad *c = TesProblemCtx(problem);
  PetscBool good;

  PetscFunctionBegin;
  PetscCall(LbContextCheck(problem, c, &good));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Estimate(TesProblem problem, TesEstimate *e)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  if (c->ready) PetscCall(c->how->estimate(problem, c, e));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode SetUp(TesProblem problem)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  c->world = TesProblemComm(problem); /* the driver has left out ranks that would idle */
  PetscCall(c->how->setup(problem, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Start(TesProblem problem)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(c->how->start(problem, c));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Step(TesProblem problem, TesProgress *progress)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(c->how->step(problem, c, progress));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Observe(TesProblem problem, TesSeries series, PetscBool last)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(c->how->observe(problem, c, series, last));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode State(TesProblem problem, TesState state)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(c->how->state(problem, c, state));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Finish(TesProblem problem, TesReport report)
{
  Lindblad *c = TesProblemCtx(problem);

  PetscFunctionBegin;
  PetscCall(c->how->finish(problem, c, report));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(TesProblem problem)
{
  PetscFunctionBegin;
  PetscCall(LbContextDestroy(problem, TesProblemCtx(problem)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static const TesFigure figures[] = {
  {.name = "observables", .sort = TES_FIGURE_LINES, .title = "observables", .file = "series", .x = "/time", .y = {"/observables/*"}, .x_label = "time (1/energy)", .y_label = "expectation value", .when = "task=evolve"},
  {.name = "errors", .sort = TES_FIGURE_POINTS, .title = "means with their standard errors", .file = "series", .x = "/time", .y = {"/observables/*"}, .errors = {"/stderr/*"},
   .x_label = "time (1/energy)", .y_label = "expectation value", .when = "task=evolve"},
  {.name = "errors", .sort = TES_FIGURE_POINTS, .title = "means with their standard errors", .file = "series", .x = "/time", .y = {"/observables/*"}, .errors = {"/stderr/*"},
   .x_label = "time (1/energy); style: paper: update", .y_label = "expectation value", .when = "task=steady"},
  {.name = "correlation", .sort = TES_FIGURE_LINES, .title = "two-time function", .file = "series", .x = "/time", .y = {"/observables/*"}, .x_label = "tau (1/energy)", .y_label = "C(tau)", .when = "task=correlation"},
  {.name = "convergence", .sort = TES_FIGURE_LINES, .title = "residual of the steady state", .file = "series", .x = "/step", .y = {"/observables/residual"}, .x_label = "stage", .y_label = "residual (energy)", .log_y = PETSC_TRUE,
   .when = "task=steady"},
  {.name = "tdvp", .sort = TES_FIGURE_LINES, .title = "flow of the network: residual, rms of e, error of a step", .file = "result", .x = "/tdvp/time", .y = {"/tdvp/residual", "/tdvp/rms_e", "/tdvp/step_error"},
   .x_label = "time (1/energy)", .y_label = "residual, rms e (energy), step error", .log_y = PETSC_TRUE},
  {.name = "loss", .sort = TES_FIGURE_LINES, .title = "loss of the network", .file = "result", .x = "/loss/at", .y = {"/loss/value"}, .x_label = "update, or time (1/energy)", .y_label = "loss", .log_y = PETSC_TRUE},
  {.name = "sweep_errors", .sort = TES_FIGURE_POINTS, .title = "observables against the parameter, with standard errors", .file = "result", .x = "/sweep/parameter", .y = {"/sweep/observables/*"}, .errors = {"/sweep/stderr/*"},
   .x_label = "parameter", .y_label = "expectation value"},
  {.name = "sweep_exact", .sort = TES_FIGURE_POINTS, .title = "observables against the parameter, with standard errors, over the exact curves", .file = "result", .x = "/sweep/parameter", .y = {"/sweep/observables/*", "/sweep/exact/*"},
   .errors = {"/sweep/stderr/*"}, .x_label = "parameter", .y_label = "expectation value"},
  {.name = "sweep", .sort = TES_FIGURE_LINES, .title = "observables against the parameter", .file = "result", .x = "/sweep/parameter", .y = {"/sweep/observables/*"}, .x_label = "parameter", .y_label = "expectation value"},
  {.name = "spectrum", .sort = TES_FIGURE_POINTS, .title = "eigenvalues of the Liouvillian", .file = "result", .x = "/spectrum/re", .y = {"/spectrum/im"}, .x_label = "Re lambda (energy)", .y_label = "Im lambda (energy)"},
  {.name = "emission", .sort = TES_FIGURE_LINES, .title = "emission spectrum", .file = "result", .x = "/emission/omega", .y = {"/emission/spectrum"}, .x_label = "omega (energy)", .y_label = "S (1/energy)"},
  {.name = NULL},
};

extern const TesProblemKind TesProblemLindblad;
const TesProblemKind        TesProblemLindblad = {
  .name         = "lindblad",
  .summary      = "open quantum systems: Lindblad dynamics of spins, bosons and atoms",
  .reference    = "G. Lindblad, Commun. Math. Phys. 48, 119 (1976); D. Luo, Z. Chen, J. Carrasquilla, B. K. Clark, Phys. Rev. Lett. 128, 090501 (2022) for the spin models",
  .keys         = lb_keys,
  .ctx_size     = sizeof(Lindblad),
  .work_unit    = "entries of L x",
  .step_unit    = "one interval between two outputs, or an equal part of one where it would take long; trajectories: a block of them, then each row of the series; povm: one step of the flow",
  .figures      = figures,
  .state_format = 2,
  .check        = Check,
  .estimate     = Estimate,
  .setup        = SetUp,
  .start        = Start,
  .step         = Step,
  .observe      = Observe,
  .state        = State,
  .finish       = Finish,
  .destroy      = Destroy,
};
