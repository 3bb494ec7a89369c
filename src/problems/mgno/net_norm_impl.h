/* Layer normalisation of the network, forward and backward (part of net_impl.h). */

/* ---- normalisation: per sample, over all points and channels of a level ---- */

/* Sums over the points of each sample: of every block by itself, then over the blocks in their order. part [samples][blocks][width] has the sums of this rank's blocks; sum [samples][width] */
static PetscErrorCode OverBlocks(Net *net, const Field *f, PetscInt total, PetscInt width, PetscReal *part, PetscReal *sum)
{
  const PetscInt samples = Count(net, f);

  PetscFunctionBegin;
  if (!f->whole) PetscCallMPI(MPI_Allreduce(MPI_IN_PLACE, part, (PetscMPIInt)(samples * total * width), MPIU_REAL, MPI_SUM, net->base->split.comm)); /* one contribution each: exact */
  for (PetscInt b = 0; b < samples; b++)
    for (PetscInt w = 0; w < width; w++) {
      sum[b * width + w] = 0;
      for (PetscInt k = 0; k < total; k++) sum[b * width + w] += part[(b * total + k) * width + w];
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* number of a point of a level, for weights that belong to points */
static ptrdiff_t PointNumber(const Net *net, PetscInt l, const Field *f, PetscInt y, PetscInt z)
{
  const PetscInt *n = net->plan->level[l].n, none[NET_DIM] = {0, 0, 0}, *origin = f->whole ? none : net->origin[l];

  return ((ptrdiff_t)(origin[2] + z) * n[1] + origin[1] + y) * n[0] + origin[0];
}

static PetscErrorCode Normalise(Net *net, PetscInt at, PetscInt l, const Cuts *cuts, const Field *t, Field *normal, Field *out, PetscReal *inverse)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt *n     = plan->level[l].n;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at], samples = Count(net, t), total = cuts == &net->one[l] ? 1 : plan->n_blocks;
  const PetscReal count = (PetscReal)n[0] * n[1] * n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal      *part, *sum, *mean;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(samples * total + 1, &part, samples + 1, &sum, samples + 1, &mean));
  for (int pass = 0; pass < 2; pass++) { /* the mean, then squares about it */
    PetscCall(PetscArrayzero(part, samples * total));
    for (PetscInt b = 0; b < samples; b++)
      for (PetscInt k = 0; k < cuts->n; k++) {
        PetscReal block = 0;

        for (PetscInt z = cuts->lo[k][2]; z < cuts->hi[k][2]; z++)
          for (PetscInt y = cuts->lo[k][1]; y < cuts->hi[k][1]; y++) {
            const NREAL *row = RowOf(t, b, y, z) + cuts->lo[k][0] * t->s[0];
            PetscReal    line = 0;

            for (PetscInt i = cuts->lo[k][0]; i < cuts->hi[k][0]; i++, row += t->c)
              for (PetscInt c = 0; c < C; c++) line += pass ? (row[c] - mean[b]) * (row[c] - mean[b]) : row[c];
            block += line;
          }
        part[b * total + cuts->number[k]] = block;
      }
    PetscCall(OverBlocks(net, t, total, 1, part, sum));
    for (PetscInt b = 0; b < samples; b++) {
      if (pass) inverse[b] = 1 / PetscSqrtReal(sum[b] / count + 1e-5);
      else mean[b] = sum[b] / count;
    }
  }
  FOR_ROWS(net, t, b, y, z)
  {
    const NREAL *row = RowOf(t, b, y, z);
    NREAL       *hat = RowOf(normal, b, y, z), *to = RowOf(out, b, y, z);
    ptrdiff_t    point = PointNumber(net, l, t, y, z);

    for (PetscInt i = 0; i < t->n[0]; i++, row += t->c, hat += t->c, to += t->c, point++)
      for (PetscInt c = 0; c < C; c++) {
        hat[c] = (NREAL)((row[c] - mean[b]) * inverse[b]);
        to[c]  = gamma < 0 ? hat[c] : net->pack[gamma].w[step * point * t->c + c] * hat[c] + net->pack[beta].w[step * point * t->c + c];
      }
  }
  Written(out);
  PetscCall(PetscFree3(part, sum, mean));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ubar <- backward of Normalise */
static PetscErrorCode NormaliseBack(Net *net, PetscInt at, PetscInt l, const Cuts *cuts, const Field *normal, const PetscReal *inverse, Field *ubar)
{
  const MgnoPlan *plan  = net->plan;
  const PetscInt *n     = plan->level[l].n;
  const PetscInt  C     = plan->spec.channels, gamma = plan->gamma[at], beta = plan->beta[at], samples = Count(net, ubar), total = cuts == &net->one[l] ? 1 : plan->n_blocks;
  const PetscReal count = (PetscReal)n[0] * n[1] * n[2] * C;
  const ptrdiff_t step  = plan->spec.norm == NET_NORM_PIXEL ? 1 : 0;
  PetscReal      *part, *sum;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(2 * samples * total + 1, &part, 2 * samples + 1, &sum));
  for (PetscInt b = 0; b < samples; b++)
    for (PetscInt k = 0; k < cuts->n; k++) {
      NREAL     *gb = gamma < 0 ? NULL : Leaf(net, beta, ubar, b, cuts->leaf + k), *gg = gamma < 0 ? NULL : Leaf(net, gamma, ubar, b, cuts->leaf + k);
      PetscReal *to = &part[2 * (b * total + cuts->number[k])];

      for (PetscInt z = cuts->lo[k][2]; z < cuts->hi[k][2]; z++)
        for (PetscInt y = cuts->lo[k][1]; y < cuts->hi[k][1]; y++) {
          const PetscInt first = cuts->lo[k][0];
          NREAL         *bar   = RowOf(ubar, b, y, z) + first * ubar->s[0];
          const NREAL   *hat   = RowOf(normal, b, y, z) + first * normal->s[0];
          ptrdiff_t      point = PointNumber(net, l, ubar, y, z) + first;
          PetscReal      line  = 0, dot = 0;

          for (PetscInt i = first; i < cuts->hi[k][0]; i++, bar += ubar->c, hat += ubar->c, point++)
            for (PetscInt c = 0; c < C; c++) {
              const ptrdiff_t w = step * point * ubar->c + c;

              if (gamma >= 0) {
                gb[w] += bar[c];
                gg[w] += bar[c] * hat[c];
                bar[c] *= net->pack[gamma].w[w];
              }
              line += bar[c];
              dot += (PetscReal)bar[c] * hat[c];
            }
          to[0] += line;
          to[1] += dot;
        }
    }
  PetscCall(OverBlocks(net, ubar, total, 2, part, sum));
  FOR_ROWS(net, ubar, b, y, z)
  {
    const PetscReal mean = sum[2 * b] / count, product = sum[2 * b + 1] / count;
    NREAL          *bar = RowOf(ubar, b, y, z);
    const NREAL    *hat = RowOf(normal, b, y, z);

    for (PetscInt i = 0; i < ubar->n[0]; i++, bar += ubar->c, hat += ubar->c)
      for (PetscInt c = 0; c < C; c++) bar[c] = (NREAL)(inverse[b] * (bar[c] - mean - hat[c] * product));
  }
  Written(ubar);
  PetscCall(PetscFree2(part, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}
