/* The V-cycle, the layers and the whole network forward (part of net_impl.h). */

/* ---- the V-cycle forward ---- */

/* u_after = u + S (f - A u); the residual stays in r. with A < 0: u_after = S f */
static PetscErrorCode Smooth(Net *net, PetscInt after, PetscInt at, Field *f, Field *u, Field *r, Field *u_after, PetscInt cf)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at];
  Field          *from = f;
  Flight          t;

  PetscFunctionBegin;
  if (A >= 0) {
    const Convolution c = {net->pack[A].w, Three(net), ones, 1, PETSC_FALSE, C, u, r, 0, f, -1};

    if (net->base->split.wide && !u->whole && (u->valid < 3 || f->valid < 2)) { /* then S and whatever follows it need no exchange */
      Flight both = {.n = f->valid < 2 ? 2 : 1, .f = {u, f}, .width = {3, 2}};

      PetscCall(FlightBegin(net, &both));
      PetscCall(FlightEnd(net, &both));
    }
    PetscCall(ReadyBegin(net, u, NULL, PRIMAL, 3, &t));
    PetscCall(ConvolveInFlight(net, &t, 1, &c));
    if (Ab >= 0) AddBias(net, net->pack[Ab].w, -1, r);
    from = r;
  }
  PetscCall(ReadyBegin(net, from, NULL, PRIMAL, 2, &t));
  PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){net->pack[S].w, Three(net), ones, 1, PETSC_FALSE, cf, from, u_after, 0, A >= 0 ? u : NULL, 1}));
  if (Sb >= 0) AddBias(net, net->pack[Sb].w, 1, u_after);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt Pre(const Net *net, PetscInt l)
{
  return net->plan->spec.pre[l];
}

static PetscInt Post(const Net *net, PetscInt l)
{
  return l + 1 < net->plan->spec.levels ? net->plan->spec.post[l] : 0;
}

/* places of a level's fields in a store: pre steps have u before each and one after the last, so have post steps */
static Field *U(const Net *net, Store *store, PetscInt after, PetscInt l, PetscInt i)
{
  return &store->u[after][net->steps[after][l] + i];
}

static Field *Rs(const Net *net, Store *store, PetscInt after, PetscInt l, PetscInt i)
{
  return &store->r[after][net->steps[after][l] + i];
}

/* the blocks of a level: of what is done on it, and of the transfers between it and the finer one */
static const Cuts *LevelCuts(const Net *net, PetscInt l)
{
  return l < net->plan->n_cut ? &net->cut[l] : &net->one[l];
}

static const Cuts *TransferCuts(const Net *net, PetscInt l)
{
  return l <= net->plan->n_cut ? &net->cut[l] : &net->one[l];
}

/* level l is the first that is held whole while the finer one is in patches */
static PetscBool Bridges(const Net *net, PetscInt l)
{
  return l > 0 && l == net->n_patch && net->base->shared ? PETSC_TRUE : PETSC_FALSE;
}

/* u_0 of the cycle, in a field of the store; f[0] of the store must be set */
static PetscErrorCode Cycle(Net *net, PetscInt layer, Store *store, Field **cycle)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels;
  const Ghosts       seen = s->zero_transposed ? ZERO_SIDES : PRIMAL; /* what P sees beyond the sides */
  Field             *up   = NULL;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < L; l++) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[0][at];

    if (l) {
      const MgnoLevel *fine   = &plan->level[l - 1];
      const PetscBool  bridge = Bridges(net, l);
      Convolution      down[2];
      Flight           t;
      Field           *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = &store->f[l - 1], *u = U(net, store, 0, l, 0), *f_to = bridge ? &net->bridge_f : &store->f[l], *u_to = bridge ? &net->bridge_u : u;

      if (s->coarse == NET_RESTRICT_RESIDUAL) {
        source = &store->rr[l];
        PetscCall(ReadyBegin(net, before, NULL, PRIMAL, 1, &t));
        PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){net->pack[plan->Ar[at]].w, Three(net), ones, 1, PETSC_FALSE, s->channels, before, source, 0, &store->f[l - 1], -1}));
      }
      PetscCall(ReadyBegin(net, before, source, PRIMAL, 1, &t));
      down[0] = (Convolution){net->pack[plan->R[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, cf, source, f_to, 0, NULL, 1};
      if (plan->Pi[at] >= 0) down[1] = (Convolution){net->pack[plan->Pi[at]].w, fine->kr, fine->p, 2, PETSC_FALSE, s->channels, before, u_to, 0, NULL, 1};
      PetscCall(ConvolveInFlight(net, &t, plan->Pi[at] >= 0 ? 2 : 1, down));
      if (plan->Pi[at] < 0) Zero(net, u); /* the coarse problem begins at zero */
      if (bridge) PetscCall(Transpose(net, l, f_to, &store->f[l], PETSC_TRUE, 0));
      if (bridge && plan->Pi[at] >= 0) PetscCall(Transpose(net, l, u_to, u, PETSC_TRUE, 0));
    }
    for (PetscInt i = 0; i < Pre(net, l); i++) PetscCall(Smooth(net, 0, first + i, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), U(net, store, 0, l, i + 1), cf));
  }
  up = U(net, store, 0, L - 1, Pre(net, L - 1));
  for (PetscInt l = L - 2; l >= 0; l--) {
    const PetscInt   at   = layer * L + l, first = plan->first_smooth[1][at];
    const MgnoLevel *fine = &plan->level[l];
    Field           *sum  = s->norm != NET_NO_NORM ? &store->t[l] : U(net, store, 1, l, 0);
    const PetscInt   P    = plan->P[at + 1];

    PetscCall(Ready(net, up, seen, 1));
    if (Bridges(net, l + 1)) {
      PetscCall(Transpose(net, l + 1, &store->bridge, up, PETSC_FALSE, 1));
      up = &store->bridge;
    }
    Spread(net, s->tie == NET_TIE_NONE ? net->pack[P].w : net->pack[P].wt, fine->kp, fine->p, s->channels, up, sum, 0, U(net, store, 0, l, Pre(net, l)), 1);
    if (s->norm != NET_NO_NORM) PetscCall(Normalise(net, at, l, LevelCuts(net, l), sum, &store->normal[l], U(net, store, 1, l, 0), store->inverse[l]));
    up = U(net, store, 1, l, 0);
    for (PetscInt i = 0; i < Post(net, l); i++) {
      PetscCall(Smooth(net, 1, first + i, &store->f[l], up, Rs(net, store, 1, l, i), U(net, store, 1, l, i + 1), cf));
      up = U(net, store, 1, l, i + 1);
    }
  }
  *cycle = up;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the ring of all samples back to zero */
static void ClearRing(const Net *net, Field *f)
{
  const PetscInt dim = net->plan->spec.dim, ring = net->ring, ry = dim > 1 ? ring : 0, rz = dim > 2 ? ring : 0;

  for (PetscInt b = 0; b < f->room; b++)
    for (PetscInt z = -rz; z < f->n[2] + rz; z++)
      for (PetscInt y = -ry; y < f->n[1] + ry; y++) {
        NREAL       *row  = RowOf(f, b, y, z);
        const size_t side = (size_t)ring * (size_t)f->c * sizeof(NREAL);

        if (y < 0 || y >= f->n[1] || z < 0 || z >= f->n[2]) {
          memset(row - ring * f->s[0], 0, 2 * side + (size_t)f->n[0] * (size_t)f->c * sizeof(NREAL));
        } else {
          memset(row - ring * f->s[0], 0, side);
          memset(row + f->n[0] * f->s[0], 0, side);
        }
      }
}

/* Fields that carry C_f channels and are shared by the layers have another padding in the first one: views with the strides of that many channels. What they hold is written before it is read. */
static void View(const Net *net, PetscInt channels, Field *f)
{
  const PetscInt c     = (channels + MGNO_PAD - 1) / MGNO_PAD * MGNO_PAD;
  ptrdiff_t      first = 0, stride = c;

  if (f->c == c || !f->data) return;
  f->c = c;
  for (PetscInt d = 0; d < NET_DIM; d++) {
    const PetscInt ring = d < net->plan->spec.dim ? net->ring : 0;

    f->s[d] = stride;
    first += ring * stride;
    stride *= f->n[d] + 2 * ring;
  }
  f->sample = stride;
  f->o      = f->data + first;
  ClearRing(net, f);
  Written(f);
}

/* v^(t+1) = sigma(W v + B v + b) */
static PetscErrorCode Layer(Net *net, PetscInt t, Store *store)
{
  const MgnoNetSpec *s  = &net->plan->spec;
  const PetscInt     cf = t ? s->channels : s->c_in, shared = PetscMin(cf, s->channels);
  Field             *u, *v = &net->v[t], *next = &net->v[t + 1], *z = &net->z;

  PetscFunctionBegin;
  for (PetscInt l = 0; l < s->levels; l++) {
    if (l) View(net, cf, &store->f[l]);
    if (l && s->coarse == NET_RESTRICT_RESIDUAL) View(net, cf, &store->rr[l]);
    for (PetscInt after = 0; after < 2; after++)
      for (PetscInt i = 0; i < (after ? Post(net, l) : Pre(net, l)); i++) View(net, cf, Rs(net, store, after, l, i));
  }
  View(net, cf, &net->bridge_f);
  store->f[0] = *v; /* borrowed */
  PetscCall(Cycle(net, t, store, &u));
  FOR_ROWS(net, z, sample, j, k)
  {
    NREAL          *row  = RowOf(z, sample, j, k);
    const NREAL    *from = RowOf(v, sample, j, k), *cycle = RowOf(u, sample, j, k);
    const ptrdiff_t n    = (ptrdiff_t)z->n[0] * z->c;

    if (s->skip == NET_AFFINE) {
      const ptrdiff_t here = 0;
      const NREAL    *w = net->pack[net->plan->B[t]].w, *b = net->pack[net->plan->b[t]].w;

      net->k->row(z->n[0], from, v->c, 1, &here, &w, (int)cf, z->c, cycle, u->c, 1, row, z->c);
      for (PetscInt i = 0; i < z->n[0]; i++)
        for (PetscInt c = 0; c < z->c; c++) row[i * z->c + c] += b[c];
    } else {
      memcpy(row, cycle, (size_t)n * sizeof(NREAL));
      for (PetscInt i = 0; i < z->n[0] && s->skip == NET_RESIDUAL_INPUT; i++)
        for (PetscInt c = 0; c < shared; c++) row[i * z->c + c] += from[i * v->c + c];
    }
    net->k->act(s->activation, n, row, RowOf(next, sample, j, k), net->training ? RowOf(&store->d, sample, j, k) : NULL); /* sigma(0) = 0 for all of them: the padding stays zero */
  }
  Written(next);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static Store *StoreOf(Net *net, PetscInt layer)
{
  return &net->store[net->n_stores > 1 ? layer : 0];
}

static PetscErrorCode Forward(MgnoNet n, const PetscReal *in, PetscReal *out)
{
  Net               *net = n->own;
  const MgnoNetSpec *s   = &net->plan->spec;

  PetscFunctionBegin;
  PetscCall(InOut(net, (PetscReal *)in, s->c_in, &net->v[0], PETSC_TRUE));
  for (PetscInt t = 0; t < s->layers; t++) PetscCall(Layer(net, t, StoreOf(net, t)));
  Convolve(net, net->pack[net->plan->H].w, single_tap, zeros, 1, PETSC_FALSE, s->channels, &net->v[s->layers], &net->out, 0, NULL, 1);
  PetscCall(InOut(net, out, s->c_out, &net->out, PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}
