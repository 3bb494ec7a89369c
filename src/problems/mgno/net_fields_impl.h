/* Fields of the network and the gathers on them; part of net_impl.h, included once per precision.

   A field is channels-last with a ring of ghost points. Fill sets the ring by the boundary rule of each side, Fold is its transpose and leaves the ring zero. Convolve and Spread are the two
   sorts of gather, WeightGradient the sum over points that belongs to either. */

#define CHUNK 2048 /* points of a weight gradient that are worked on together: fields of so many points stay in the second-level cache over all taps */

typedef struct {
  NREAL    *data, *o;    /* allocation; the first inner point */
  ptrdiff_t s[NET_DIM];  /* stride of a point per dimension */
  PetscInt  n[NET_DIM], c; /* inner points, padded channels */
} Field;

typedef struct {
  NREAL *w, *wt, *g; /* packed [tap][ci][co padded]; adjoint [tap][co][ci padded]; gradient, as w */
} Pack;

/* one layer's fields; [level] */
typedef struct {
  Field f[NET_LEVELS], rr[NET_LEVELS], t[NET_LEVELS], normal[NET_LEVELS]; /* f_l; f - A' u; after P; normalised */
  Field *u[2], *r[2]; /* [first_smooth + i]: pre and post steps: u before the step, residual; u[.][last of the level + 1] is after */
  Field d;            /* sigma'(z) */
  PetscReal inverse[NET_LEVELS]; /* 1 / sqrt(s^2 + eps) */
} Store;

typedef struct {
  const MgnoPlan *plan;
  const NKERNELS *k;
  PetscBool       training, recompute, ghosts; /* ghosts: some side is not zero */
  PetscInt        ring;
  PetscInt        n_stores, steps[2][NET_LEVELS + 1]; /* first place of a level in u, r of a store */
  Store          *store;
  Field          *v;             /* [layers + 1] inputs of the layers and of the head */
  Field           z, out, ubar[NET_LEVELS], fbar[NET_LEVELS], q[NET_LEVELS], qf[NET_LEVELS], vbar;
  Pack           *pack;          /* [n_tensors] */
  NREAL          *weights;       /* all w and wt */
  PetscReal       bytes;
} Net;

static PetscErrorCode FieldCreate(Net *net, const PetscInt n[], PetscInt channels, Field *f)
{
  size_t    size  = 1;
  PetscInt  first = 0;
  ptrdiff_t stride;

  PetscFunctionBegin;
  f->c   = (channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
  stride = f->c;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt ring = d < net->plan->spec.dim ? net->ring : 0;

    f->n[d] = n[d];
    f->s[d] = stride;
    first += (PetscInt)(ring * stride);
    stride *= n[d] + 2 * ring;
  }
  size = (size_t)stride;
  PetscCall(PetscCalloc1(size, &f->data));
  net->bytes += (PetscReal)(size * sizeof(NREAL));
  f->o = f->data + first;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode FieldDestroy(Field *f)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(f->data));
  f->o = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static NREAL *RowOf(const Field *f, PetscInt y, PetscInt z)
{
  return f->o + y * f->s[1] + z * f->s[2];
}

static void Copy(const Field *from, Field *to)
{
  for (PetscInt z = 0; z < from->n[2]; z++)
    for (PetscInt y = 0; y < from->n[1]; y++) memcpy(RowOf(to, y, z), RowOf(from, y, z), (size_t)from->n[0] * (size_t)from->c * sizeof(NREAL));
}

static void Zero(Field *f)
{
  for (PetscInt z = 0; z < f->n[2]; z++)
    for (PetscInt y = 0; y < f->n[1]; y++) memset(RowOf(f, y, z), 0, (size_t)f->n[0] * (size_t)f->c * sizeof(NREAL));
}

static void AddTo(const Net *net, NREAL factor, const Field *a, Field *b)
{
  for (PetscInt z = 0; z < a->n[2]; z++)
    for (PetscInt y = 0; y < a->n[1]; y++) net->k->add((ptrdiff_t)a->n[0] * a->c, factor, RowOf(a, y, z), RowOf(b, y, z));
}

/* ---- ghosts ---- */

/* the inner point that ghost -1 - g (side 0) or n + g (side 1) mirrors, and with what sign; 0: none */
static int Source(NetSide side, int upper, PetscInt g, PetscInt n, PetscInt *at)
{
  switch (side) {
  case NET_REFLECT: *at = upper ? n - 2 - g : g + 1; return *at >= 0 && *at < n ? 1 : 0;
  case NET_SYMMETRIC: *at = upper ? n - 1 - g : g; return *at >= 0 && *at < n ? 1 : 0;
  case NET_WRAP: *at = upper ? g % n : (n - 1 - g % n); return 1;
  case NET_ODD: *at = upper ? n - 1 - g : g; return *at >= 0 && *at < n ? -1 : 0;
  default: return 0;
  }
}

/* One slice of ghosts of dimension d from (fill) or into (fold) its source: the slice spans the rings of the dimensions before d, and the inner points of those after it. */
static void Slice(const Net *net, Field *f, PetscInt d, PetscInt ghost, PetscInt source, int sign, PetscBool fold)
{
  const PetscInt dim = net->plan->spec.dim;
  PetscInt       lo[NET_DIM], hi[NET_DIM];

  for (PetscInt e = 0; e < NET_DIM; e++) {
    const PetscInt ring = e < d && e < dim ? net->ring : 0;

    lo[e] = -ring;
    hi[e] = f->n[e] + ring;
  }
  lo[d] = 0;
  hi[d] = 1;
  for (PetscInt z = lo[2]; z < hi[2]; z++)
    for (PetscInt y = lo[1]; y < hi[1]; y++) {
      NREAL *g = f->o + lo[0] * f->s[0] + y * f->s[1] + z * f->s[2] + ghost * f->s[d], *s = g + (source - ghost) * f->s[d];
      const ptrdiff_t n = (ptrdiff_t)(hi[0] - lo[0]) * f->c;

      if (!fold) {
        for (ptrdiff_t i = 0; i < n; i++) g[i] = sign > 0 ? s[i] : -s[i];
      } else {
        for (ptrdiff_t i = 0; i < n; i++) {
          s[i] += sign > 0 ? g[i] : -g[i];
          g[i] = 0;
        }
      }
    }
}

static void Fill(const Net *net, Field *f)
{
  if (!net->ghosts) return;
  for (PetscInt d = 0; d < net->plan->spec.dim; d++)
    for (int upper = 0; upper < 2; upper++)
      for (PetscInt g = 0; g < net->ring; g++) {
        PetscInt  at;
        const int sign = Source(net->plan->spec.side[d][upper], upper, g, f->n[d], &at);

        if (sign) Slice(net, f, d, upper ? f->n[d] + g : -1 - g, at, sign, PETSC_FALSE);
      }
}

/* the transpose of Fill: ring into the inner points, ring back to zero */
static void Fold(const Net *net, Field *f)
{
  if (!net->ghosts) return;
  for (PetscInt d = net->plan->spec.dim - 1; d >= 0; d--)
    for (int upper = 0; upper < 2; upper++)
      for (PetscInt g = 0; g < net->ring; g++) {
        PetscInt  at = 0;
        const int sign = Source(net->plan->spec.side[d][upper], upper, g, f->n[d], &at);

        if (sign) Slice(net, f, d, upper ? f->n[d] + g : -1 - g, at, sign, PETSC_TRUE);
        else Slice(net, f, d, upper ? f->n[d] + g : -1 - g, upper ? f->n[d] + g : -1 - g, -1, PETSC_TRUE);
      }
}

static void ClearRing(const Net *net, Field *f)
{
  if (!net->ghosts) return;
  for (PetscInt d = 0; d < net->plan->spec.dim; d++)
    for (int upper = 0; upper < 2; upper++)
      for (PetscInt g = 0; g < net->ring; g++) {
        const PetscInt ghost = upper ? f->n[d] + g : -1 - g;

        Slice(net, f, d, ghost, ghost, -1, PETSC_TRUE);
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
  for (PetscInt k = 0; k < count[2]; k++)
    for (PetscInt j = 0; j < count[1]; j++) {
      const PetscInt z2 = y0[2] + ystep * k, y2 = y0[1] + ystep * j;
      const NREAL   *from = x->o + x0[0] * x->s[0] + (x0[1] + xstep * j) * x->s[1] + (x0[2] + xstep * k) * x->s[2];
      NREAL         *to   = y->o + y0[0] * y->s[0] + y2 * y->s[1] + z2 * y->s[2];
      const NREAL   *base = init ? init->o + y0[0] * init->s[0] + y2 * init->s[1] + z2 * init->s[2] : NULL;

      net->k->row(count[0], from, xstep * x->s[0], taps->taps, taps->offset, taps->w, taps->ci, taps->co, base, init ? ystep * init->s[0] : 0, sign, to, ystep * y->s[0]);
    }
}

/* y = init + sign K x, stride 1 or 2; lo and hi: the points of y. flip: the adjoint of a stride-1 convolution, taps mirrored. ci: channels read, co: padded channels made */
static void Convolve(const Net *net, const NREAL *w, const PetscInt k[], const PetscInt p[], PetscInt stride, PetscBool flip, PetscInt ci, const Field *x, Field *y, PetscInt ring, const Field *init, NREAL sign)
{
  const PetscInt dim = net->plan->spec.dim;
  PetscInt       lo[NET_DIM] = {0}, x0[NET_DIM] = {0}, count[NET_DIM] = {1, 1, 1};
  Taps           taps = {.ci = (int)ci, .co = y->c};

  for (PetscInt d = 0; d < dim; d++) {
    lo[d]    = -ring;
    x0[d]    = stride * lo[d];
    count[d] = y->n[d] + 2 * ring;
  }
  for (PetscInt a2 = 0; a2 < k[2]; a2++)
    for (PetscInt a1 = 0; a1 < k[1]; a1++)
      for (PetscInt a0 = 0; a0 < k[0]; a0++) {
        const PetscInt a[NET_DIM] = {a0, a1, a2};
        ptrdiff_t      offset     = 0;

        for (PetscInt d = 0; d < dim; d++) offset += (flip ? p[d] - a[d] : a[d] - p[d]) * x->s[d];
        taps.offset[taps.taps] = offset;
        taps.w[taps.taps]      = w + (ptrdiff_t)taps.taps * ci * y->c;
        taps.taps++;
      }
  Gather(net, &taps, x, x0, stride, y, lo, 1, count, init, sign);
}

static PetscInt FloorHalf(PetscInt i)
{
  return i >= 0 ? i / 2 : -((1 - i) / 2);
}

/* y = init + sign (transposed K) x: one gather per parity of the points of y */
static void Spread(const Net *net, const NREAL *w, const PetscInt k[], const PetscInt p[], PetscInt ci, const Field *x, Field *y, PetscInt ring, const Field *init, NREAL sign)
{
  const PetscInt dim = net->plan->spec.dim;

  for (PetscInt phase = 0; phase < 1 << dim; phase++) {
    PetscInt first[NET_DIM] = {0}, q0[NET_DIM] = {0}, count[NET_DIM] = {1, 1, 1};
    Taps     taps = {.ci = (int)ci, .co = y->c};
    PetscInt tap  = 0;

    for (PetscInt d = 0; d < dim; d++) {
      const PetscInt f = phase >> d & 1, lo = -ring, hi = y->n[d] + ring; /* m = 2 q + f in [lo, hi) */

      q0[d]    = -FloorHalf(f - lo);
      first[d] = 2 * q0[d] + f;
      count[d] = first[d] < hi ? (hi - 1 - first[d]) / 2 + 1 : 0;
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
}

/* g[tap][cx][cg] += sign sum over points i in [-ring, n + ring) of the coarser side: x at (xs i + xa a - xp), g at (gs i + ga a - gp) */
static void WeightGradient(const Net *net, const PetscInt k[], const Field *x, PetscInt xs, const Field *g, PetscInt gs, const PetscInt p[], const PetscInt n[], PetscInt ring, PetscInt ci, NREAL sign, NREAL *gw)
{
  const PetscInt dim  = net->plan->spec.dim;
  const PetscInt wide = n[0] + 2 * ring, rows = dim > 1 ? n[1] + 2 * ring : 1, planes = dim > 2 ? n[2] + 2 * ring : 1, lo[NET_DIM] = {-ring, dim > 1 ? -ring : 0, dim > 2 ? -ring : 0};
  const PetscInt some = PetscMax(1, CHUNK / wide);
  const PetscBool x_moves = xs > 1 || gs == 1 ? PETSC_TRUE : PETSC_FALSE; /* which field the taps shift */

  for (PetscInt z = 0; z < planes; z++)
    for (PetscInt y = 0; y < rows; y += some) {
      PetscInt tap = 0;

      for (PetscInt a2 = 0; a2 < k[2]; a2++)
        for (PetscInt a1 = 0; a1 < k[1]; a1++)
          for (PetscInt a0 = 0; a0 < k[0]; a0++, tap++) {
            const PetscInt a[NET_DIM] = {a0, a1, a2};
            const NREAL   *px = x->o, *pg = g->o;

            for (PetscInt d = 0; d < dim; d++) {
              const PetscInt i = lo[d] + (d == 1 ? y : d == 2 ? z : 0);

              px += (xs * i + (x_moves ? a[d] - p[d] : 0)) * x->s[d];
              pg += (gs * i + (x_moves ? 0 : a[d] - p[d])) * g->s[d];
            }
            net->k->weight(PetscMin(some, rows - y), wide, px, xs * x->s[0], xs * x->s[1], pg, gs * g->s[0], gs * g->s[1], (int)ci, g->c, sign, gw + (ptrdiff_t)tap * ci * g->c);
          }
    }
}

static void BiasGradient(const Field *g, NREAL sign, NREAL *gb)
{
  for (PetscInt z = 0; z < g->n[2]; z++)
    for (PetscInt y = 0; y < g->n[1]; y++) {
      const NREAL *row = RowOf(g, y, z);

      for (PetscInt i = 0; i < g->n[0]; i++, row += g->c)
        for (PetscInt c = 0; c < g->c; c++) gb[c] += sign * row[c];
    }
}

static void AddBias(const NREAL *b, NREAL sign, Field *f)
{
  for (PetscInt z = 0; z < f->n[2]; z++)
    for (PetscInt y = 0; y < f->n[1]; y++) {
      NREAL *row = RowOf(f, y, z);

      for (PetscInt i = 0; i < f->n[0]; i++, row += f->c)
        for (PetscInt c = 0; c < f->c; c++) row[c] += sign * b[c];
    }
}

static const PetscInt three[NET_DIM] = {3, 3, 3}, three2[NET_DIM] = {3, 3, 1}, single_tap[NET_DIM] = {1, 1, 1}, ones[NET_DIM] = {1, 1, 1}, zeros[NET_DIM] = {0, 0, 0};

static const PetscInt *Three(const Net *net)
{
  return net->plan->spec.dim == 3 ? three : three2;
}
