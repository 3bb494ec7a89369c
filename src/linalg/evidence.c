/* Which columns of a dictionary are in the data, and with what weight: evidence maximisation (sparse Bayesian learning).

   Data Y [rows][n_rhs] = Psi c + noise, noise N(0, sigma^2), c_i ~ N(0, s_g) with one weight s_g per group g of columns (cos and sin of a frequency). The negative
   logarithm of the evidence, summed over the data columns,
     E = n_rhs/2 log|C| + 1/2 sum y' C^{-1} y,   C = sigma^2 I + Psi S Psi',   dE/dlog s_g = 1/2 (n_rhs gamma_g - sum_columns c_g^2 / s_g),
   is stationary where s_g = mean over columns of c_g^2 / gamma_g (MacKay). One step of that fixed point, with A = Psi_act diag(sqrt s) = U d V':
     c = sqrt(s) o V ( d/(d^2 + sigma^2) o U'Y ),   gamma_i = sum_k V_ik^2 d_k^2/(d_k^2 + sigma^2)   (how well the data determine c_i, in [0, 1]),
   then groups below prune x max s leave for good and sigma falls towards its floor: starting at the floor would lock in spurious columns.

   Accuracy: C is never formed (its condition is that of A squared); products run in the order written, so nothing holds 1/d before a cancellation. The
   fit is measured on the data themselves, ||Y - Psi c|| / ||Y||.

   Replicated, deterministic. Cost of a step: if rows > 1.2 columns, QR of [A | Y] (its R holds R_A and Q'Y at once: Q is never formed) and the SVD of R_A, else the SVD
   of A; about 2 rows k^2 + 20 k^3 flops with k active columns. A and Y are gathered once into one array. */
#include <tessera/linalg.h>

#include "linalg_impl.h"

/* Factor shapes: beyond this ratio QR first (gp_pde spec 2.5) */
#define QR_RATIO 1.2

typedef struct {
  PetscInt   columns, k; /* active columns; singular values */
  PetscInt  *column;     /* [columns] their numbers in psi */
  PetscInt  *group;      /* [columns] their groups */
  PetscReal *d;          /* [k] */
  PetscReal *vt;         /* [k][columns] */
  PetscReal *uty;        /* [k][n_rhs] U'Y */
  PetscReal *outside;    /* [n_rhs] squared norm of what of y is not in the range of U; only if asked for */
} Factor;

static PetscErrorCode FactorDestroy(Factor *f)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(f->column, f->group));
  PetscCall(PetscFree4(f->d, f->vt, f->uty, f->outside));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ||y - U U'y||^2 per data column, by the residual itself: |y|^2 - |U'y|^2 would cancel */
static PetscErrorCode Outside(PetscInt rows, PetscInt k, PetscInt n_rhs, const PetscReal *u, const PetscReal *uty, const PetscReal *y, PetscReal *outside)
{
  PetscReal *left;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)rows * n_rhs, &left));
  PetscCall(PetscArraycpy(left, y, (size_t)rows * n_rhs));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, rows, n_rhs, k, -1, u, uty, 1, left));
  for (PetscInt j = 0; j < n_rhs; j++) {
    outside[j] = 0;
    for (PetscInt i = 0; i < rows; i++) outside[j] += left[(size_t)i * n_rhs + j] * left[(size_t)i * n_rhs + j];
  }
  PetscCall(PetscFree(left));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* SVD of A = Psi_act diag(sqrt s) and U'Y; with_outside: also what U misses (needs U itself: no QR first) */
static PetscErrorCode FactorCreate(PetscInt rows, PetscInt n_groups, const PetscInt group_size[], const PetscReal *psi, PetscInt n_rhs, const PetscReal *y,
                                   const PetscReal s[], PetscBool with_outside, Factor *f)
{
  PetscInt   all = 0, at = 0, width;
  PetscBool  qr_first;
  PetscReal *a, *u, *root;

  PetscFunctionBegin;
  f->columns = 0;
  for (PetscInt g = 0; g < n_groups; g++) {
    all += group_size[g];
    if (s[g] > 0) f->columns += group_size[g];
  }
  f->k     = PetscMin(rows, f->columns);
  qr_first = rows > QR_RATIO * f->columns && !with_outside ? PETSC_TRUE : PETSC_FALSE;
  width    = qr_first ? f->columns + n_rhs : f->columns;
  PetscCall(PetscMalloc2(f->columns, &f->column, f->columns, &f->group));
  PetscCall(PetscMalloc4(f->k, &f->d, (size_t)f->k * f->columns, &f->vt, (size_t)f->k * n_rhs, &f->uty, n_rhs, &f->outside));
  PetscCall(PetscMalloc3((size_t)rows * width, &a, (size_t)(qr_first ? f->k : rows) * f->k, &u, f->columns, &root));
  for (PetscInt g = 0, c = 0; g < n_groups; c += group_size[g++])
    for (PetscInt i = 0; i < group_size[g] && s[g] > 0; i++, at++) {
      f->column[at] = c + i;
      f->group[at]  = g;
      root[at]      = PetscSqrtReal(s[g]);
    }
  for (PetscInt i = 0; i < rows; i++) {
    PetscReal *to = a + (size_t)i * width;

    for (PetscInt j = 0; j < f->columns; j++) to[j] = psi[(size_t)i * all + f->column[j]] * root[j];
    for (PetscInt j = f->columns; j < width; j++) to[j] = y[(size_t)i * n_rhs + j - f->columns];
  }
  if (qr_first) {
    PetscReal *r, *qty;

    PetscCall(PetscMalloc2((size_t)f->k * f->k, &r, (size_t)f->k * n_rhs, &qty));
    PetscCall(TesFactorBeside(rows, f->columns, n_rhs, a, r, qty));
    PetscCall(TesSVD(f->k, f->k, r, u, f->d, f->vt));
    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, f->k, n_rhs, f->k, 1, u, qty, 0, f->uty));
    PetscCall(PetscFree2(r, qty));
  } else {
    PetscCall(TesSVD(rows, f->columns, a, u, f->d, f->vt));
    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, f->k, n_rhs, rows, 1, u, y, 0, f->uty));
    if (with_outside) PetscCall(Outside(rows, f->k, n_rhs, u, f->uty, y, f->outside));
  }
  PetscCall(PetscFree3(a, u, root));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* c [columns][n_rhs] of the active columns and gamma [columns] */
static PetscErrorCode Posterior(const Factor *f, PetscInt n_rhs, const PetscReal s[], PetscReal sigma, PetscReal *c, PetscReal *gamma)
{
  const PetscReal noise = sigma * sigma;
  PetscReal      *w;

  PetscFunctionBegin;
  PetscCall(PetscMalloc1((size_t)f->k * n_rhs, &w));
  PetscCall(PetscArrayzero(gamma, f->columns));
  for (PetscInt k = 0; k < f->k; k++) {
    const PetscReal below = f->d[k] * f->d[k] + noise, shrink = below > 0 ? f->d[k] * f->d[k] / below : 0, factor = below > 0 ? f->d[k] / below : 0;

    for (PetscInt j = 0; j < n_rhs; j++) w[(size_t)k * n_rhs + j] = factor * f->uty[(size_t)k * n_rhs + j];
    for (PetscInt i = 0; i < f->columns; i++) gamma[i] += f->vt[(size_t)k * f->columns + i] * f->vt[(size_t)k * f->columns + i] * shrink;
  }
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, f->columns, n_rhs, f->k, 1, f->vt, w, 0, c));
  for (PetscInt i = 0; i < f->columns; i++)
    for (PetscInt j = 0; j < n_rhs; j++) c[(size_t)i * n_rhs + j] *= PetscSqrtReal(s[f->group[i]]);
  PetscCall(PetscFree(w));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscReal Norm(PetscInt64 n, const PetscReal *x)
{
  PetscReal scale = 0, sum = 0;

  for (PetscInt64 i = 0; i < n; i++) scale = PetscMax(scale, PetscAbsReal(x[i]));
  for (PetscInt64 i = 0; i < n && scale > 0; i++) sum += (x[i] / scale) * (x[i] / scale);
  return scale * PetscSqrtReal(sum);
}

/* ||Y - Psi c|| / ||Y|| */
static PetscErrorCode Fit(const Factor *f, PetscInt rows, PetscInt all, const PetscReal *psi, PetscInt n_rhs, const PetscReal *y, const PetscReal *c, PetscReal *fit)
{
  const PetscInt64 size = (PetscInt64)rows * n_rhs;
  const PetscReal  norm = Norm(size, y);
  PetscReal       *left, *wide;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2((size_t)size, &left, (size_t)all * n_rhs, &wide));
  PetscCall(PetscArraycpy(left, y, (size_t)size));
  PetscCall(PetscArrayzero(wide, (size_t)all * n_rhs));
  for (PetscInt i = 0; i < f->columns; i++) PetscCall(PetscArraycpy(wide + (size_t)f->column[i] * n_rhs, c + (size_t)i * n_rhs, n_rhs));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, rows, n_rhs, all, -1, psi, wide, 1, left));
  *fit = norm > 0 ? Norm(size, left) / norm : 0;
  PetscCall(PetscFree2(left, wide));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEvidenceStart(PetscInt n_groups, const TesEvidenceOptions *options, TesEvidence *evidence)
{
  PetscFunctionBegin;
  PetscCheck(n_groups >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "a dictionary of %" PetscInt_FMT " groups", n_groups);
  *evidence = (TesEvidence){.sigma = options->sigma_start};
  PetscCall(PetscMalloc1(n_groups, &evidence->s));
  for (PetscInt g = 0; g < n_groups; g++) evidence->s[g] = 1.0 / n_groups;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEvidenceFree(TesEvidence *evidence)
{
  PetscFunctionBegin;
  PetscCall(PetscFree(evidence->s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* s_g <- mean over columns of c_g^2 / gamma_g, prune; says whether a group left and how far log s moved */
static PetscErrorCode Update(const Factor *f, PetscInt n_groups, PetscInt n_rhs, const PetscReal *c, const PetscReal *gamma, PetscReal prune, PetscReal s[],
                             PetscBool *left, PetscReal *change)
{
  PetscReal *power, *known, max = 0;

  PetscFunctionBegin;
  PetscCall(PetscCalloc2(n_groups, &power, n_groups, &known));
  for (PetscInt i = 0; i < f->columns; i++) {
    for (PetscInt j = 0; j < n_rhs; j++) power[f->group[i]] += c[(size_t)i * n_rhs + j] * c[(size_t)i * n_rhs + j];
    known[f->group[i]] += gamma[i];
  }
  for (PetscInt g = 0; g < n_groups; g++) {
    power[g] = known[g] > 0 ? power[g] / known[g] / n_rhs : 0;
    max      = PetscMax(max, power[g]);
  }
  *left   = PETSC_FALSE;
  *change = 0;
  for (PetscInt g = 0; g < n_groups; g++) {
    if (!(s[g] > 0)) continue;
    if (power[g] < prune * max || !(power[g] > 0)) {
      power[g] = 0;
      *left    = PETSC_TRUE;
    } else *change = PetscMax(*change, PetscAbsReal(PetscLogReal(power[g] / s[g])));
    s[g] = power[g];
  }
  PetscCall(PetscFree2(power, known));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEvidenceIterate(PetscInt rows, PetscInt n_groups, const PetscInt group_size[], const PetscReal *psi, PetscInt n_rhs, const PetscReal *y,
                                  const TesEvidenceOptions *options, TesEvidence *evidence)
{
  const PetscBool at_floor = evidence->sigma <= options->sigma_floor ? PETSC_TRUE : PETSC_FALSE;
  PetscInt        all      = 0;
  PetscBool       left     = PETSC_FALSE;
  PetscReal      *c, *gamma;
  Factor          f;

  PetscFunctionBegin;
  PetscCheck(rows >= 1 && n_rhs >= 1, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%" PetscInt_FMT " rows of data in %" PetscInt_FMT " columns", rows, n_rhs);
  PetscCall(TesCheckFinite((PetscInt64)rows * n_rhs, y, "data of the spectrum identification"));
  for (PetscInt g = 0; g < n_groups; g++) all += group_size[g];
  PetscCall(FactorCreate(rows, n_groups, group_size, psi, n_rhs, y, evidence->s, PETSC_FALSE, &f));
  PetscCall(PetscMalloc2((size_t)f.columns * n_rhs, &c, f.columns, &gamma));
  PetscCall(Posterior(&f, n_rhs, evidence->s, evidence->sigma, c, gamma));
  PetscCall(Fit(&f, rows, all, psi, n_rhs, y, c, &evidence->fit));
  PetscCall(Update(&f, n_groups, n_rhs, c, gamma, options->prune, evidence->s, &left, &evidence->change));
  evidence->converged = at_floor && !left && evidence->change < 1e-2 ? PETSC_TRUE : PETSC_FALSE; /* 1e-2: spec of gp_pde, 2.5 */
  evidence->sigma     = PetscMax(options->sigma_floor, options->sigma_factor * evidence->sigma);
  evidence->iteration++;
  PetscCall(PetscFree2(c, gamma));
  PetscCall(FactorDestroy(&f));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEvidenceValue(PetscInt rows, PetscInt n_groups, const PetscInt group_size[], const PetscReal *psi, PetscInt n_rhs, const PetscReal *y,
                                const PetscReal s[], PetscReal sigma, PetscReal *value, PetscReal gradient[])
{
  const PetscReal noise = sigma * sigma;
  PetscReal      *c, *gamma, logdet, square = 0;
  Factor          f;

  PetscFunctionBegin;
  PetscCall(FactorCreate(rows, n_groups, group_size, psi, n_rhs, y, s, PETSC_TRUE, &f));
  logdet = (rows - f.k) * PetscLogReal(noise);
  for (PetscInt k = 0; k < f.k; k++) {
    logdet += PetscLogReal(f.d[k] * f.d[k] + noise);
    for (PetscInt j = 0; j < n_rhs; j++) square += f.uty[(size_t)k * n_rhs + j] * f.uty[(size_t)k * n_rhs + j] / (f.d[k] * f.d[k] + noise);
  }
  if (f.k < rows)
    for (PetscInt j = 0; j < n_rhs; j++) square += f.outside[j] / noise;
  *value = 0.5 * (n_rhs * logdet + square);
  if (gradient) {
    PetscCall(PetscMalloc2((size_t)f.columns * n_rhs, &c, f.columns, &gamma));
    PetscCall(Posterior(&f, n_rhs, s, sigma, c, gamma));
    PetscCall(PetscArrayzero(gradient, n_groups));
    for (PetscInt i = 0; i < f.columns; i++) {
      const PetscInt g = f.group[i];

      gradient[g] += 0.5 * n_rhs * gamma[i];
      for (PetscInt j = 0; j < n_rhs; j++) gradient[g] -= 0.5 * c[(size_t)i * n_rhs + j] * c[(size_t)i * n_rhs + j] / s[g];
    }
    PetscCall(PetscFree2(c, gamma));
  }
  PetscCall(FactorDestroy(&f));
  PetscFunctionReturn(PETSC_SUCCESS);
}
