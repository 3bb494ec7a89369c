/* The V-cycle, the layers and the whole network backward (part of net_impl.h). */

/* ---- backward ---- */

/* backward of Smooth: ubar is that of u after, and becomes that of u before; fbar is added to */
static PetscErrorCode SmoothBack(Net *net, PetscInt after, PetscInt at, PetscInt l, const Field *f, const Field *u, const Field *r, Field *ubar, Field *fbar, PetscInt cf, PetscBool need_f)
{
  const MgnoPlan *plan = net->plan;
  const PetscInt  C = plan->spec.channels, S = plan->S[after][at], A = plan->A[after][at], Sb = plan->Sb[after][at], Ab = plan->Ab[after][at], ring = net->ghosts ? 1 : 0;
  const Cuts     *cuts = LevelCuts(net, l);
  Field          *q = &net->qf[l];
  Flight          t;

  PetscFunctionBegin;
  if (A >= 0 || need_f) PetscCall(ReadyBegin(net, ubar, NULL, ADJOINT, A >= 0 ? 2 : 1, &t)); /* its sums need the ghosts of the other field */
  WeightGradient(net, S, Three(net), A >= 0 ? r : f, 1, ubar, 1, ones, cuts, 0, cf, 1);
  if (Sb >= 0) BiasGradient(net, Sb, ubar, cuts, 1);
  if (A < 0) {
    if (!need_f) PetscFunctionReturn(PETSC_SUCCESS);
    PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, fbar, ring, fbar, 1}));
    Fold(net, fbar);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){net->pack[S].wt, Three(net), ones, 1, PETSC_TRUE, C, ubar, q, ring, NULL, 1}));
  Fold(net, q);
  PetscCall(ReadyBegin(net, q, NULL, ADJOINT, 1, &t));
  AddTo(net, 1, q, fbar);
  WeightGradient(net, A, Three(net), u, 1, q, 1, ones, cuts, 0, C, -1);
  if (Ab >= 0) BiasGradient(net, Ab, q, cuts, -1);
  PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){net->pack[A].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, ubar, ring, ubar, -1}));
  Fold(net, ubar);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* backward of the step from level l + 1 up: ubar[l + 1] += P' ubar[l] */
static PetscErrorCode UpBack(Net *net, PetscInt layer, PetscInt l, Store *store)
{
  const MgnoPlan    *plan   = net->plan;
  const MgnoNetSpec *s      = &plan->spec;
  const PetscInt     L      = s->levels, C = s->channels, P = plan->P[layer * L + l + 1], ring = s->zero_transposed || !net->ghosts ? 0 : 1;
  const MgnoLevel   *fine   = &plan->level[l];
  const PetscBool    bridge = Bridges(net, l + 1);
  const Cuts        *cuts   = TransferCuts(net, l + 1);
  Field             *coarse = l + 1 == L - 1 ? U(net, store, 0, L - 1, Pre(net, L - 1)) : U(net, store, 1, l + 1, Post(net, l + 1)), *to = &net->ubar[l + 1];
  Flight             t;

  PetscFunctionBegin;
  if (bridge) {
    coarse = &store->bridge;
    to     = &net->bridge_u;
    Zero(net, to);
  }
  PetscCall(ReadyBegin(net, &net->ubar[l], NULL, s->zero_transposed ? ZERO_SIDES : ADJOINT, 1, &t));
  PetscCall(ConvolveInFlight(net, &t, 1, &(Convolution){s->tie == NET_TIE_NONE ? net->pack[P].wt : net->pack[P].w, fine->kp, fine->p, 2, PETSC_FALSE, C, &net->ubar[l], to, ring, to, 1}));
  /* x = the coarse field, y = ours. Tied, the kernel is that of R with the roles of the fields exchanged */
  if (s->tie == NET_TIE_NONE) WeightGradient(net, P, fine->kp, coarse, 1, &net->ubar[l], 2, fine->p, cuts, ring, C, 1);
  else WeightGradient(net, P, fine->kp, &net->ubar[l], 2, coarse, 1, fine->p, cuts, ring, C, 1);
  Fold(net, to);
  if (bridge) PetscCall(Transpose(net, l + 1, to, &net->ubar[l + 1], PETSC_TRUE, 0));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* backward of the step down to level l: ubar[l - 1] += Pi' ubar[l], fbar[l - 1] += R' fbar[l], or with the residual restricted q = R' fbar[l], fbar[l - 1] += q, ubar[l - 1] -= A' q */
static PetscErrorCode DownBack(Net *net, PetscInt layer, PetscInt l, Store *store, PetscInt cf, PetscBool need_f)
{
  const MgnoPlan    *plan   = net->plan;
  const MgnoNetSpec *s      = &plan->spec;
  const PetscInt     at     = layer * s->levels + l, C = s->channels, ring = net->ghosts ? 1 : 0;
  const MgnoLevel   *fine   = &plan->level[l - 1];
  const PetscBool    bridge = Bridges(net, l);
  const Cuts        *cuts   = TransferCuts(net, l);
  Field             *before = U(net, store, 0, l - 1, Pre(net, l - 1)), *source = s->coarse == NET_RESTRICT_RESIDUAL ? &store->rr[l] : &store->f[l - 1], *ubar = &net->ubar[l], *fbar = &net->fbar[l];
  Flight             t;

  PetscFunctionBegin;
  PetscCall(ReadyBegin(net, fbar, plan->Pi[at] >= 0 ? ubar : NULL, ADJOINT, 1, &t));
  if (bridge) { /* whole fields: nothing is on its way */
    PetscCall(Transpose(net, l, &net->bridge_f, fbar, PETSC_FALSE, 1));
    fbar = &net->bridge_f;
    if (plan->Pi[at] >= 0) PetscCall(Transpose(net, l, &net->bridge_u, ubar, PETSC_FALSE, 1));
    ubar = &net->bridge_u;
  }
  if (plan->Pi[at] >= 0) WeightGradient(net, plan->Pi[at], fine->kr, before, 2, ubar, 1, fine->p, cuts, 0, C, 1);
  WeightGradient(net, plan->R[at], fine->kr, source, 2, fbar, 1, fine->p, cuts, 0, cf, 1);
  PetscCall(ReadyEnd(net, &t));
  if (plan->Pi[at] >= 0) {
    Spread(net, net->pack[plan->Pi[at]].wt, fine->kr, fine->p, C, ubar, &net->ubar[l - 1], ring, &net->ubar[l - 1], 1);
    Fold(net, &net->ubar[l - 1]);
  }
  if (s->coarse == NET_RESTRICT_RESIDUAL) {
    Field *q = &net->qf[l - 1];

    Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, fbar, q, ring, NULL, 1);
    Fold(net, q);
    AddTo(net, 1, q, &net->fbar[l - 1]);
    WeightGradient(net, plan->Ar[at], Three(net), before, 1, q, 1, ones, LevelCuts(net, l - 1), 0, C, -1);
    PetscCall(Ready(net, q, ADJOINT, 1));
    Convolve(net, net->pack[plan->Ar[at]].wt, Three(net), ones, 1, PETSC_TRUE, cf, q, &net->ubar[l - 1], ring, &net->ubar[l - 1], -1);
    Fold(net, &net->ubar[l - 1]);
  } else if (need_f || l > 1) {
    Spread(net, net->pack[plan->R[at]].wt, fine->kr, fine->p, cf, fbar, &net->fbar[l - 1], ring, &net->fbar[l - 1], 1);
    Fold(net, &net->fbar[l - 1]);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ubar[0] in, fbar[0] added to */
static PetscErrorCode CycleBack(Net *net, PetscInt layer, Store *store, PetscBool need_f)
{
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const PetscInt     cf   = layer ? s->channels : s->c_in, L = s->levels;

  PetscFunctionBegin;
  for (PetscInt l = 1; l < L; l++) {
    Zero(net, &net->ubar[l]);
    Zero(net, &net->fbar[l]);
  }
  for (PetscInt l = 0; l < L - 1; l++) {
    const PetscInt at = layer * L + l, first = plan->first_smooth[1][at];

    for (PetscInt i = Post(net, l) - 1; i >= 0; i--)
      PetscCall(SmoothBack(net, 1, first + i, l, &store->f[l], U(net, store, 1, l, i), Rs(net, store, 1, l, i), &net->ubar[l], &net->fbar[l], cf, PETSC_TRUE));
    if (s->norm != NET_NO_NORM) PetscCall(NormaliseBack(net, at, l, LevelCuts(net, l), &store->normal[l], store->inverse[l], &net->ubar[l]));
    PetscCall(UpBack(net, layer, l, store));
  }
  for (PetscInt l = L - 1; l >= 0; l--) {
    const PetscInt first = plan->first_smooth[0][layer * L + l];

    for (PetscInt i = Pre(net, l) - 1; i >= 0; i--)
      PetscCall(SmoothBack(net, 0, first + i, l, &store->f[l], U(net, store, 0, l, i), Rs(net, store, 0, l, i), &net->ubar[l], &net->fbar[l], cf, need_f || l > 0 ? PETSC_TRUE : PETSC_FALSE));
    if (l) PetscCall(DownBack(net, layer, l, store, cf, need_f));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Backward(MgnoNet n, const PetscReal *out_bar, PetscReal *in_bar)
{
  Net               *net  = n->own;
  const MgnoPlan    *plan = net->plan;
  const MgnoNetSpec *s    = &plan->spec;
  const Cuts        *cuts = LevelCuts(net, 0);
  Field             *out = &net->out, *vbar = &net->vbar;

  PetscFunctionBegin;
  PetscCheck(net->training, PETSC_COMM_SELF, PETSC_ERR_ORDER, "the network was not created for training");
  PetscCall(InOut(net, (PetscReal *)out_bar, s->c_out, out, PETSC_TRUE));
  WeightGradient(net, plan->H, single_tap, &net->v[s->layers], 1, out, 1, zeros, cuts, 0, s->channels, 1);
  Convolve(net, net->pack[plan->H].wt, single_tap, zeros, 1, PETSC_FALSE, s->c_out, out, vbar, 0, NULL, 1);
  for (PetscInt t = s->layers - 1; t >= 0; t--) {
    const PetscInt  cf    = t ? s->channels : s->c_in;
    Store          *store = StoreOf(net, t);
    Field          *ubar  = &net->ubar[0], *fbar = &net->fbar[0];
    const PetscBool need  = t > 0 || in_bar ? PETSC_TRUE : PETSC_FALSE;

    if (net->n_stores == 1 && s->layers > 1) PetscCall(Layer(net, t, store)); /* recompute */
    for (PetscInt l = 0; l < s->levels; l++) {
      View(net, cf, &net->fbar[l]);
      View(net, cf, &net->qf[l]);
    }
    View(net, cf, &net->bridge_f);
    FOR_ROWS(net, vbar, b, j, k)
    {
      NREAL *row = RowOf(ubar, b, j, k);

      memcpy(row, RowOf(vbar, b, j, k), (size_t)vbar->n[0] * (size_t)vbar->c * sizeof(NREAL));
      net->k->multiply((ptrdiff_t)vbar->n[0] * vbar->c, RowOf(&store->d, b, j, k), row);
    }
    Written(ubar);
    if (s->skip != NET_AFFINE || !need) Zero(net, fbar);
    if (s->skip == NET_AFFINE) {
      WeightGradient(net, plan->B[t], single_tap, &net->v[t], 1, ubar, 1, zeros, cuts, 0, cf, 1);
      BiasGradient(net, plan->b[t], ubar, cuts, 1);
      if (need) Convolve(net, net->pack[plan->B[t]].wt, single_tap, zeros, 1, PETSC_FALSE, s->channels, ubar, fbar, 0, NULL, 1);
    } else if (s->skip == NET_RESIDUAL_INPUT) {
      FOR_ROWS(net, fbar, b, j, k)
      {
        for (PetscInt i = 0; i < fbar->n[0]; i++)
          for (PetscInt c = 0; c < PetscMin(cf, s->channels); c++) RowOf(fbar, b, j, k)[i * fbar->c + c] = RowOf(ubar, b, j, k)[i * ubar->c + c];
      }
    }
    PetscCall(CycleBack(net, t, store, need));
    if (t) Copy(net, fbar, vbar);
  }
  if (in_bar) PetscCall(InOut(net, in_bar, s->c_in, &net->fbar[0], PETSC_FALSE));
  PetscFunctionReturn(PETSC_SUCCESS);
}
