/* Fields of the network and the gathers on them; part of net_impl.h, included once per precision.

   A field is channels-last with a ring of ghost points around each sample. A level that the ranks of a split share is held in patches: this rank's blocks of all samples of the round. A level that
   is not cut is held whole: all of it, for this rank's share of the samples. Without a split everything is whole.

   Ghosts are set when somebody wants to read them (Ready): beyond a side of the grid by its rule, on a torus by the other end, between patches by the neighbours (net_halo_impl.h). In adjoints
   the rule of a side is zero ghosts, an operator is evaluated on the ring too, and Fold adds the ring to the points that it mirrors. On a torus and between patches the ghosts are
   neighbours' values in adjoints as well, so that every value is one sum in a fixed order, wherever patches begin. Convolve and Spread are the two sorts of gather,
   WeightGradient the sum over points that belongs to either: block by block, each with its own sum (a leaf). */

#define CHUNK 2048 /* points of a weight gradient that are worked on together: fields of so many points stay in the second-level cache over all taps */

/* what the ghosts hold: nothing in particular, values by the rules, zero beyond the sides, and that but the torus (adjoints) */
typedef enum { STALE, PRIMAL, ZERO_SIDES, ADJOINT } Ghosts;

typedef struct {
  NREAL    *data, *o;            /* allocation; the first inner point of the first sample */
  ptrdiff_t s[NET_DIM], sample;  /* stride of a point per dimension; of a sample */
  PetscInt  n[NET_DIM], c, room; /* inner points, padded channels; samples */
  PetscBool whole;
  PetscInt  valid;               /* patches: points beyond the patch that are right */
  Ghosts    filled;              /* what the sides have been set to */
} Field;

typedef struct {
  NREAL *w, *wt; /* packed [tap][ci][co padded]; adjoint [tap][co][ci padded] */
} Pack;

/* one layer's fields; [level] */
typedef struct {
  Field f[NET_LEVELS], rr[NET_LEVELS], t[NET_LEVELS], normal[NET_LEVELS]; /* f_l; f - A' u; after P; normalised */
  Field *u[2], *r[2]; /* [first_smooth + i]: pre and post steps: u before the step, residual; u[.][last of the level + 1] is after */
  Field d;            /* sigma'(z) */
  Field bridge;       /* patches of the coarsest u that is wanted on cut levels */
  PetscReal *inverse[NET_LEVELS]; /* [sample] 1 / sqrt(s^2 + eps) */
} Store;

/* ghosts on their way from the neighbours: of up to two fields, all samples */
typedef struct {
  int         n;
  Field      *f[2];
  PetscInt    width[2], d;  /* layers of each field; the dimension that is on its way */
  Ghosts      want[2];
  size_t      size[2];      /* words per side */
  PetscBool   moving;
  MPI_Request request[4];
} Flight;

/* blocks of a level on this rank, or the level as one block */
typedef struct {
  PetscInt  n, leaf;                            /* leaf of the first */
  PetscInt (*lo)[NET_DIM], (*hi)[NET_DIM];      /* points of the patch */
  PetscBool (*side)[NET_DIM][2];                /* the block ends at a side that is not of a torus */
  PetscInt *number;                             /* among all blocks of the grid */
} Cuts;

typedef struct {
  MgnoNet         base;
  const MgnoPlan *plan;
  const NKERNELS *k;
  PetscBool       training, recompute, ghosts; /* ghosts: some side is neither zero nor of a torus */
  PetscInt        ring;
  PetscInt        n_stores, steps[2][NET_LEVELS + 1]; /* first place of a level in u, r of a store */
  PetscInt        n_patch;                     /* levels held in patches */
  PetscInt        neighbour[NET_DIM][2];       /* rank, -1 where there is none */
  PetscInt        origin[NET_LEVELS][NET_DIM], patch[NET_LEVELS][NET_DIM]; /* where this rank's patch begins, its size; levels 0 .. n_patch */
  Cuts            cut[NET_LEVELS], one[NET_LEVELS];
  Store          *store;
  Field          *v;             /* [layers + 1] inputs of the layers and of the head */
  Field           z, out, ubar[NET_LEVELS], fbar[NET_LEVELS], qf[NET_LEVELS], vbar;
  Field           bridge_u, bridge_f; /* patches of the first level that is not cut */
  Pack           *pack;          /* [n_tensors] */
  NREAL          *weights;       /* all w and wt */
  NREAL          *slab[2][2];    /* send, receive; per side */
  size_t          slab_room;
} Net;

/* the fields of level l; patches: those of the split, else the whole level */
static PetscErrorCode FieldCreate(Net *net, PetscInt l, PetscBool patches, PetscInt channels, Field *f)
{
  PetscInt  first = 0;
  ptrdiff_t stride;

  PetscFunctionBegin;
  f->whole = !net->base->shared || !patches ? PETSC_TRUE : PETSC_FALSE;
  f->room  = net->base->together;
  f->c     = (channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
  stride   = f->c;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt ring = d < net->plan->spec.dim ? net->ring : 0;

    f->n[d] = f->whole ? net->plan->level[l].n[d] : net->patch[l][d];
    f->s[d] = stride;
    first += (PetscInt)(ring * stride);
    stride *= f->n[d] + 2 * ring;
  }
  f->sample = stride;
  PetscCall(PetscCalloc1((size_t)stride * (size_t)f->room, &f->data));
  net->base->bytes += (PetscReal)((size_t)stride * (size_t)f->room * sizeof(NREAL));
  f->o = f->data + first;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode LevelField(Net *net, PetscInt l, PetscInt channels, Field *f)
{
  PetscFunctionBegin;
  PetscCall(FieldCreate(net, l, l < net->n_patch ? PETSC_TRUE : PETSC_FALSE, channels, f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FieldDestroy(Field *f)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(f->data));
  f->o = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* samples that a field holds in this round, and which of the round is its first */
static PetscInt Count(const Net *net, const Field *f)
{
  return net->base->shared && f->whole ? net->base->home[net->base->rank].n : net->base->n;
}

static PetscInt FirstSample(const Net *net, const Field *f)
{
  return net->base->shared && f->whole ? net->base->home[net->base->rank].first : 0;
}

static NREAL *RowOf(const Field *f, PetscInt b, PetscInt y, PetscInt z)
{
  return f->o + b * f->sample + y * f->s[1] + z * f->s[2];
}

/* visit the rows of all samples of a field */
#define FOR_ROWS(net, f, b, y, z) \
  for (PetscInt b = 0, n_##b = Count(net, f); b < n_##b; b++) \
    for (PetscInt z = 0; z < (f)->n[2]; z++) \
      for (PetscInt y = 0; y < (f)->n[1]; y++)

static void Written(Field *f)
{
  f->valid  = 0;
  f->filled = STALE;
}

static void Copy(const Net *net, const Field *from, Field *to)
{
  FOR_ROWS(net, from, b, y, z) memcpy(RowOf(to, b, y, z), RowOf(from, b, y, z), (size_t)from->n[0] * (size_t)from->c * sizeof(NREAL));
  Written(to);
}

static void Zero(const Net *net, Field *f)
{
  FOR_ROWS(net, f, b, y, z) memset(RowOf(f, b, y, z), 0, (size_t)f->n[0] * (size_t)f->c * sizeof(NREAL));
  Written(f);
}

static void AddTo(const Net *net, NREAL factor, const Field *a, Field *to)
{
  FOR_ROWS(net, a, b, y, z) net->k->add((ptrdiff_t)a->n[0] * a->c, factor, RowOf(a, b, y, z), RowOf(to, b, y, z));
  Written(to);
}

/* ---- sides ---- */

typedef enum { SIDE, TORUS, NEIGHBOUR } Beyond;

/* what is beyond a field in a direction */
static Beyond BeyondOf(const Net *net, const Field *f, PetscInt d, int upper)
{
  if (!f->whole && net->neighbour[d][upper] >= 0) return NEIGHBOUR;
  return net->plan->torus[d] ? TORUS : SIDE;
}

/* the inner point that the ghost -1 (side 0) or n (side 1) mirrors, and with what sign; 0: none */
static int Source(NetSide side, int upper, PetscInt n, PetscInt *at)
{
  switch (side) {
  case NET_REFLECT: *at = upper ? n - 2 : 1; return *at >= 0 && *at < n ? 1 : 0;
  case NET_SYMMETRIC: *at = upper ? n - 1 : 0; return 1;
  case NET_WRAP: *at = upper ? 0 : n - 1; return 1;
  case NET_ODD: *at = upper ? n - 1 : 0; return -1;
  default: return 0;
  }
}

typedef enum { FILL, FOLD, CLEAR } Action;

/* One slice of ghosts of dimension d of a sample from (fill) or into (fold) its source, or cleared: it spans the rings of the dimensions before d, and of those after it `more` points beyond the inner ones. */
static void Slice(const Net *net, Field *f, PetscInt b, PetscInt d, PetscInt more, PetscInt ghost, PetscInt source, int sign, Action action)
{
  const PetscInt dim = net->plan->spec.dim;
  PetscInt       lo[NET_DIM], hi[NET_DIM];

  for (PetscInt e = 0; e < NET_DIM; e++) {
    const PetscInt beyond = e >= dim ? 0 : e < d ? net->ring : more;

    lo[e] = -beyond;
    hi[e] = f->n[e] + beyond;
  }
  lo[d] = 0;
  hi[d] = 1;
  for (PetscInt z = lo[2]; z < hi[2]; z++)
    for (PetscInt y = lo[1]; y < hi[1]; y++) {
      NREAL *g = RowOf(f, b, y, z) + lo[0] * f->s[0] + ghost * f->s[d], *s = g + (source - ghost) * f->s[d];
      const ptrdiff_t n = (ptrdiff_t)(hi[0] - lo[0]) * f->c;

      if (action == FILL) {
        for (ptrdiff_t i = 0; i < n; i++) g[i] = sign > 0 ? s[i] : -s[i];
      } else if (action == CLEAR) {
        memset(g, 0, (size_t)n * sizeof(NREAL));
      } else {
        for (ptrdiff_t i = 0; i < n; i++) {
          s[i] += sign > 0 ? g[i] : -g[i];
          g[i] = 0;
        }
      }
    }
}

/* set the ghosts of the sides, one point deep: what stencils of this network read */
static void Sides(const Net *net, Field *f, Ghosts want)
{
  const MgnoNetSpec *s = &net->plan->spec;

  for (PetscInt d = 0; d < s->dim; d++)
    for (int upper = 0; upper < 2; upper++) {
      const Beyond   beyond = BeyondOf(net, f, d, upper);
      const PetscInt ghost  = upper ? f->n[d] : -1;
      const PetscBool torus = net->plan->torus[d];
      PetscInt        at    = 0;
      int             sign  = 0;
      Action          action;

      if (beyond == NEIGHBOUR) { /* the other end of a torus is a side too, where zeros are wanted */
        const PetscInt last = upper ? net->origin[0][d] + net->patch[0][d] : net->origin[0][d];

        if (want != ZERO_SIDES || !torus || last != (upper ? net->plan->level[0].n[d] : 0)) continue;
        action = CLEAR;
      } else if (want == ZERO_SIDES) {
        if (!torus && s->side[d][upper] == NET_ZERO) continue;
        action = CLEAR;
      } else if (want == ADJOINT && !torus) {
        continue; /* zero since the last fold */
      } else {
        sign = Source(s->side[d][upper], upper, f->n[d], &at);
        if (!sign) continue;
        action = FILL;
      }
      for (PetscInt b = 0; b < Count(net, f); b++) Slice(net, f, b, d, f->valid, ghost, at, sign, action);
    }
  f->filled = want;
}

/* the transpose of filling the sides: ring into the inner points, ring back to zero */
static void Fold(const Net *net, Field *f)
{
  const MgnoNetSpec *s = &net->plan->spec;

  if (!net->ghosts) return;
  for (PetscInt d = s->dim - 1; d >= 0; d--)
    for (int upper = 0; upper < 2; upper++) {
      const PetscInt ghost = upper ? f->n[d] : -1;
      PetscInt       at    = 0;
      int            sign;

      if (BeyondOf(net, f, d, upper) != SIDE) continue;
      sign = Source(s->side[d][upper], upper, f->n[d], &at);
      for (PetscInt b = 0; b < Count(net, f); b++) Slice(net, f, b, d, f->valid, ghost, sign ? at : ghost, sign, sign ? FOLD : CLEAR);
    }
}

#include "net_halo_impl.h"

static PetscBool Lacks(const Field *f, Ghosts want, PetscInt depth)
{
  return !f->whole && (f->valid < depth || (f->filled == ZERO_SIDES && want != ZERO_SIDES)) ? PETSC_TRUE : PETSC_FALSE;
}

/* Ghosts of up to two fields, one point deep at least, as `want` says, are asked for; deep: how many an exchange brings if the halo is wide. Until ReadyEnd only points that read no neighbour's ghosts may be
   worked on, and nothing else be exchanged. g may be NULL. Collective where the fields are in patches */
static PetscErrorCode ReadyBegin(Net *net, Field *f, Field *g, Ghosts want, PetscInt deep, Flight *t)
{
  Field *both[2] = {f, g};

  PetscFunctionBegin;
  t->n      = 0;
  t->moving = PETSC_FALSE;
  for (int i = 0; i < 2 && both[i]; i++) {
    if (Lacks(both[i], want, 1)) {
      t->f[t->n]       = both[i];
      t->want[t->n]    = want;
      t->width[t->n++] = net->base->split.wide ? deep : 1;
      both[i]->valid   = 0;
      Sides(net, both[i], want); /* those of the inner points travel along at the corners */
    } else if (both[i]->filled != want) {
      Sides(net, both[i], want);
    }
  }
  if (t->n) PetscCall(FlightBegin(net, t));
  for (int i = 0; i < t->n; i++) Sides(net, t->f[i], want); /* and now beyond what has come: the inner part may be worked on */
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode ReadyEnd(Net *net, Flight *t)
{
  PetscFunctionBegin;
  if (!t->n) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(FlightEnd(net, t));
  for (int i = 0; i < t->n; i++) Sides(net, t->f[i], t->want[i]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Ready(Net *net, Field *f, Ghosts want, PetscInt deep)
{
  Flight t;

  PetscFunctionBegin;
  PetscCall(ReadyBegin(net, f, NULL, want, deep, &t));
  PetscCall(ReadyEnd(net, &t));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* how far beyond a patch a gather with reach 1 can be right */
static PetscInt Beyonds(const Net *net, const Field *x, const Field *init)
{
  PetscInt e = x->valid - 1;

  if (!net->base->split.wide || x->whole) return 0;
  if (init) e = PetscMin(e, init->valid);
  return PetscMax(0, PetscMin(e, net->ring - 1));
}

/* the points of a gather: inner ones, `ring` of a side, `more` of a neighbour's */
static void Region(const Net *net, const Field *y, PetscInt ring, PetscInt more, PetscInt lo[], PetscInt hi[])
{
  for (PetscInt d = 0; d < NET_DIM; d++) {
    lo[d] = 0;
    hi[d] = y->n[d];
    for (int upper = 0; upper < 2 && d < net->plan->spec.dim; upper++) {
      const Beyond   beyond = BeyondOf(net, y, d, upper);
      const PetscInt by     = beyond == NEIGHBOUR ? more : beyond == SIDE ? ring : 0;

      if (upper) hi[d] += by;
      else lo[d] -= by;
    }
  }
}

/* ---- gathers ---- */

typedef struct {
  int          taps, ci, co;
  ptrdiff_t    offset[MGNO_TAPS];
  const NREAL *w[MGNO_TAPS];
} Taps;

/* output points y0 + ystep q, q < count, from x at x0 + xstep q; init: a field like y, or NULL */
static void Gather(const Net *net, const Taps *taps, const Field *x, const PetscInt x0[], PetscInt xstep, Field *y, const PetscInt y0[], PetscInt ystep, const PetscInt count[], const Field *init, NREAL sign)
{
  for (PetscInt b = 0; b < Count(net, y); b++)
    for (PetscInt k = 0; k < count[2]; k++)
      for (PetscInt j = 0; j < count[1]; j++) {
        const PetscInt z2 = y0[2] + ystep * k, y2 = y0[1] + ystep * j;
        const NREAL   *from = RowOf(x, b, x0[1] + xstep * j, x0[2] + xstep * k) + x0[0] * x->s[0];
        NREAL         *to   = RowOf(y, b, y2, z2) + y0[0] * y->s[0];
        const NREAL   *base = init ? RowOf(init, b, y2, z2) + y0[0] * init->s[0] : NULL;

        net->k->row(count[0], from, xstep * x->s[0], taps->taps, taps->offset, taps->w, taps->ci, taps->co, base, init ? ystep * init->s[0] : 0, sign, to, ystep * y->s[0]);
      }
}

/* y = init + sign K x, stride 1 or 2. flip: the adjoint of a stride-1 convolution, taps mirrored. ci: channels read, co: padded channels made. ring: evaluated on the ring of sides too.
   The ghosts of x must be ready where there is more than one tap. */
typedef struct {
  const NREAL    *w;
  const PetscInt *k, *p;
  PetscInt        stride;
  PetscBool       flip;
  PetscInt        ci;
  const Field    *x;
  Field          *y;
  PetscInt        ring;
  const Field    *init;
  NREAL           sign;
} Convolution;

/* its points lo .. hi - 1 */
static void ConvolveBox(const Net *net, const Convolution *c, const PetscInt lo[], const PetscInt hi[])
{
  PetscInt x0[NET_DIM], count[NET_DIM];
  Taps     taps = {.ci = (int)c->ci, .co = c->y->c};

  for (PetscInt d = 0; d < NET_DIM; d++) {
    x0[d]    = c->stride * lo[d];
    count[d] = hi[d] - lo[d];
    if (count[d] < 1) return;
  }
  for (PetscInt a2 = 0; a2 < c->k[2]; a2++)
    for (PetscInt a1 = 0; a1 < c->k[1]; a1++)
      for (PetscInt a0 = 0; a0 < c->k[0]; a0++) {
        const PetscInt a[NET_DIM] = {a0, a1, a2};
        ptrdiff_t      offset     = 0;

        for (PetscInt d = 0; d < net->plan->spec.dim; d++) offset += (c->flip ? c->p[d] - a[d] : a[d] - c->p[d]) * c->x->s[d];
        taps.offset[taps.taps] = offset;
        taps.w[taps.taps]      = c->w + (ptrdiff_t)taps.taps * c->ci * c->y->c;
        taps.taps++;
      }
  Gather(net, &taps, c->x, x0, c->stride, c->y, lo, 1, count, c->init, c->sign);
}

/* the part of a region that reads ghosts which are still on their way: `side` 0, 1; the rest: -1. Nothing is left to a wide halo's inner part: it is worked on beyond the patch afterwards */
static void Part(const Net *net, const Convolution *c, const Flight *t, int side, PetscInt lo[], PetscInt hi[])
{
  const PetscInt d = t->d, more = c->stride == 1 && c->k[0] > 1 ? Beyonds(net, c->x, c->init) : 0;
  PetscInt       from, to;

  Region(net, c->y, c->ring, more, lo, hi);
  if (!t->moving) return;
  from = lo[d] + (net->neighbour[d][0] >= 0 ? 1 : 0);
  to   = PetscMax(from, hi[d] - (net->neighbour[d][1] >= 0 ? 1 : 0));
  if (side < 0) lo[d] = from, hi[d] = to;
  else if (side == 0) hi[d] = from;
  else lo[d] = to;
}

static void Convolve(const Net *net, const NREAL *w, const PetscInt k[], const PetscInt p[], PetscInt stride, PetscBool flip, PetscInt ci, const Field *x, Field *y, PetscInt ring, const Field *init, NREAL sign)
{
  const Convolution c    = {w, k, p, stride, flip, ci, x, y, ring, init, sign};
  const PetscInt    more = stride == 1 && k[0] > 1 ? Beyonds(net, x, init) : 0;
  PetscInt          lo[NET_DIM], hi[NET_DIM];

  Region(net, y, ring, more, lo, hi);
  ConvolveBox(net, &c, lo, hi);
  y->valid  = more;
  y->filled = STALE;
}

/* several convolutions of the fields of a flight: what reads no ghosts of neighbours while these are on their way, the rest when they are there. Collective like ReadyEnd */
static PetscErrorCode ConvolveInFlight(Net *net, Flight *t, int n, const Convolution c[])
{
  const PetscBool apart = t->moving && !net->base->split.wide ? PETSC_TRUE : PETSC_FALSE;
  Flight          sides = *t;
  PetscInt        lo[NET_DIM], hi[NET_DIM];

  PetscFunctionBegin;
  for (int i = 0; i < n && apart; i++) {
    Part(net, &c[i], t, -1, lo, hi);
    ConvolveBox(net, &c[i], lo, hi);
  }
  PetscCall(ReadyEnd(net, t));
  for (int i = 0; i < n; i++) {
    for (int side = 0; side < 2 && apart; side++) {
      Part(net, &c[i], &sides, side, lo, hi);
      ConvolveBox(net, &c[i], lo, hi);
    }
    if (apart) Written(c[i].y);
    else Convolve(net, c[i].w, c[i].k, c[i].p, c[i].stride, c[i].flip, c[i].ci, c[i].x, c[i].y, c[i].ring, c[i].init, c[i].sign);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt FloorHalf(PetscInt i)
{
  return i >= 0 ? i / 2 : -((1 - i) / 2);
}

/* y = init + sign (transposed K) x: one gather per parity of the points of y */
static void Spread(const Net *net, const NREAL *w, const PetscInt k[], const PetscInt p[], PetscInt ci, const Field *x, Field *y, PetscInt ring, const Field *init, NREAL sign)
{
  const PetscInt dim = net->plan->spec.dim;
  PetscInt       lo[NET_DIM], hi[NET_DIM];

  Region(net, y, ring, 0, lo, hi);
  for (PetscInt phase = 0; phase < 1 << dim; phase++) {
    PetscInt first[NET_DIM] = {0}, q0[NET_DIM] = {0}, count[NET_DIM] = {1, 1, 1};
    Taps     taps = {.ci = (int)ci, .co = y->c};
    PetscInt tap  = 0;

    for (PetscInt d = 0; d < dim; d++) {
      const PetscInt f = phase >> d & 1; /* m = 2 q + f in [lo, hi) */

      q0[d]    = -FloorHalf(f - lo[d]);
      first[d] = 2 * q0[d] + f;
      count[d] = first[d] < hi[d] ? (hi[d] - 1 - first[d]) / 2 + 1 : 0;
    }
    for (PetscInt a2 = 0; a2 < k[2]; a2++)
      for (PetscInt a1 = 0; a1 < k[1]; a1++)
        for (PetscInt a0 = 0; a0 < k[0]; a0++, tap++) {
          const PetscInt a[NET_DIM] = {a0, a1, a2};
          ptrdiff_t      offset     = 0;
          PetscBool      even       = PETSC_TRUE;

          for (PetscInt d = 0; d < dim; d++) {
            const PetscInt twice = (phase >> d & 1) + p[d] - a[d];

            if (twice % 2) even = PETSC_FALSE;
            offset += FloorHalf(twice) * x->s[d];
          }
          if (!even) continue;
          taps.offset[taps.taps] = offset;
          taps.w[taps.taps++]    = w + (ptrdiff_t)tap * ci * y->c;
        }
    Gather(net, &taps, x, q0, 1, y, first, 2, count, init, sign);
  }
  Written(y);
}

/* where the gradient of a tensor is summed for sample b of a field */
static NREAL *Leaf(const Net *net, PetscInt tensor, const Field *f, PetscInt b, PetscInt leaf)
{
  const PetscInt unit = (FirstSample(net, f) + b) / net->base->unit;

  return (NREAL *)net->base->gradient + ((PetscInt64)unit * net->base->n_leaves + leaf) * net->base->n_packed + net->base->offset[tensor];
}

/* one block of one sample */
static void WeightBlock(const Net *net, const PetscInt k[], const Field *x, PetscInt xs, const Field *g, PetscInt gs, const PetscInt p[], const PetscInt lo[], const PetscInt hi[], PetscInt b, PetscInt ci, NREAL sign, NREAL *gw)
{
  const PetscInt  dim  = net->plan->spec.dim;
  const PetscInt  wide = hi[0] - lo[0], rows = hi[1] - lo[1], planes = hi[2] - lo[2];
  const PetscInt  some = PetscMax(1, CHUNK / PetscMax(wide, 1));
  const PetscBool x_moves = xs > 1 || gs == 1 ? PETSC_TRUE : PETSC_FALSE; /* which field the taps shift */

  for (PetscInt z = 0; z < planes; z++)
    for (PetscInt y = 0; y < rows; y += some) {
      PetscInt tap = 0;

      for (PetscInt a2 = 0; a2 < k[2]; a2++)
        for (PetscInt a1 = 0; a1 < k[1]; a1++)
          for (PetscInt a0 = 0; a0 < k[0]; a0++, tap++) {
            const PetscInt a[NET_DIM] = {a0, a1, a2};
            const NREAL   *px = RowOf(x, b, 0, 0), *pg = RowOf(g, b, 0, 0);

            for (PetscInt d = 0; d < dim; d++) {
              const PetscInt i = lo[d] + (d == 1 ? y : d == 2 ? z : 0);

              px += (xs * i + (x_moves ? a[d] - p[d] : 0)) * x->s[d];
              pg += (gs * i + (x_moves ? 0 : a[d] - p[d])) * g->s[d];
            }
            net->k->weight(PetscMin(some, rows - y), wide, px, xs * x->s[0], xs * x->s[1], pg, gs * g->s[0], gs * g->s[1], (int)ci, g->c, sign, gw + (ptrdiff_t)tap * ci * g->c);
          }
    }
}

/* g[tap][cx][cg] += sign sum over the points i of the coarser side, block by block, `ring` more beyond sides: x at (xs i + xa a - xp), g at (gs i + ga a - gp). The ghosts of the field that the taps
   shift must be ready. */
static void WeightGradient(const Net *net, PetscInt tensor, const PetscInt k[], const Field *x, PetscInt xs, const Field *g, PetscInt gs, const PetscInt p[], const Cuts *cuts, PetscInt ring, PetscInt ci, NREAL sign)
{
  for (PetscInt b = 0; b < Count(net, g); b++)
    for (PetscInt c = 0; c < cuts->n; c++) {
      PetscInt lo[NET_DIM], hi[NET_DIM];

      for (PetscInt d = 0; d < NET_DIM; d++) {
        lo[d] = cuts->lo[c][d] - (cuts->side[c][d][0] ? ring : 0);
        hi[d] = cuts->hi[c][d] + (cuts->side[c][d][1] ? ring : 0);
      }
      WeightBlock(net, k, x, xs, g, gs, p, lo, hi, b, ci, sign, Leaf(net, tensor, g, b, cuts->leaf + c));
    }
}

static void BiasGradient(const Net *net, PetscInt tensor, const Field *g, const Cuts *cuts, NREAL sign)
{
  for (PetscInt b = 0; b < Count(net, g); b++)
    for (PetscInt k = 0; k < cuts->n; k++) {
      NREAL *gb = Leaf(net, tensor, g, b, cuts->leaf + k);

      for (PetscInt z = cuts->lo[k][2]; z < cuts->hi[k][2]; z++)
        for (PetscInt y = cuts->lo[k][1]; y < cuts->hi[k][1]; y++) {
          const NREAL *row = RowOf(g, b, y, z) + cuts->lo[k][0] * g->s[0];

          for (PetscInt i = cuts->lo[k][0]; i < cuts->hi[k][0]; i++, row += g->c)
            for (PetscInt c = 0; c < g->c; c++) gb[c] += sign * row[c];
        }
    }
}

/* f += sign b wherever f is right */
static void AddBias(const Net *net, const NREAL *bias, NREAL sign, Field *f)
{
  PetscInt lo[NET_DIM], hi[NET_DIM];

  Region(net, f, 0, f->valid, lo, hi);
  for (PetscInt b = 0; b < Count(net, f); b++)
    for (PetscInt z = lo[2]; z < hi[2]; z++)
      for (PetscInt y = lo[1]; y < hi[1]; y++) {
        NREAL *row = RowOf(f, b, y, z) + lo[0] * f->s[0];

        for (PetscInt i = lo[0]; i < hi[0]; i++, row += f->c)
          for (PetscInt c = 0; c < f->c; c++) row[c] += sign * bias[c];
      }
}

static const PetscInt three[NET_DIM] = {3, 3, 3}, three2[NET_DIM] = {3, 3, 1}, single_tap[NET_DIM] = {1, 1, 1}, ones[NET_DIM] = {1, 1, 1}, zeros[NET_DIM] = {0, 0, 0};

static const PetscInt *Three(const Net *net)
{
  return net->plan->spec.dim == 3 ? three : three2;
}
