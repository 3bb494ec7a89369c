/* The gated recurrent network, one cell per position:

     r, u = sigmoid(W x + b + U s + c),  g = tanh(W_g x + b_g + r (U_g s + c_g)),  s' = (1 - u) g + u s,  s = 0 at the start,  logits = W_out s' + b_out

   W x + b is tabulated per token and position. Arrays are padded to a multiple of 8 units, which stay 0. Derivatives: back through the positions, 64 configurations at a time; the products that give dW and
   dU are taken once per configuration, over all positions. About 6 h^2 operations per cell, three times that with derivatives. */
#include <string.h>
#include <tessera/linalg.h>
#include "povm_net.h"

typedef struct {
  int     h, hp;
  double *wx;  /* [n][5][3 hp] W x + b */
  double *u;   /* [3 hp][hp] */
  double *c;   /* [3 hp] */
  double *out; /* [4][hp] */
} Padded;

static Padded Of(const LbNet *net)
{
  const int h = net->set.hidden, hp = (h + 7) / 8 * 8;
  Padded    p = {.h = h, .hp = hp, .wx = net->data};

  p.u   = p.wx + (size_t)net->n * 15 * (size_t)hp;
  p.c   = p.u + 3 * hp * hp;
  p.out = p.c + 3 * hp;
  return p;
}

/* layer[0].attention: W [3h][h], its bias, .out: U [3h][h], its bias */
static PetscErrorCode Create(LbNet *net)
{
  const int     h = net->set.hidden, hp = (h + 7) / 8 * 8;
  LbLayerPlace *p = &net->layer[0];

  PetscFunctionBegin;
  p->attention      = net->n_parameters;
  p->attention_bias = p->attention + 3 * h * h;
  p->out            = p->attention_bias + 3 * h;
  p->out_bias       = p->out + 3 * h * h;
  net->n_parameters = p->out_bias + 3 * h;
  PetscCall(PetscCalloc1((size_t)net->n * 15 * (size_t)hp + (size_t)(3 * hp * hp + 3 * hp + 4 * hp), &net->data));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Initialise(LbNet *net, PetscInt64 seed)
{
  const int           h = net->set.hidden;
  const LbLayerPlace *p = &net->layer[0];

  PetscFunctionBegin;
  PetscCall(LbNetUniform(net, seed, p->attention, 3 * h * h + 3 * h, 1 / PetscSqrtReal(h)));
  PetscCall(LbNetUniform(net, seed, p->out, 3 * h * h + 3 * h, 1 / PetscSqrtReal(h)));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Prepare(LbNet *net)
{
  const LbLayerPlace *p = &net->layer[0];
  const Padded        d = Of(net);
  double             *x, *wx;

  PetscFunctionBegin;
  PetscCall(PetscMalloc2(net->n * 5 * d.h, &x, net->n * 15 * d.h, &wx));
  for (int i = 0; i < net->n; i++)
    for (int t = 0; t < 5; t++) LbNetEmbed(net, i, t, x + (5 * i + t) * d.h);
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, 5 * net->n, 3 * d.h, d.h, 1, x, net->theta + p->attention, 0, wx));
  for (int r = 0; r < 5 * net->n; r++)
    for (int g = 0; g < 3; g++)
      for (int k = 0; k < d.h; k++) d.wx[(r * 3 + g) * d.hp + k] = wx[(r * 3 + g) * d.h + k] + net->theta[p->attention_bias + g * d.h + k];
  for (int g = 0; g < 3; g++)
    for (int k = 0; k < d.h; k++) {
      for (int i = 0; i < d.h; i++) d.u[(g * d.hp + k) * d.hp + i] = net->theta[p->out + (g * d.h + k) * d.h + i];
      d.c[g * d.hp + k] = net->theta[p->out_bias + g * d.h + k];
    }
  for (int c = 0; c < 4; c++)
    for (int k = 0; k < d.h; k++) d.out[c * d.hp + k] = net->theta[net->output + c * d.h + k];
  PetscCall(PetscFree2(x, wx));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static size_t Width(const LbNet *net)
{
  return (size_t)((net->set.hidden + 7) / 8 * 8);
}

static size_t Work(const LbNet *net, int lanes)
{
  return (size_t)lanes * (6 * Width(net) + 4);
}

/* wx and uh of all lanes */
static PetscErrorCode Products(const LbNet *net, const Padded *d, int p, int lanes, const uint8_t *token, int stride, const double *state, double *wx, double *uh)
{
  PetscFunctionBegin;
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, lanes, 3 * d->hp, d->hp, 1, state, d->u, 0, uh));
  for (int l = 0; l < lanes; l++) {
    const double *from = d->wx + (size_t)(5 * p + (p ? token[l * stride] : 4)) * (size_t)(3 * d->hp);

    for (int k = 0; k < 3 * d->hp; k++) {
      wx[(size_t)l * (size_t)(3 * d->hp) + (size_t)k] = from[k];
      uh[(size_t)l * (size_t)(3 * d->hp) + (size_t)k] += d->c[k];
    }
  }
  (void)net;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Advance(LbNet *net, LbStream *s, int p, int lanes, const uint8_t *token, double *rows, int ld)
{
  const Padded d     = Of(net);
  double      *state = s->state[s->now], *wx = s->work, *uh = wx + (size_t)lanes * (size_t)(3 * d.hp), *logits = uh + (size_t)lanes * (size_t)(3 * d.hp);

  PetscFunctionBegin;
  PetscCall(Products(net, &d, p, lanes, token, 1, state, wx, uh));
  net->kernel->gates(lanes, d.hp, wx, uh, state, state, NULL, NULL, NULL);
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, lanes, 4, d.hp, 1, state, d.out, 0, logits));
  LbNetLogits(net, p, lanes, logits, rows, ld);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Gradient(LbNet *net, int count, const uint8_t *a, const double *weight, double *lnp, double *rows, double *sum)
{
  const LbLayerPlace *p = &net->layer[0];
  const Padded        d = Of(net);
  const int           n = net->n, h = d.h, hp = d.hp, m = count * n;
  const size_t        block = (size_t)(count * hp), room = (size_t)(LB_GRADIENT_BLOCK * n);
  double             *r, *u, *g, *wx, *uh, *state, *last, *dlast, *logits, *duh, *dwx_s, *duh_s, *before, *x, *dx, *dstate;

  PetscFunctionBegin;
  if (!net->work) PetscCall(PetscCalloc1(room * (size_t)(12 * hp + 9 * h + 4) + (size_t)(8 * LB_GRADIENT_BLOCK * hp), &net->work));
  r      = net->work; /* these by position, then configuration */
  u      = r + room * (size_t)hp;
  g      = u + room * (size_t)hp;
  uh     = g + room * (size_t)hp;
  state  = uh + room * (size_t)(3 * hp);             /* [n + 1][count][hp] */
  last   = state + (room + LB_GRADIENT_BLOCK) * (size_t)hp; /* these by configuration, then position */
  dlast  = last + room * (size_t)hp;
  logits = dlast + room * (size_t)hp;
  dwx_s  = logits + room * 4;
  duh_s  = dwx_s + room * (size_t)(3 * h);
  before = duh_s + room * (size_t)(3 * h);
  x      = before + room * (size_t)h;
  dx     = x + room * (size_t)h;
  wx     = dx + room * (size_t)h; /* these of one position */

  duh    = wx;
  dstate = wx + LB_GRADIENT_BLOCK * 3 * hp;
  PetscCall(PetscArrayzero(state, block));
  for (int i = 0; i < n; i++) {
    PetscCall(Products(net, &d, i, count, i ? a + i - 1 : NULL, n, state + (size_t)i * block, wx, uh + (size_t)i * 3 * block));
    net->kernel->gates(count, hp, wx, uh + (size_t)i * 3 * block, state + (size_t)i * block, state + (size_t)(i + 1) * block, r + (size_t)i * block, u + (size_t)i * block, g + (size_t)i * block);
    for (int s = 0; s < count; s++) {
      PetscCall(PetscArraycpy(last + ((size_t)s * (size_t)n + (size_t)i) * (size_t)hp, state + (size_t)(i + 1) * block + (size_t)(s * hp), hp));
      PetscCall(PetscArraycpy(before + ((size_t)s * (size_t)n + (size_t)i) * (size_t)h, state + (size_t)i * block + (size_t)(s * hp), h));
      LbNetEmbed(net, i, i ? a[(size_t)s * (size_t)n + (size_t)i - 1] : 4, x + ((size_t)s * (size_t)n + (size_t)i) * (size_t)h);
    }
  }
  PetscCall(TesGemm(PETSC_FALSE, PETSC_TRUE, m, 4, hp, 1, last, d.out, 0, logits));
  LbNetSeedOutput(net, count, a, weight, logits, lnp);
  if (!rows && !sum) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(LbNetOutputGradient(net, count, logits, last, hp, NULL, rows, sum));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, hp, 4, 1, logits, d.out, 0, dlast));
  PetscCall(PetscArrayzero(dstate, block));
  for (int i = n - 1; i >= 0; i--) {
    for (int s = 0; s < count; s++)
      for (int k = 0; k < hp; k++) {
        const size_t at = (size_t)i * block + (size_t)(s * hp + k), row = (size_t)s * (size_t)n + (size_t)i;
        const double ds = dstate[s * hp + k] + dlast[row * (size_t)hp + (size_t)k], dg = ds * (1 - u[at]) * (1 - g[at] * g[at]), du = ds * (state[at] - g[at]) * u[at] * (1 - u[at]);
        const double ug = uh[(size_t)i * 3 * block + (size_t)(s * 3 * hp + 2 * hp + k)], dr = dg * ug * r[at] * (1 - r[at]), part[3] = {dr, du, dg}, inner[3] = {dr, du, dg * r[at]};

        dstate[s * hp + k] = ds * u[at];
        for (int gate = 0; gate < 3; gate++) {
          duh[s * 3 * hp + gate * hp + k] = inner[gate];
          if (k >= h) continue;
          dwx_s[row * (size_t)(3 * h) + (size_t)(gate * h + k)] = part[gate];
          duh_s[row * (size_t)(3 * h) + (size_t)(gate * h + k)] = inner[gate];
        }
      }
    PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, count, hp, 3 * hp, 1, duh, d.u, 1, dstate));
  }
  PetscCall(LbNetWeightGradient(net, count, 3 * h, h, dwx_s, x, p->attention, p->attention_bias, rows, sum));
  PetscCall(LbNetWeightGradient(net, count, 3 * h, h, duh_s, before, p->out, p->out_bias, rows, sum));
  PetscCall(TesGemm(PETSC_FALSE, PETSC_FALSE, m, h, 3 * h, 1, dwx_s, net->theta + p->attention, 0, dx));
  LbNetEmbeddingGradient(net, count, a, dx, h, rows, sum);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Destroy(LbNet *net)
{
  PetscFunctionBegin;
  (void)net;
  PetscFunctionReturn(PETSC_SUCCESS);
}

const LbNetKind lb_net_gru = {"gru", Create, Initialise, Prepare, Advance, Gradient, Width, Work, Destroy};
