/* The site preconditioner: M = sum_m L_m, the single-site generators alone, inverted exactly on traceless matrices.

   L_m = V_m diag(w_m) V_m^-1, so M^-1 r = (x)V_m  diag(1 / sum_m w_{m,a_m})  (x)V_m^-1 r, the all-steady entry excluded. Fields and local dissipators are in M, bonds are not: good where the coupling is moderate, useless where
   damping is weak.

   Spins: complex vectors in two real ones, one 4 x 4 map per site: sites 0..4 in tiles of 1024 entries, the next ones three at a time in tiles of 64 rows x 64 entries, so a site costs no pass over memory; sites that are
   spread over ranks read the parts of the ranks that differ in this site's bits alone, by shared memory or in messages of bounded size. Sums run in the same order by either. O(N D) work, two vectors (four on several ranks).
   Other dimensions: up to 1024 states, n x n matrices that every rank forms, as in secular.c. */
#include <math.h>
#include <string.h>
#include "kronecker.h"
#include "steady.h"
#include <tessera/isa.h>

#define LOW   5    /* sites of a tile of the lowest */
#define TILE  3    /* sites of a higher tile, and entries of a row of it: */
#define WIDTH 64
#define CHUNK 8192 /* entries of a message */

TES_KERNEL_DECLARE(LbKroneckerKernels, LbKroneckerTable);

struct _p_LbKronecker {
  const LbSpace            *space;
  LbModel                  *model;
  int                       n_sites, *sites;
  LbKroneckerSite          *site;
  double                  (*to)[32], (*back)[32]; /* spins: [4][4] complex of every site */
  LbComplex                *low;                  /* [16] sums of the eigenvalues of sites 0 and 1 */
  LbVec                     re[2], im[2];
  double                   *buffer;
  LbComplex                *rho, *line;           /* other dimensions: [n][n], [d^2] */
  const LbKroneckerKernels *kernels;
};

PetscErrorCode LbKroneckerCreate(const LbSpace *space, LbModel *model, const PetscReal f[], PetscBool *usable, LbKronecker *out)
{
  LbKronecker k;
  int         widest = 0;

  PetscFunctionBegin;
  PetscCall(PetscNew(&k));
  *out       = k;
  k->space   = space;
  k->model   = model;
  k->n_sites = model->n_sites;
  k->kernels = TES_KERNEL_PICK(LbKroneckerTable);
  PetscCall(PetscCalloc5(k->n_sites, &k->site, k->n_sites, &k->to, k->n_sites, &k->back, 16, &k->low, k->n_sites, &k->sites));
  *usable = space->pauli || space->n <= LB_SMALL_SPACE ? PETSC_TRUE : PETSC_FALSE;
  for (int m = 0; m < k->n_sites && *usable; m++) {
    k->sites[m] = m;
    widest      = PetscMax(widest, model->dim[m]);
    PetscCall(LbKroneckerSiteCreate(model, f, space->pauli, m, usable, &k->site[m]));
  }
  if (!*usable) PetscFunctionReturn(PETSC_SUCCESS);
  if (!space->pauli) {
    PetscCall(PetscMalloc2(space->n * space->n, &k->rho, 2 * widest * widest, &k->line));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int m = 0; m < k->n_sites; m++)
    for (int e = 0; e < 16; e++) {
      k->to[m][2 * e]       = creal(k->site[m].to[e]);
      k->to[m][2 * e + 1]   = cimag(k->site[m].to[e]);
      k->back[m][2 * e]     = creal(k->site[m].back[e]);
      k->back[m][2 * e + 1] = cimag(k->site[m].back[e]);
    }
  for (int e = 0; e < 16; e++) k->low[e] = k->site[0].w[e & 3] + (k->n_sites > 1 ? k->site[1].w[e >> 2] : 0);
  for (int v = 0; v < (space->size > 1 ? 2 : 1); v++) {
    PetscCall(LbVecCreate(space, &k->re[v]));
    PetscCall(LbVecCreate(space, &k->im[v]));
  }
  PetscCall(PetscMalloc1(PetscMax(4 * 1024, PetscMax(2 * WIDTH * 64, 8 * CHUNK)), &k->buffer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKroneckerDestroy(LbKronecker *out)
{
  LbKronecker k = *out;

  PetscFunctionBegin;
  if (!k) PetscFunctionReturn(PETSC_SUCCESS);
  for (int v = 0; v < 2; v++) {
    PetscCall(LbVecDestroy(&k->re[v]));
    PetscCall(LbVecDestroy(&k->im[v]));
  }
  for (int m = 0; m < k->n_sites; m++) PetscCall(LbKroneckerSiteDestroy(&k->site[m]));
  if (k->rho) PetscCall(PetscFree2(k->rho, k->line));
  PetscCall(PetscFree(k->buffer));
  PetscCall(PetscFree5(k->site, k->to, k->back, k->low, k->sites));
  PetscCall(PetscFree(k));
  *out = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- spins: a map of every site ---- */

/* sites 0..LOW-1 on tiles that stay in the first cache: 0 and 1 with the others as lanes, then the others */
static void LowSites(LbKronecker k, double (*const v)[32], int sites, double *re, double *im)
{
  const int64_t tile = (int64_t)1 << (2 * sites);
  const int     two = PetscMin(sites, 2), rows = 1 << (2 * two);
  const int64_t rest = tile / rows;
  double *const tr = k->buffer, *const ti = k->buffer + tile;

  for (int64_t t = 0; t < k->space->part.n_local; t += tile) {
    double *const r = re + t, *const i = im + t;

    for (int64_t q = 0; q < rest; q++)
      for (int a = 0; a < rows; a++) {
        tr[a * rest + q] = r[q * rows + a];
        ti[a * rest + q] = i[q * rows + a];
      }
    for (int m = 0; m < two; m++) k->kernels->mix(rows >> (2 * m + 2), rest << (2 * m), v[m], tr, ti);
    for (int64_t q = 0; q < rest; q++)
      for (int a = 0; a < rows; a++) {
        r[q * rows + a] = tr[a * rest + q];
        i[q * rows + a] = ti[a * rest + q];
      }
    for (int m = two; m < sites; m++) k->kernels->mix(tile >> (2 * m + 2), (int64_t)1 << (2 * m), v[m], r, i);
  }
}

/* sites lo..hi-1 on rows of WIDTH entries */
static void HighSites(LbKronecker k, double (*const v)[32], int lo, int hi, double *re, double *im)
{
  const int64_t stride = (int64_t)1 << (2 * lo), rows = (int64_t)1 << (2 * (hi - lo));
  double *const tr = k->buffer, *const ti = k->buffer + rows * WIDTH;

  for (int64_t outer = 0; outer < k->space->part.n_local; outer += rows * stride)
    for (int64_t inner = outer; inner < outer + stride; inner += WIDTH) {
      for (int64_t a = 0; a < rows; a++) {
        memcpy(tr + a * WIDTH, re + inner + a * stride, WIDTH * sizeof *tr);
        memcpy(ti + a * WIDTH, im + inner + a * stride, WIDTH * sizeof *ti);
      }
      for (int m = lo; m < hi; m++) k->kernels->mix(rows >> (2 * (m - lo) + 2), (int64_t)WIDTH << (2 * (m - lo)), v[m], tr, ti);
      for (int64_t a = 0; a < rows; a++) {
        memcpy(re + inner + a * stride, tr + a * WIDTH, WIDTH * sizeof *tr);
        memcpy(im + inner + a * stride, ti + a * WIDTH, WIDTH * sizeof *ti);
      }
    }
}

/* a site whose codes lie on several ranks: rank bits `shift` and up are this site's; `half`: one of its bits is local */
static PetscErrorCode SpreadSite(LbKronecker k, const double v[32], int shift, PetscBool half, const LbVec *re, const LbVec *im, LbVec *to_re, LbVec *to_im)
{
  const LbSpace *space = k->space;
  const int64_t  n = space->part.n_local, length = half ? n / 2 : n;
  const int      digits = half ? 2 : 4, mine = (space->rank >> shift) & (digits - 1);
  double        *piece = k->buffer;

  PetscFunctionBegin;
  PetscCall(LbFence(space)); /* everybody has written the source */
  for (int64_t at = 0; at < length; at += CHUNK) {
    const int64_t m = PetscMin(CHUNK, length - at);
    const double *from_re[4], *from_im[4];
    int           used = 0;

    for (int b = 0; b < digits; b++) {
      const int partner = space->rank ^ ((b ^ mine) << shift);

      for (int l = 0; l < 4 / digits; l++) {
        const int code = half ? 2 * b + l : b;

        if (partner == space->rank) {
          from_re[code] = re->own + at + l * length;
          from_im[code] = im->own + at + l * length;
        } else if (!space->messages) {
          from_re[code] = re->all + (int64_t)partner * n + at + l * length;
          from_im[code] = im->all + (int64_t)partner * n + at + l * length;
        } else {
          for (int part = 0; part < 2; part++) {
            double *const to = piece + (int64_t)used++ * CHUNK;

            (part ? from_im : from_re)[code] = to;
          }
        }
      }
    }
    if (space->messages)
      for (int x = 1; x < digits; x++) { /* all ranks exchange with the one that differs by x */
        const int partner = space->rank ^ (x << shift), b = mine ^ x;

        for (int l = 0; l < 4 / digits; l++)
          for (int part = 0; part < 2; part++)
            PetscCallMPI(MPI_Sendrecv((part ? im : re)->own + at + l * length, (int)m, MPI_DOUBLE, partner, 0, (void *)(part ? from_im : from_re)[half ? 2 * b + l : b], (int)m, MPI_DOUBLE, partner, 0, space->comm,
                                      MPI_STATUS_IGNORE));
      }
    for (int l = 0; l < 4 / digits; l++) {
      const int code = half ? 2 * mine + l : mine;

      k->kernels->mix_row(m, v + 8 * code, from_re, from_im, to_re->own + at + l * length, to_im->own + at + l * length);
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* all sites in ascending order; *now: which of the two pairs of vectors holds the result */
static PetscErrorCode Sites(LbKronecker k, double (*const v)[32], int *now)
{
  const LbSpace *space = k->space;
  int            bits = 0, local, low;

  PetscFunctionBegin;
  while (1 << bits < space->size) bits++;
  local = (2 * k->n_sites - bits) / 2;
  low   = PetscMin(local, LOW);
  LowSites(k, v, low, k->re[*now].own, k->im[*now].own);
  for (int m = low; m < local; m += TILE) HighSites(k, v, m, PetscMin(m + TILE, local), k->re[*now].own, k->im[*now].own);
  for (int m = local; m < k->n_sites; m++) {
    const int from = 2 * m - (2 * k->n_sites - bits); /* rank bit of the lower bit of this site's code; -1: it is local */

    PetscCall(SpreadSite(k, v[m], PetscMax(from, 0), from < 0, &k->re[*now], &k->im[*now], &k->re[1 - *now], &k->im[1 - *now]));
    *now = 1 - *now;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* entries divided by the sums of their eigenvalues; the steady state of all sites has none */
static void Divide(LbKronecker k, double *re, double *im)
{
  const int64_t first = k->space->part.first, n = k->space->part.n_local, run = k->n_sites > 1 ? 16 : 4;

  for (int64_t t = 0; t < n; t += run) {
    LbComplex high = 0;

    for (int m = 2; m < k->n_sites; m++) high += k->site[m].w[((first + t) >> (2 * m)) & 3];
    for (int64_t e = 0; e < run; e++) {
      const double a = creal(k->low[e]) + creal(high), b = cimag(k->low[e]) + cimag(high), size = a * a + b * b, c = size > 0 ? 1 / size : 0;
      const double x = re[t + e], y = im[t + e];

      re[t + e] = c * (a * x + b * y);
      im[t + e] = c * (a * y - b * x);
    }
  }
  if (first == 0) re[0] = im[0] = 0;
}

static PetscErrorCode ApplySpins(LbKronecker k, const LbVec *r, LbVec *z)
{
  int now = 0;

  PetscFunctionBegin;
  PetscCall(LbVecCopy(k->space, r, &k->re[0]));
  PetscCall(PetscArrayzero(k->im[0].own, k->space->part.n_local));
  PetscCall(Sites(k, k->to, &now));
  Divide(k, k->re[now].own, k->im[now].own);
  PetscCall(Sites(k, k->back, &now));
  PetscCall(LbVecCopy(k->space, &k->re[now], z));
  if (k->space->part.first == 0) z->own[0] = 0;
  PetscCall(LbFence(k->space));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- any dimensions: matrices ---- */

static void SiteOfMatrix(LbKronecker k, int m, const LbComplex *v)
{
  const PetscInt64 n = k->space->n, stride = LbStride(k->model, m);
  const int        d = k->model->dim[m], d2 = d * d;
  LbComplex       *in = k->line, *out = k->line + d2;

  for (PetscInt64 i = 0; i < n; i++) {
    if ((i / stride) % d) continue;
    for (PetscInt64 j = 0; j < n; j++) {
      if ((j / stride) % d) continue;
      for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) in[a * d + b] = k->rho[(i + a * stride) * n + j + b * stride];
      for (int e = 0; e < d2; e++) {
        LbComplex sum = 0;

        for (int g = 0; g < d2; g++) sum += v[(size_t)e * (size_t)d2 + (size_t)g] * in[g];
        out[e] = sum;
      }
      for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++) k->rho[(i + a * stride) * n + j + b * stride] = out[a * d + b];
    }
  }
}

static PetscErrorCode ApplyMatrix(LbKronecker k, const LbVec *r, LbVec *z)
{
  const PetscInt64 n     = k->space->n;
  PetscReal        trace = 0;

  PetscFunctionBegin;
  PetscCall(LbStateMatrix(k->space, k->model, r, k->n_sites, k->sites, k->rho));
  for (int m = 0; m < k->n_sites; m++) SiteOfMatrix(k, m, k->site[m].to);
  for (PetscInt64 i = 0; i < n; i++)
    for (PetscInt64 j = 0; j < n; j++) {
      PetscInt64 a = i, b = j;
      LbComplex  sum = 0;

      for (int m = 0; m < k->n_sites; m++) {
        const int d = k->model->dim[m];

        sum += k->site[m].w[(a % d) * d + b % d];
        a /= d;
        b /= d;
      }
      k->rho[i * n + j] = sum == 0 || (i == 0 && j == 0) ? 0 : k->rho[i * n + j] / sum;
    }
  for (int m = 0; m < k->n_sites; m++) SiteOfMatrix(k, m, k->site[m].back);
  for (PetscInt64 i = 0; i < n; i++) trace += creal(k->rho[i * n + i]);
  for (PetscInt64 i = 0; i < n; i++) k->rho[i * n + i] -= trace / n;
  PetscCall(LbFence(k->space)); /* everybody has read r */
  PetscCall(LbStateFromMatrix(k->space, k->model, k->rho, z));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbKroneckerApply(void *ctx, const LbVec *r, LbVec *z)
{
  LbKronecker k = ctx;

  PetscFunctionBegin;
  if (k->space->pauli) PetscCall(ApplySpins(k, r, z));
  else PetscCall(ApplyMatrix(k, r, z));
  PetscFunctionReturn(PETSC_SUCCESS);
}
