#pragma once
/* lindblad, private: arithmetic of the networks, one table of functions per instruction set.

   Rows of conditionals are kept by outcome: rows[c ld + lane] = ln p(c | prefix of the lane); ld is a multiple of 8 and at least the number of lanes rounded up to 8. */
#include "povm.h"

/* One layer without layer norm, folded: the attention context enters u linearly, so the width of the network is gone.
     nodes m = 4 i + t: token t at position i (position 0 has the start symbol alone, t = 0)
     e[head][m][m']  exp of the score of query m and key m', less the largest of the row
     z[head][m']     [stride] what a key adds to u: f entries of the hidden layer (padded to a multiple of 8), 4 logits, 4 of nothing
     b[m]            [stride] what the position itself adds;   c [f][4], c0 [4]: logits += c gelu(u) + c0 */
typedef struct {
  int     n, f, padded, stride, heads, nodes;
  double *e, *z, *b, *c, c0[4];
} LbTables;

#define LB_ROWS(lanes) (((lanes) + 7) / 8 * 8 + 8) /* ld: not a power of two, which would cost cache ways */

typedef struct {
  void (*exponential)(int n, const double *x, double *y); /* n a multiple of 8 */
  void (*gelu)(int n, const double *x, double *y, double *derivative); /* derivative may be NULL; n a multiple of 8 */
  void (*gates)(int lanes, int h, const double *wx, const double *uh, const double *before, double *state, double *r, double *u, double *g); /* a recurrent cell: povm_gru.c; r, u, g may be NULL */
  void (*log_softmax)(int lanes, double *rows, int ld);                                    /* logits, by outcome, in place */
  /* rows of all lanes of a configuration a at position p (LbReach), by rank-one changes of the sums of keys; work: LbTablesWork doubles */
  void (*table_lanes)(const LbTables *t, const LbReach *reach, int p, const uint8_t *a, double *work, double *rows, int ld);
  /* rows of `lanes` prefixes a[lane * n ..] at position p */
  void (*table_prefixes)(const LbTables *t, int p, int lanes, const uint8_t *a, double *work, double *rows, int ld);
  /* g += derivatives of sum_s weight[s] ln p(a_s) with respect to e, z, b, c and c0; a [count][n], work: LbTablesWork(t, 2) doubles */
  void (*table_adjoint)(const LbTables *t, int count, const uint8_t *a, const double *weight, double *work, LbTables *g);
} LbPovmKernels;

const LbPovmKernels *LbPovmKernelsPick(void);
static inline size_t LbTablesWork(const LbTables *t, int lanes)
{
  return (size_t)t->stride * (size_t)(lanes + 8) + (size_t)t->heads * (size_t)(t->stride + 1) * (size_t)(3 * t->n + 16);
}
