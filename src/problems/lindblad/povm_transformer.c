/* The autoregressive transformer: layers of causal attention and feed-forward with residual connections.

     q, k, v = W x + b (heads of h / heads),  w_ij = softmax_j (q_i . k_j / sqrt(h / heads)), j <= i,   x += Wo (sum_j w_ij v_j) + bo,   x += W2 gelu(W1 x + b1) + b2
     layer_norm: pre   both halves see gain (x - mean) / sqrt(var + 1e-5) + shift in place of x

   A stream keeps keys and values of its prefixes. One layer without norm is folded into tables (povm_kernel.h): with [W1; W] the map of x to hidden layer and logits,
     e = exp(q_m . k_m' / sqrt(h / heads) - largest of the row), z_m' = [W1; W] Wo v_m' (each head its part), b_m = [W1; W](x_m + bo) + [b1; b], c = W W2, c0 = W b2.

   Derivatives: forward pass of 64 configurations keeping activations, then the adjoint written out; matrix products by BLAS. About 6 n P operations per configuration. */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include "povm_net.h"

#define NORM_EPS 1e-5

/* what the adjoint of a layer needs; [rows] = configurations x positions */
typedef struct {
  double *x, *normed, *inverse, *qkv, *weight, *context, *x2, *normed2, *inverse2, *hidden, *slope;
} Activations;

static PetscBool HasNorm(const LbNet *net)
{
  return net->set.layer_norm ? PETSC_TRUE : PETSC_FALSE;
}

static PetscErrorCode Create(LbNet *net)
{
  const int h = net->set.hidden, f = net->set.ff;
  int       at = net->n_parameters;

  PetscFunctionBegin;
  for (int l = 0; l < net->set.layers; l++) {
    LbLayerPlace *p = &net->layer[l];

    p->attention      = at;
    p->attention_bias = p->attention + 3 * h * h;
    p->out            = p->attention_bias + 3 * h;
    p->out_bias       = p->out + h * h;
    p->up             = p->out_bias + h;
    p->up_bias        = p->up + h * f;
    p->down           = p->up_bias + f;
    p->down_bias      = p->down + f * h;
    at                = p->down_bias + h;
    p->norm[0] = p->norm[1] = -1;
    for (int k = 0; k < 2 && HasNorm(net); k++, at += 2 * h) p->norm[k] = at;
  }
  net->n_parameters = at;
  net->fast         = net->set.layers == 1 && !HasNorm(net) && !net->set.plain ? PETSC_TRUE : PETSC_FALSE;
  if (net->fast) {
    LbTables *t = &net->table;

    t->n      = net->n;
    t->f      = f;
    t->padded = (f + 7) / 8 * 8;
    t->stride = t->padded + 8;
    t->heads  = net->set.heads;
    t->nodes  = (4 * net->n + 7) / 8 * 8;
    PetscCall(PetscCalloc1((size_t)t->heads * (size_t)t->nodes * (size_t)t->nodes, &t->e));
    PetscCall(PetscCalloc1((size_t)t->heads * (size_t)t->nodes * (size_t)t->stride, &t->z));
    PetscCall(PetscCalloc1((size_t)t->nodes * (size_t)t->stride, &t->b));
    PetscCall(PetscCalloc1(4 * f, &t->c));
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Initialise(LbNet *net, PetscInt64 seed)
{
  const int h = net->set.hidden, f = net->set.ff;

  PetscFunctionBegin;
  for (int l = 0; l < net->set.layers; l++) {
    const LbLayerPlace *p = &net->layer[l];

    PetscCall(LbNetUniform(net, seed, p->attention, 3 * h * h + 3 * h, 1 / sqrt(h)));
    PetscCall(LbNetUniform(net, seed, p->out, h * h + h, 1 / sqrt(h)));
    PetscCall(LbNetUniform(net, seed, p->up, h * f + f, 1 / sqrt(h)));
    PetscCall(LbNetUniform(net, seed, p->down, f * h + h, 1 / sqrt(f)));
    for (int k = 0; k < 2 && HasNorm(net); k++)
      for (int i = 0; i < h; i++) net->theta[p->norm[k] + i] = 1;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y [rows][out] = x [rows][in] W^T + b (+ y with add) */
static PetscErrorCode Linear(const LbNet *net, int rows, int out, int in, const double *x, int weight, int bias, PetscBool add, double *y)
{
  PetscFunctionBegin;
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, rows, out, in, 1, x, net->theta + weight, add ? 1 : 0, y));
  for (int r = 0; bias >= 0 && r < rows; r++)
    for (int o = 0; o < out; o++) y[(size_t)r * (size_t)out + (size_t)o] += net->theta[bias + o];
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* y = gain xhat + shift; xhat and 1/sqrt(var) are kept where asked for */
static void Norm(const LbNet *net, int place, int rows, const double *x, double *y, double *xhat, double *inverse)
{
  const int h = net->set.hidden;

  for (int r = 0; r < rows; r++) {
    const double *from = x + (size_t)r * (size_t)h;
    double       *to   = y + (size_t)r * (size_t)h, mean = 0, var = 0;

    for (int k = 0; k < h; k++) mean += from[k];
    mean /= h;
    for (int k = 0; k < h; k++) var += (from[k] - mean) * (from[k] - mean);
    var = 1 / sqrt(var / h + NORM_EPS);
    for (int k = 0; k < h; k++) {
      const double hat = (from[k] - mean) * var;

      if (xhat) xhat[(size_t)r * (size_t)h + (size_t)k] = hat;
      to[k] = net->theta[place + k] * hat + net->theta[place + h + k];
    }
    if (inverse) inverse[r] = var;
  }
}

/* ---- tables ---- */

/* x [nodes][h], q, k, v of every node, [W1; W] and [W1; W] Wo */
static PetscErrorCode Fold(const LbNet *net, double *x, double *qkv, double *both, double *fold)
{
  const LbLayerPlace *p = &net->layer[0];
  const int           h = net->set.hidden, f = net->set.ff, m = net->table.nodes, g = f + 4;

  PetscFunctionBegin;
  for (int i = 0; i < net->n; i++) /* nodes beyond the last position stay empty */
    for (int c = 0; c < 4; c++) LbNetEmbed(net, i, i ? c : 4, x + (size_t)(4 * i + c) * (size_t)h);
  PetscCall(Linear(net, m, 3 * h, h, x, p->attention, p->attention_bias, PETSC_FALSE, qkv));
  PetscCall(PetscArraycpy(both, net->theta + p->up, f * h));
  PetscCall(PetscArraycpy(both + f * h, net->theta + net->output, 4 * h));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, g, h, h, 1, both, net->theta + p->out, 0, fold));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Prepare(LbNet *net)
{
  LbTables           *t = &net->table;
  const LbLayerPlace *p = &net->layer[0];
  const int           h = net->set.hidden, f = net->set.ff, m = t->nodes, d = h / net->set.heads, g = f + 4;
  double             *x, *qkv, *both, *fold, *part;

  PetscFunctionBegin;
  if (!net->fast) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(PetscCalloc5(m * h, &x, m * 3 * h, &qkv, g * h, &both, g * h, &fold, m * g, &part));
  PetscCall(Fold(net, x, qkv, both, fold));
  for (int a = 0; a < net->set.heads; a++) {
    double *e = t->e + (size_t)a * (size_t)m * (size_t)m;

    for (int i = 0; i < m; i++) {
      double largest = -1e300;

      for (int j = 0; j < 4 * (i / 4) + 4; j++) {
        double score = 0;

        for (int k = 0; k < d; k++) score += qkv[(size_t)i * 3 * (size_t)h + (size_t)(a * d + k)] * qkv[(size_t)j * 3 * (size_t)h + (size_t)(h + a * d + k)];
        e[(size_t)i * (size_t)m + (size_t)j] = score / sqrt(d);
        largest                              = PetscMax(largest, score / sqrt(d));
      }
      for (int j = 0; j < 4 * (i / 4) + 4; j++) e[(size_t)i * (size_t)m + (size_t)j] -= largest;
      net->kernel->exponential((4 * (i / 4) + 4 + 7) / 8 * 8, e + (size_t)i * (size_t)m, e + (size_t)i * (size_t)m);
      for (int j = 4 * (i / 4) + 4; j < m; j++) e[(size_t)i * (size_t)m + (size_t)j] = 0;
    }
    for (int i = 0; i < m; i++)
      for (int o = 0; o < g; o++) {
        double sum = 0;

        for (int k = 0; k < d; k++) sum += fold[o * h + a * d + k] * qkv[(size_t)i * 3 * (size_t)h + (size_t)(2 * h + a * d + k)];
        t->z[((size_t)a * (size_t)m + (size_t)i) * (size_t)t->stride + (size_t)(o < f ? o : t->padded + o - f)] = sum;
      }
  }
  for (int i = 0; i < m; i++)
    for (int k = 0; k < h; k++) x[(size_t)i * (size_t)h + (size_t)k] += net->theta[p->out_bias + k];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, m, g, h, 1, x, both, 0, part));
  for (int i = 0; i < m; i++)
    for (int o = 0; o < g; o++)
      t->b[(size_t)i * (size_t)t->stride + (size_t)(o < f ? o : t->padded + o - f)] =
        part[(size_t)i * (size_t)g + (size_t)o] + (o < f ? net->theta[p->up_bias + o] : net->theta[net->output_bias + o - f] + (net->site_bias >= 0 && i / 4 < net->n ? net->theta[net->site_bias + i / 4 * 4 + o - f] : 0));
  for (int c = 0; c < 4; c++) {
    t->c0[c] = 0;
    for (int k = 0; k < h; k++) t->c0[c] += net->theta[net->output + c * h + k] * net->theta[p->down_bias + k];
    for (int o = 0; o < f; o++) {
      double sum = 0;

      for (int k = 0; k < h; k++) sum += net->theta[net->output + c * h + k] * net->theta[p->down + k * f + o];
      t->c[4 * o + c] = sum;
    }
  }
  PetscCall(PetscFree5(x, qkv, both, fold, part));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* the chain rule backwards through Prepare; scores enter shares only, so the largest of a row, which is taken off, has no derivative */
PetscErrorCode LbTransformerUnfold(LbNet *net, const LbTables *t, double *sum)
{
  const LbLayerPlace *p = &net->layer[0];
  const int           h = net->set.hidden, f = net->set.ff, m = t->nodes, d = h / net->set.heads, g = f + 4;
  double             *x, *qkv, *both, *fold, *dx, *dqkv, *dboth, *dfold, *db;

  PetscFunctionBegin;
  PetscCall(PetscCalloc5(m * h, &x, m * 3 * h, &qkv, g * h, &both, g * h, &fold, m * g, &db));
  PetscCall(PetscCalloc4(m * h, &dx, m * 3 * h, &dqkv, g * h, &dboth, g * h, &dfold));
  PetscCall(Fold(net, x, qkv, both, fold));
  for (int i = 0; i < m; i++)
    for (int o = 0; o < g; o++) db[(size_t)i * (size_t)g + (size_t)o] = t->b[(size_t)i * (size_t)t->stride + (size_t)(o < f ? o : t->padded + o - f)];
  /* c = W W2, c0 = W b2 */
  for (int c = 0; c < 4; c++)
    for (int k = 0; k < h; k++) {
      dboth[(f + c) * h + k] += t->c0[c] * net->theta[p->down_bias + k];
      sum[p->down_bias + k] += net->theta[net->output + c * h + k] * t->c0[c];
      for (int o = 0; o < f; o++) {
        dboth[(f + c) * h + k] += t->c[4 * o + c] * net->theta[p->down + k * f + o];
        sum[p->down + k * f + o] += net->theta[net->output + c * h + k] * t->c[4 * o + c];
      }
    }
  /* b = [W1; W](x + bo) + [b1; bout] */
  for (int i = 0; i < m; i++)
    for (int o = 0; o < g; o++) {
      const double v = db[(size_t)i * (size_t)g + (size_t)o];

      if (o < f) sum[p->up_bias + o] += v;
      else {
        sum[net->output_bias + o - f] += v;
        if (net->site_bias >= 0 && i / 4 < net->n) sum[net->site_bias + i / 4 * 4 + o - f] += v;
      }
    }
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, g, 1, db, both, 0, dx));
  for (int i = 0; i < m; i++)
    for (int k = 0; k < h; k++) {
      sum[p->out_bias + k] += dx[(size_t)i * (size_t)h + (size_t)k];
      x[(size_t)i * (size_t)h + (size_t)k] += net->theta[p->out_bias + k];
    }
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, g, h, m, 1, db, x, 1, dboth));
  for (int i = 0; i < m; i++)
    for (int k = 0; k < h; k++) x[(size_t)i * (size_t)h + (size_t)k] -= net->theta[p->out_bias + k];
  /* z = [W1; W] Wo v, e = exp(q k / sqrt d) */
  for (int a = 0; a < net->set.heads; a++)
    for (int i = 0; i < m; i++) {
      const double *dz = t->z + ((size_t)a * (size_t)m + (size_t)i) * (size_t)t->stride, *v = qkv + (size_t)i * 3 * (size_t)h, *e = net->table.e + ((size_t)a * (size_t)m + (size_t)i) * (size_t)m;
      const double *de = t->e + ((size_t)a * (size_t)m + (size_t)i) * (size_t)m;
      double       *to = dqkv + (size_t)i * 3 * (size_t)h;

      for (int o = 0; o < g; o++) {
        const double w = dz[o < f ? o : t->padded + o - f];

        for (int k = a * d; k < a * d + d; k++) {
          to[2 * h + k] += fold[o * h + k] * w;
          dfold[o * h + k] += w * v[2 * h + k];
        }
      }
      for (int j = 0; j < m; j++) {
        const double score = e[j] * de[j] / sqrt(d);

        if (score == 0) continue;
        for (int k = a * d; k < a * d + d; k++) {
          to[k] += score * qkv[(size_t)j * 3 * (size_t)h + (size_t)(h + k)];
          dqkv[(size_t)j * 3 * (size_t)h + (size_t)(h + k)] += score * v[k];
        }
      }
    }
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, g, h, h, 1, dfold, net->theta + p->out, 1, dboth));
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, h, h, g, 1, both, dfold, 1, sum + p->out));
  for (int k = 0; k < f * h; k++) sum[p->up + k] += dboth[k];
  for (int k = 0; k < 4 * h; k++) sum[net->output + k] += dboth[f * h + k];
  /* q, k, v = W x + b, x = embedding + position */
  PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, 3 * h, h, m, 1, dqkv, x, 1, sum + p->attention));
  for (int i = 0; i < m; i++)
    for (int k = 0; k < 3 * h; k++) sum[p->attention_bias + k] += dqkv[(size_t)i * 3 * (size_t)h + (size_t)k];
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, 3 * h, 1, dqkv, net->theta + p->attention, 1, dx));
  for (int i = 0; i < net->n; i++)
    for (int c = 0; c < 4; c++)
      for (int k = 0; k < h; k++) {
        const double v = dx[(size_t)(4 * i + c) * (size_t)h + (size_t)k];

        sum[net->embedding + (i ? c : 4) * h + k] += v;
        if (net->learned >= 0) sum[net->learned + i * h + k] += v;
      }
  PetscCall(PetscFree5(x, qkv, both, fold, db));
  PetscCall(PetscFree4(dx, dqkv, dboth, dfold));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- streams ---- */

static size_t Width(const LbNet *net)
{
  return net->fast ? 0 : (size_t)net->set.layers * (size_t)net->n * 2 * (size_t)net->set.hidden;
}

static size_t Work(const LbNet *net, int lanes)
{
  if (net->fast) return LbTablesWork(&net->table, lanes);
  return (size_t)(lanes + 8) * (size_t)(6 * net->set.hidden + net->set.ff + 16) + (size_t)net->n;
}

static PetscErrorCode Advance(LbNet *net, LbStream *s, int p, int lanes, const uint8_t *token, double *rows, int ld)
{
  const int h = net->set.hidden, f = net->set.ff, heads = net->set.heads, d = h / heads;
  double   *x = s->work, *y = x + (size_t)lanes * (size_t)h, *context = y + (size_t)lanes * (size_t)h, *qkv = context + (size_t)lanes * (size_t)h;
  double   *hidden = qkv + (size_t)lanes * 3 * (size_t)h, *logits = hidden + (size_t)(lanes + 8) * (size_t)f, *w = logits + 4 * (lanes + 8);

  PetscFunctionBegin;
  if (net->fast) {
    net->kernel->table_prefixes(&net->table, p, lanes, s->token[s->now], s->work, rows, ld);
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int l = 0; l < lanes; l++) LbNetEmbed(net, p, p ? token[l] : 4, x + (size_t)l * (size_t)h);
  for (int layer = 0; layer < net->set.layers; layer++) {
    const LbLayerPlace *place = &net->layer[layer];

    if (HasNorm(net)) Norm(net, place->norm[0], lanes, x, y, NULL, NULL);
    PetscCall(Linear(net, lanes, 3 * h, h, HasNorm(net) ? y : x, place->attention, place->attention_bias, PETSC_FALSE, qkv));
    for (int l = 0; l < lanes; l++) {
      double       *cache = s->state[s->now] + (size_t)l * s->width + (size_t)layer * (size_t)net->n * 2 * (size_t)h;
      const double *q     = qkv + (size_t)l * 3 * (size_t)h;

      memcpy(cache + (size_t)p * 2 * (size_t)h, q + h, (size_t)(2 * h) * sizeof *q);
      for (int a = 0; a < heads; a++) {
        double  largest = -1e300, sum = 0;
        double *c = context + (size_t)l * (size_t)h + (size_t)(a * d);

        for (int j = 0; j <= p; j++) {
          const double *k = cache + (size_t)j * 2 * (size_t)h + (size_t)(a * d);

          w[j] = 0;
          for (int i = 0; i < d; i++) w[j] += q[a * d + i] * k[i];
          w[j] /= sqrt(d);
          largest = PetscMax(largest, w[j]);
        }
        for (int j = 0; j <= p; j++) {
          w[j] = exp(w[j] - largest);
          sum += w[j];
        }
        for (int i = 0; i < d; i++) c[i] = 0;
        for (int j = 0; j <= p; j++) {
          const double *v = cache + (size_t)j * 2 * (size_t)h + (size_t)(h + a * d), share = w[j] / sum;

          for (int i = 0; i < d; i++) c[i] += share * v[i];
        }
      }
    }
    PetscCall(Linear(net, lanes, h, h, context, place->out, place->out_bias, PETSC_TRUE, x));
    if (HasNorm(net)) Norm(net, place->norm[1], lanes, x, y, NULL, NULL);
    PetscCall(Linear(net, lanes, f, h, HasNorm(net) ? y : x, place->up, place->up_bias, PETSC_FALSE, hidden));
    net->kernel->gelu((lanes * f + 7) / 8 * 8, hidden, hidden, NULL);
    PetscCall(Linear(net, lanes, h, f, hidden, place->down, place->down_bias, PETSC_TRUE, x));
  }
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, lanes, 4, h, 1, x, net->theta + net->output, 0, logits));
  LbNetLogits(net, p, lanes, logits, rows, ld);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- derivatives ---- */

static size_t LayerRoom(const LbNet *net, size_t rows)
{
  const size_t h = (size_t)net->set.hidden, f = (size_t)net->set.ff;

  return rows * (8 * h + 2 * f + 2 + (size_t)net->set.heads * (size_t)net->n) + 16; /* 8: gelu works on whole registers */
}

static void Place(const LbNet *net, double *at, size_t rows, Activations *a)
{
  const size_t h = (size_t)net->set.hidden, f = (size_t)net->set.ff;

  a->x        = at;
  a->normed   = (at += rows * h); /* xhat */
  a->qkv      = (at += rows * h);
  a->context  = (at += rows * 3 * h);
  a->x2       = (at += rows * h);
  a->normed2  = (at += rows * h);
  a->hidden   = (at += rows * h);
  a->slope    = (at += rows * f + 8);
  a->weight   = (at += rows * f + 8);
  a->inverse  = (at += rows * (size_t)net->set.heads * (size_t)net->n);
  a->inverse2 = at + rows;
}

static PetscErrorCode Attend(const LbNet *net, int count, Activations *a)
{
  const int n = net->n, h = net->set.hidden, heads = net->set.heads, d = h / heads;

  PetscFunctionBegin;
  for (int s = 0; s < count; s++)
    for (int head = 0; head < heads; head++) {
      const double *qkv = a->qkv + (size_t)s * (size_t)n * 3 * (size_t)h + (size_t)(head * d);
      double       *w   = a->weight + ((size_t)s * (size_t)heads + (size_t)head) * (size_t)(n * n);

      for (int i = 0; i < n; i++) {
        double largest = -1e300, sum = 0, *c = a->context + ((size_t)s * (size_t)n + (size_t)i) * (size_t)h + (size_t)(head * d);

        for (int j = 0; j <= i; j++) {
          double score = 0;

          for (int k = 0; k < d; k++) score += qkv[i * 3 * h + k] * qkv[j * 3 * h + h + k];
          w[i * n + j] = score / sqrt(d);
          largest      = PetscMax(largest, w[i * n + j]);
        }
        for (int j = 0; j <= i; j++) {
          w[i * n + j] = exp(w[i * n + j] - largest);
          sum += w[i * n + j];
        }
        for (int k = 0; k < d; k++) c[k] = 0;
        for (int j = 0; j <= i; j++) {
          w[i * n + j] /= sum;
          for (int k = 0; k < d; k++) c[k] += w[i * n + j] * qkv[j * 3 * h + 2 * h + k];
        }
      }
    }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* dcontext -> dqkv */
static void AttendBack(const LbNet *net, int count, const Activations *a, const double *dcontext, double *dqkv, double *dw)
{
  const int n = net->n, h = net->set.hidden, heads = net->set.heads, d = h / heads;

  memset(dqkv, 0, (size_t)count * (size_t)n * 3 * (size_t)h * sizeof *dqkv);
  for (int s = 0; s < count; s++)
    for (int head = 0; head < heads; head++) {
      const size_t  at  = (size_t)s * (size_t)n * 3 * (size_t)h + (size_t)(head * d);
      const double *qkv = a->qkv + at, *w = a->weight + ((size_t)s * (size_t)heads + (size_t)head) * (size_t)(n * n), *dc = dcontext + (size_t)s * (size_t)(n * h) + (size_t)(head * d);
      double       *g   = dqkv + at;

      for (int i = 0; i < n; i++) {
        double mean = 0;

        for (int j = 0; j <= i; j++) {
          dw[j] = 0;
          for (int k = 0; k < d; k++) {
            dw[j] += dc[i * h + k] * qkv[j * 3 * h + 2 * h + k];
            g[j * 3 * h + 2 * h + k] += w[i * n + j] * dc[i * h + k];
          }
          mean += w[i * n + j] * dw[j];
        }
        for (int j = 0; j <= i; j++) {
          const double ds = w[i * n + j] * (dw[j] - mean) / sqrt(d);

          for (int k = 0; k < d; k++) {
            g[i * 3 * h + k] += ds * qkv[j * 3 * h + h + k];
            g[j * 3 * h + h + k] += ds * qkv[i * 3 * h + k];
          }
        }
      }
    }
}

/* dy of a normed x -> dx, added; gain and shift */
static void NormBack(const LbNet *net, int count, int place, const double *dy, const double *xhat, const double *inverse, double *dx, double *rows, double *sum)
{
  const int n = net->n, h = net->set.hidden;

  for (int s = 0; s < count; s++) {
    double *row = rows ? rows + (size_t)s * (size_t)net->n_parameters : sum;

    if (rows) memset(row + place, 0, (size_t)(2 * h) * sizeof *row);
    for (int i = 0; i < n; i++) {
      const size_t  r = (size_t)s * (size_t)n + (size_t)i;
      const double *g = dy + r * (size_t)h, *hat = xhat + r * (size_t)h;
      double        mean = 0, slope = 0;

      for (int k = 0; k < h; k++) {
        if (row) {
          row[place + k] += g[k] * hat[k];
          row[place + h + k] += g[k];
        }
        mean += g[k] * net->theta[place + k];
        slope += g[k] * net->theta[place + k] * hat[k];
      }
      mean /= h;
      slope /= h;
      for (int k = 0; k < h; k++) dx[r * (size_t)h + (size_t)k] += inverse[r] * (g[k] * net->theta[place + k] - mean - slope * hat[k]);
    }
  }
}

static PetscErrorCode Gradient(LbNet *net, int count, const uint8_t *a, const double *weight, double *lnp, double *rows, double *sum)
{
  const int    n = net->n, h = net->set.hidden, f = net->set.ff, m = count * n, layers = net->set.layers;
  const size_t room = (size_t)(LB_GRADIENT_BLOCK * n), each = LayerRoom(net, room);
  double      *last, *logits, *y, *dx, *dy, *dqkv, *dh, *dw;
  Activations  act[LB_LAYERS];

  PetscFunctionBegin;
  if (!net->work) PetscCall(PetscCalloc1((size_t)layers * each + room * (size_t)(8 * h + f + 4) + (size_t)n + 16, &net->work));
  for (int l = 0; l < layers; l++) Place(net, net->work + (size_t)l * each, room, &act[l]);
  last   = net->work + (size_t)layers * each;
  y      = last + room * (size_t)h;
  dx     = y + room * (size_t)h;
  dy     = dx + room * (size_t)h;
  dqkv   = dy + room * (size_t)h;
  dh     = dqkv + room * 3 * (size_t)h;
  logits = dh + room * (size_t)f + 8;
  dw     = logits + room * 4;
  for (int s = 0; s < count; s++)
    for (int i = 0; i < n; i++) LbNetEmbed(net, i, i ? a[(size_t)s * (size_t)n + (size_t)i - 1] : 4, act[0].x + ((size_t)s * (size_t)n + (size_t)i) * (size_t)h);
  for (int l = 0; l < layers; l++) {
    const LbLayerPlace *p    = &net->layer[l];
    double             *next = l + 1 < layers ? act[l + 1].x : last;

    if (HasNorm(net)) Norm(net, p->norm[0], m, act[l].x, y, act[l].normed, act[l].inverse);
    PetscCall(Linear(net, m, 3 * h, h, HasNorm(net) ? y : act[l].x, p->attention, p->attention_bias, PETSC_FALSE, act[l].qkv));
    PetscCall(Attend(net, count, &act[l]));
    PetscCall(PetscArraycpy(act[l].x2, act[l].x, (size_t)m * (size_t)h));
    PetscCall(Linear(net, m, h, h, act[l].context, p->out, p->out_bias, PETSC_TRUE, act[l].x2));
    if (HasNorm(net)) Norm(net, p->norm[1], m, act[l].x2, y, act[l].normed2, act[l].inverse2);
    PetscCall(Linear(net, m, f, h, HasNorm(net) ? y : act[l].x2, p->up, p->up_bias, PETSC_FALSE, act[l].hidden));
    net->kernel->gelu((m * f + 7) / 8 * 8, act[l].hidden, act[l].hidden, act[l].slope);
    PetscCall(PetscArraycpy(next, act[l].x2, (size_t)m * (size_t)h));
    PetscCall(Linear(net, m, h, f, act[l].hidden, p->down, p->down_bias, PETSC_TRUE, next));
  }
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, m, 4, h, 1, last, net->theta + net->output, 0, logits));
  LbNetSeedOutput(net, count, a, weight, logits, lnp);
  if (!rows && !sum) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbNetOutputGradient(net, count, logits, last, h, dx, rows, sum));
  for (int l = layers - 1; l >= 0; l--) {
    const LbLayerPlace *p = &net->layer[l];
    double             *into;

    PetscCall(LbNetWeightGradient(net, count, h, f, dx, act[l].hidden, p->down, p->down_bias, rows, sum));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, f, h, 1, dx, net->theta + p->down, 0, dh));
    for (size_t k = 0; k < (size_t)m * (size_t)f; k++) dh[k] *= act[l].slope[k];
    into = act[l].x2;
    if (HasNorm(net)) {
      for (size_t k = 0; k < (size_t)m * (size_t)h; k++) y[k] = net->theta[p->norm[1] + (int)(k % (size_t)h)] * act[l].normed2[k] + net->theta[p->norm[1] + h + (int)(k % (size_t)h)];
      into = y;
    }
    PetscCall(LbNetWeightGradient(net, count, f, h, dh, into, p->up, p->up_bias, rows, sum));
    if (HasNorm(net)) {
      PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, f, 1, dh, net->theta + p->up, 0, dy));
      NormBack(net, count, p->norm[1], dy, act[l].normed2, act[l].inverse2, dx, rows, sum);
    } else PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, f, 1, dh, net->theta + p->up, 1, dx));
    PetscCall(LbNetWeightGradient(net, count, h, h, dx, act[l].context, p->out, p->out_bias, rows, sum));
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, h, 1, dx, net->theta + p->out, 0, dy));
    AttendBack(net, count, &act[l], dy, dqkv, dw);
    into = act[l].x;
    if (HasNorm(net)) {
      for (size_t k = 0; k < (size_t)m * (size_t)h; k++) y[k] = net->theta[p->norm[0] + (int)(k % (size_t)h)] * act[l].normed[k] + net->theta[p->norm[0] + h + (int)(k % (size_t)h)];
      into = y;
    }
    PetscCall(LbNetWeightGradient(net, count, 3 * h, h, dqkv, into, p->attention, p->attention_bias, rows, sum));
    if (HasNorm(net)) {
      PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, 3 * h, 1, dqkv, net->theta + p->attention, 0, dy));
      NormBack(net, count, p->norm[0], dy, act[l].normed, act[l].inverse, dx, rows, sum);
    } else PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, 3 * h, 1, dqkv, net->theta + p->attention, 1, dx));
  }
  LbNetEmbeddingGradient(net, count, a, dx, h, rows, sum);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(LbNet *net)
{
  PetscFunctionBegin;
  (void)net;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbNetKind lb_net_transformer = {"transformer", Create, Initialise, Prepare, Advance, Gradient, Width, Work, Destroy};
