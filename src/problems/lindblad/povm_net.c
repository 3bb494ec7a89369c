/* What all networks share: the place of embedding and output in the parameters, start values, streams of prefixes, seeds of the adjoint.

     x_i = Emb[token_i] + PE_i, tokens: the start symbol 4, then a_0, a_1, ..;   logits_i = W h_i + b (+ b_i);   p(a_i | a_<i) = softmax(logits_i)[a_i]
     PE[i][2k] = sin(i 10000^(-2k/h)), PE[i][2k+1] = cos(same)

   The output layer begins with W = 0 and b = ln p_i: the network is the product state, exactly. The embedding begins N(0, 1), other weights uniform within init_scale / sqrt(fan_in). */
#include <math.h>
#include <string.h>
#include <tessera/linalg.h>
#include <tessera/random.h>
#include <tessera/isa.h>
#include "povm_net.h"

TES_KERNEL_DECLARE(LbPovmKernels, lb_povm_kernels);

const LbPovmKernels *LbPovmKernelsPick(void)
{
  return TES_KERNEL_PICK(lb_povm_kernels);
}

PetscErrorCode LbNetUniform(LbNet *net, PetscInt64 seed, int place, int count, PetscReal bound)
{
  PetscFunctionBegin;
  for (int k = 0; k < count; k++) {
    PetscReal u[2];

    TesRandomUniform(seed, TES_STREAM_WEIGHTS, (uint32_t)place, (uint32_t)k, 0, u);
    net->theta[place + k] = net->set.init_scale * bound * (2 * u[0] - 1);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetCreate(const LbNetSetting *set, int n, const double (*start)[4], PetscInt64 seed, LbNet **out)
{
  LbNet    *net;
  const int h = set->hidden;

  PetscFunctionBegin;
  PetscCall(PetscNew(&net));
  *out        = net;
  net->set    = *set;
  net->n      = n;
  net->how    = set->kind == LB_NET_GRU ? &lb_net_gru : &lb_net_transformer;
  net->kernel = LbPovmKernelsPick();
  net->embedding = 0;
  net->learned   = -1;
  net->n_parameters += 5 * h;
  if (set->positional == 1) {
    net->learned = net->n_parameters;
    net->n_parameters += n * h;
  }
  PetscCall(PetscCalloc1(n * h, &net->position));
  PetscCall(net->how->create(net));
  net->output = net->n_parameters;
  net->n_parameters += 4 * h;
  net->output_bias = net->n_parameters;
  net->n_parameters += 4;
  net->site_bias = -1;
  if (set->per_site) {
    net->site_bias = net->n_parameters;
    net->n_parameters += 4 * n;
  }
  PetscCall(PetscCalloc1(net->n_parameters, &net->theta));
  for (int k = 0; k < 5 * h; k++) {
    PetscReal z[2];

    TesRandomNormal(seed, TES_STREAM_WEIGHTS, (uint32_t)net->embedding, (uint32_t)k, 0, z);
    net->theta[net->embedding + k] = set->init_scale * z[0];
  }
  for (int i = 0; i < n; i++)
    for (int k = 0; k < h; k++) {
      const double angle = i * pow(10000., -(double)(k / 2 * 2) / h), value = k % 2 ? cos(angle) : sin(angle);

      if (net->learned >= 0) net->theta[net->learned + i * h + k] = value;
      else net->position[i * h + k] = value;
    }
  PetscCall(net->how->initialise(net, seed));
  for (int i = 0; i < (set->per_site ? n : 1); i++)
    for (int c = 0; c < 4; c++) net->theta[(set->per_site ? net->site_bias + 4 * i : net->output_bias) + c] = log(start[i][c]);
  PetscCall(LbNetPrepare(net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetDestroy(LbNet **net)
{
  PetscFunctionBegin;
  if (!*net) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall((*net)->how->destroy(*net));
  PetscCall(LbStreamDestroy(&(*net)->scratch));
  PetscCall(PetscFree((*net)->theta));
  PetscCall(PetscFree((*net)->position));
  PetscCall(PetscFree((*net)->work));
  PetscCall(PetscFree((*net)->data));
  PetscCall(PetscFree((*net)->table.e));
  PetscCall(PetscFree((*net)->table.z));
  PetscCall(PetscFree((*net)->table.b));
  PetscCall(PetscFree((*net)->table.c));
  PetscCall(PetscFree((*net)->adjoint.e));
  PetscCall(PetscFree((*net)->adjoint.z));
  PetscCall(PetscFree((*net)->adjoint.b));
  PetscCall(PetscFree((*net)->adjoint.c));
  PetscCall(PetscFree(*net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetPrepare(LbNet *net)
{
  PetscFunctionBegin;
  PetscCall(net->how->prepare(net));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetGradient(LbNet *net, int count, const uint8_t *a, const double *weight, double *lnp, double *rows, double *sum)
{
  PetscFunctionBegin;
  PetscCheck(count <= LB_GRADIENT_BLOCK, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d configurations, at most %d are taken together", count, LB_GRADIENT_BLOCK);
  PetscCall(net->how->gradient(net, count, a, weight, lnp, rows, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* tables of derivatives, zeroed */
static PetscErrorCode Adjoint(LbNet *net)
{
  const LbTables *t = &net->table;
  LbTables       *g = &net->adjoint;
  const size_t    e = (size_t)t->heads * (size_t)t->nodes * (size_t)t->nodes, z = (size_t)t->heads * (size_t)t->nodes * (size_t)t->stride, b = (size_t)t->nodes * (size_t)t->stride;

  PetscFunctionBegin;
  if (!g->e) {
    *g = *t;
    PetscCall(PetscMalloc1(e, &g->e));
    PetscCall(PetscMalloc1(z, &g->z));
    PetscCall(PetscMalloc1(b, &g->b));
    PetscCall(PetscMalloc1(4 * t->f, &g->c));
  }
  PetscCall(PetscArrayzero(g->e, e));
  PetscCall(PetscArrayzero(g->z, z));
  PetscCall(PetscArrayzero(g->b, b));
  PetscCall(PetscArrayzero(g->c, 4 * t->f));
  PetscCall(PetscArrayzero(g->c0, 4));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetGradientSum(LbNet *net, int count, const uint8_t *a, const double *weight, double *sum)
{
  double  lnp[LB_GRADIENT_BLOCK], *work;

  PetscFunctionBegin;
  if (net->fast) {
    PetscCall(Adjoint(net));
    PetscCall(PetscMalloc1(LbTablesWork(&net->table, 2), &work));
    net->kernel->table_adjoint(&net->table, count, a, weight, work, &net->adjoint);
    PetscCall(PetscFree(work));
    PetscCall(LbTransformerUnfold(net, &net->adjoint, sum));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  for (int first = 0; first < count; first += LB_GRADIENT_BLOCK)
    PetscCall(LbNetGradient(net, PetscMin(LB_GRADIENT_BLOCK, count - first), a + (size_t)first * (size_t)net->n, weight + first, lnp, NULL, sum));
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- streams ---- */

PetscErrorCode LbStreamCreate(LbNet *net, int room, LbStream *s)
{
  PetscFunctionBegin;
  PetscCall(PetscMemzero(s, sizeof *s));
  s->room  = LB_ROWS(room);
  s->width = net->how->width(net);
  for (int k = 0; k < 2; k++) {
    PetscCall(PetscCalloc1((size_t)s->room * (size_t)net->n, &s->token[k]));
    PetscCall(PetscCalloc1((size_t)s->room * s->width + 1, &s->state[k]));
  }
  PetscCall(PetscCalloc1(net->how->work(net, s->room) + 1, &s->work));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStreamDestroy(LbStream *s)
{
  PetscFunctionBegin;
  for (int k = 0; k < 2; k++) {
    PetscCall(PetscFree(s->token[k]));
    PetscCall(PetscFree(s->state[k]));
  }
  PetscCall(PetscFree(s->work));
  PetscCall(PetscMemzero(s, sizeof *s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbStreamAdvance(LbNet *net, LbStream *s, int p, int lanes, const int *from, const uint8_t *token, double *rows, int ld)
{
  const size_t n = (size_t)net->n;

  PetscFunctionBegin;
  PetscAssert(lanes <= s->room, PETSC_COMM_SELF, PETSC_ERR_ARG_OUTOFRANGE, "%d lanes in a stream of %d", lanes, s->room);
  if (!p) {
    PetscCall(PetscArrayzero(s->state[s->now], (size_t)lanes * s->width));
  } else {
    if (from) {
      const int next = 1 - s->now;

      for (int l = 0; l < lanes; l++) {
        memcpy(s->token[next] + (size_t)l * n, s->token[s->now] + (size_t)from[l] * n, (size_t)p);
        if (s->width) memcpy(s->state[next] + (size_t)l * s->width, s->state[s->now] + (size_t)from[l] * s->width, s->width * sizeof(double));
      }
      s->now = next;
    }
    for (int l = 0; l < lanes; l++) s->token[s->now][(size_t)l * n + (size_t)p - 1] = token[l];
  }
  PetscCall(net->how->advance(net, s, p, lanes, token, rows, ld));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbNetLogProbability(LbNet *net, int count, const uint8_t *a, double *lnp)
{
  enum { BLOCK = 64 };
  double   rows[4 * LB_ROWS(BLOCK)];
  uint8_t  token[BLOCK];

  PetscFunctionBegin;
  if (!net->scratch.room) PetscCall(LbStreamCreate(net, BLOCK, &net->scratch));
  for (int first = 0; first < count; first += BLOCK) {
    const int lanes = PetscMin(BLOCK, count - first);

    for (int l = 0; l < lanes; l++) lnp[first + l] = 0;
    for (int p = 0; p < net->n; p++) {
      for (int l = 0; p && l < lanes; l++) token[l] = a[(size_t)(first + l) * (size_t)net->n + (size_t)p - 1];
      PetscCall(LbStreamAdvance(net, &net->scratch, p, lanes, NULL, token, rows, LB_ROWS(BLOCK)));
      for (int l = 0; l < lanes; l++) lnp[first + l] += rows[a[(size_t)(first + l) * (size_t)net->n + (size_t)p] * LB_ROWS(BLOCK) + l];
    }
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* ---- pieces of the kinds ---- */

void LbNetEmbed(const LbNet *net, int p, int token, double *x)
{
  const int     h  = net->set.hidden;
  const double *pe = net->learned >= 0 ? net->theta + net->learned + p * h : net->position + p * h;

  for (int k = 0; k < h; k++) x[k] = net->theta[net->embedding + token * h + k] + pe[k];
}

void LbNetLogits(const LbNet *net, int p, int lanes, const double *logits, double *rows, int ld)
{
  double bias[4];

  for (int c = 0; c < 4; c++) {
    bias[c] = net->theta[net->output_bias + c] + (net->site_bias >= 0 ? net->theta[net->site_bias + 4 * p + c] : 0);
    for (int l = 0; l < lanes; l++) rows[c * ld + l] = logits[4 * l + c] + bias[c];
    for (int l = lanes; l % 8; l++) rows[c * ld + l] = 0;
  }
  net->kernel->log_softmax(lanes, rows, ld);
}

void LbNetSeedOutput(const LbNet *net, int count, const uint8_t *a, const double *weight, double *logits, double *lnp)
{
  for (int s = 0; s < count; s++) {
    const double w = weight ? weight[s] : 1;

    if (lnp) lnp[s] = 0;
    for (int i = 0; i < net->n; i++) {
      double   *x = logits + 4 * ((size_t)s * (size_t)net->n + (size_t)i), largest, sum = 0;
      const int t = a[(size_t)s * (size_t)net->n + (size_t)i];

      for (int c = 0; c < 4; c++) x[c] += net->theta[net->output_bias + c] + (net->site_bias >= 0 ? net->theta[net->site_bias + 4 * i + c] : 0);
      largest = PetscMax(PetscMax(x[0], x[1]), PetscMax(x[2], x[3]));
      if (lnp) lnp[s] += x[t] - largest;
      for (int c = 0; c < 4; c++) {
        x[c] = exp(x[c] - largest);
        sum += x[c];
      }
      if (lnp) lnp[s] -= log(sum);
      for (int c = 0; c < 4; c++) x[c] = w * ((c == t) - x[c] / sum);
    }
  }
}

/* dW = dy^T x and db = sum of dy, of every configuration apart (rows) or of all together (sum) */
PetscErrorCode LbNetWeightGradient(const LbNet *net, int count, int out, int in, const double *dy, const double *x, int weight, int bias, double *rows, double *sum)
{
  const int n = net->n;

  PetscFunctionBegin;
  if (sum) {
    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, out, in, count * n, 1, dy, x, 1, sum + weight));
    for (int r = 0; bias >= 0 && r < count * n; r++)
      for (int o = 0; o < out; o++) sum[bias + o] += dy[(size_t)r * (size_t)out + (size_t)o];
  }
  for (int s = 0; rows && s < count; s++) {
    double       *row = rows + (size_t)s * (size_t)net->n_parameters;
    const double *d   = dy + (size_t)s * (size_t)(n * out);

    PetscCall(TesGemm(PETSC_TRUE, PETSC_FALSE, out, in, n, 1, d, x + (size_t)s * (size_t)(n * in), 0, row + weight));
    if (bias < 0) continue;
    for (int o = 0; o < out; o++) row[bias + o] = 0;
    for (int i = 0; i < n; i++)
      for (int o = 0; o < out; o++) row[bias + o] += d[i * out + o];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* x [count n][width], width >= h: the last layer's output, of which the first h count */
PetscErrorCode LbNetOutputGradient(const LbNet *net, int count, const double *dl, const double *x, int width, double *dx, double *rows, double *sum)
{
  const int h = net->set.hidden, n = net->n;

  PetscFunctionBegin;
  for (int s = 0; s < count; s++) {
    double *row = rows ? rows + (size_t)s * (size_t)net->n_parameters : sum;

    if (!row) continue;
    if (rows) {
      PetscCall(PetscArrayzero(row + net->output, 4 * h + 4));
      if (net->site_bias >= 0) PetscCall(PetscArrayzero(row + net->site_bias, 4 * n));
    }
    for (int i = 0; i < n; i++) {
      const double *d = dl + 4 * ((size_t)s * (size_t)n + (size_t)i), *xi = x + ((size_t)s * (size_t)n + (size_t)i) * (size_t)width;

      for (int c = 0; c < 4; c++) {
        for (int k = 0; k < h; k++) row[net->output + c * h + k] += d[c] * xi[k];
        row[net->output_bias + c] += d[c];
        if (net->site_bias >= 0) row[net->site_bias + 4 * i + c] += d[c];
      }
    }
  }
  for (int r = 0; dx && r < count * n; r++) {
    const double *d  = dl + 4 * (size_t)r, *w = net->theta + net->output;
    double       *to = dx + (size_t)r * (size_t)width;

    for (int k = 0; k < width; k++) to[k] = 0;
    for (int c = 0; c < 4; c++)
      for (int k = 0; k < h; k++) to[k] += d[c] * w[c * h + k];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

void LbNetEmbeddingGradient(const LbNet *net, int count, const uint8_t *a, const double *dx, int width, double *rows, double *sum)
{
  const int h = net->set.hidden, n = net->n;

  for (int s = 0; s < count; s++) {
    double *row = rows ? rows + (size_t)s * (size_t)net->n_parameters : sum;

    if (!row) continue;
    if (rows) {
      memset(row + net->embedding, 0, (size_t)(5 * h) * sizeof *row);
      if (net->learned >= 0) memset(row + net->learned, 0, (size_t)(n * h) * sizeof *row);
    }
    for (int i = 0; i < n; i++) {
      const double *d     = dx + ((size_t)s * (size_t)n + (size_t)i) * (size_t)width;
      const int     token = i ? a[(size_t)s * (size_t)n + (size_t)i - 1] : 4;

      for (int k = 0; k < h; k++) row[net->embedding + token * h + k] += d[k];
      if (net->learned >= 0)
        for (int k = 0; k < h; k++) row[net->learned + i * h + k] += d[k];
    }
  }
}
