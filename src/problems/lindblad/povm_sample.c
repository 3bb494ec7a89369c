/* Exact samples of the network, no Markov chain.

   One by one: the uniform number of (sample, site) chooses among the four conditionals. With multiplicities: the number of samples below a prefix is split into its four children by three binomial numbers,
   each from one uniform number by inversion, keyed by the prefix; so only distinct configurations are ever evaluated, and a small change of the parameters moves few samples. Configurations that several
   strings gave are joined. Every rank splits the same tree (m N rows of conditionals, a few per cent of one evaluation of the flow); single samples are drawn in blocks by their owners. */
#include <math.h>
#include <string.h>
#include <tessera/random.h>
#include "povm_flow.h"

PetscErrorCode LbSamplesDestroy(LbSamples *s)
{
  PetscFunctionBegin;
  PetscCall(PetscFree2(s->a, s->weight));
  PetscCall(PetscMemzero(s, sizeof *s));
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Room(LbSamples *s, int n, int room)
{
  PetscFunctionBegin;
  s->n = n;
  if (s->room < room) {
    PetscCall(PetscFree2(s->a, s->weight));
    PetscCall(PetscMalloc2((size_t)room * (size_t)n, &s->a, room, &s->weight));
    s->room = room;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* smallest k with P(Binomial(n, p) <= k) >= u; below mean - 12 sd - 12 there is less than 1e-20 */
static int Binomial(int n, double p, double u)
{
  double mean, term, sum, odds;
  int    k;

  if (n == 0 || p <= 0) return 0;
  if (p >= 1) return n;
  mean = n * p;
  k    = (int)fmax(0, floor(mean - 12 * sqrt(mean * (1 - p)) - 12));
  odds = p / (1 - p);
  term = exp(lgamma(n + 1.) - lgamma(k + 1.) - lgamma(n - k + 1.) + k * log(p) + (n - k) * log1p(-p));
  sum  = term;
  while (sum < u && k < n) {
    term *= (double)(n - k) / (k + 1) * odds;
    k++;
    sum += term;
  }
  return k;
}

static uint64_t Mix(uint64_t z)
{
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void Split(PetscInt64 seed, PetscInt64 evaluation, uint64_t key, int count, const double q[4], int child[4])
{
  const TesRandomBits bits = TesRandomRaw(seed, TES_STREAM_POVM_SAMPLE, (uint32_t)evaluation, (uint32_t)key, (uint32_t)(key >> 32));
  double              rest = 1;

  for (int c = 0; c < 3; c++) {
    child[c] = rest > 0 ? Binomial(count, q[c] / rest, (bits.v[c] + 0.5) / 4294967296.) : 0;
    count -= child[c];
    rest -= q[c];
  }
  child[3] = count;
}

/* distinct prefixes grow position by position; a [room][n] by position */
static PetscErrorCode Tree(LbNet *net, PetscInt64 seed, PetscInt64 evaluation, uint64_t root, int total, LbStream *stream, double *rows, int ld, int *count[2], uint64_t *key[2], int *from, uint8_t *token,
                           uint8_t *a, int *multiplicity, int *found)
{
  int lanes = 1, now = 0;

  PetscFunctionBegin;
  count[0][0] = total;
  key[0][0]   = root;
  for (int p = 0; p < net->n; p++) {
    int next = 0;

    PetscCall(LbStreamAdvance(net, stream, p, lanes, from, token, rows, ld));
    for (int l = 0; l < lanes; l++) {
      double q[4];
      int    child[4];

      for (int c = 0; c < 4; c++) q[c] = exp(rows[c * ld + l]);
      Split(seed, evaluation, key[now][l], count[now][l], q, child);
      for (int c = 0; c < 4; c++) {
        if (!child[c]) continue;
        from[next]           = l;
        token[next]          = (uint8_t)c;
        count[1 - now][next] = child[c];
        key[1 - now][next]   = root == 1 && p < 28 ? key[now][l] << 2 | (uint64_t)c : Mix(key[now][l] * 4 + (uint64_t)c);
        next++;
      }
    }
    lanes = next;
    now   = 1 - now;
  }
  for (int l = 0; l < lanes; l++) {
    PetscCall(PetscArraycpy(a + (size_t)l * (size_t)net->n, stream->token[stream->now] + (size_t)from[l] * (size_t)net->n, net->n - 1));
    a[(size_t)l * (size_t)net->n + (size_t)net->n - 1] = token[l];
    multiplicity[l]                                     = count[now][l];
  }
  *found = lanes;
  PetscFunctionReturn(PETSC_SUCCESS);
}

typedef struct {
  const uint8_t *a;
  int            n, count;
} Drawn;

static int ByConfiguration(const void *x, const void *y)
{
  const Drawn *p = x, *q = y;

  return memcmp(p->a, q->a, (size_t)p->n);
}

static PetscErrorCode DrawTree(LbNet *net, const LbStrings *strings, PetscInt64 seed, PetscInt64 evaluation, int total, LbSamples *s)
{
  const int n = net->n, ld = LB_ROWS(total);
  LbStream  stream;
  double   *rows;
  int      *count[2], *from, *multiplicity, found = 0, left = total;
  uint64_t *key[2];
  uint8_t  *token, *x, *a;

  PetscFunctionBegin;
  PetscCall(LbStreamCreate(net, total, &stream));
  PetscCall(PetscMalloc5(4 * ld, &rows, total + 4, &count[0], total + 4, &count[1], total + 4, &from, total + 4, &multiplicity));
  PetscCall(PetscMalloc5(total + 4, &key[0], total + 4, &key[1], total + 4, &token, (size_t)total * (size_t)n, &x, (size_t)total * (size_t)n, &a));
  for (int k = 0; k < strings->count; k++) {
    const uint64_t root = strings->count == 1 ? 1 : Mix((uint64_t)k + 2);
    int            own = left, got;

    if (k + 1 < strings->count) {
      const uint64_t      at   = ~(uint64_t)k;
      const TesRandomBits bits = TesRandomRaw(seed, TES_STREAM_POVM_SAMPLE, (uint32_t)evaluation, (uint32_t)at, (uint32_t)(at >> 32));

      own = Binomial(left, 1. / (strings->count - k), (bits.v[0] + 0.5) / 4294967296.);
    }
    left -= own;
    if (!own) continue;
    PetscCall(Tree(net, seed, evaluation, root, own, &stream, rows, ld, count, key, from, token, x, multiplicity + found, &got));
    LbStringsUnpermute(strings, k, got, x, a + (size_t)found * (size_t)n);
    found += got;
  }
  PetscCall(Room(s, n, total));
  if (strings->count == 1) {
    PetscCall(PetscArraycpy(s->a, a, (size_t)found * (size_t)n));
    for (int l = 0; l < found; l++) s->weight[l] = (double)multiplicity[l] / total;
    s->count = found;
  } else {
    Drawn *drawn;

    PetscCall(PetscMalloc1(found, &drawn));
    for (int l = 0; l < found; l++) drawn[l] = (Drawn){a + (size_t)l * (size_t)n, n, multiplicity[l]};
    qsort(drawn, (size_t)found, sizeof *drawn, ByConfiguration); /* equal ones are joined, so their order is of no account */
    s->count = 0;
    for (int l = 0; l < found; l++) {
      if (l && !ByConfiguration(&drawn[l], &drawn[l - 1])) s->weight[s->count - 1] += (double)drawn[l].count / total;
      else {
        PetscCall(PetscArraycpy(s->a + (size_t)s->count * (size_t)n, drawn[l].a, n));
        s->weight[s->count++] = (double)drawn[l].count / total;
      }
    }
    PetscCall(PetscFree(drawn));
  }
  PetscCall(PetscFree5(rows, count[0], count[1], from, multiplicity));
  PetscCall(PetscFree5(key[0], key[1], token, x, a));
  PetscCall(LbStreamDestroy(&stream));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSamplesBlock(LbNet *net, const LbStrings *strings, LbStream *stream, PetscInt64 seed, TesStream random, PetscInt64 row, PetscInt64 first, int count, uint8_t *a)
{
  const int n = net->n, ld = LB_ROWS(count);
  double   *rows;
  uint8_t  *x, *token;

  PetscFunctionBegin;
  PetscCall(PetscMalloc3(4 * ld, &rows, (size_t)count * (size_t)n, &x, count, &token));
  for (int p = 0; p < n; p++) {
    for (int l = 0; p && l < count; l++) token[l] = x[(size_t)l * (size_t)n + (size_t)p - 1];
    PetscCall(LbStreamAdvance(net, stream, p, count, NULL, token, rows, ld));
    for (int l = 0; l < count; l++) {
      PetscReal u[2], sum = 0;
      int       c;

      TesRandomUniform(seed, random, (uint32_t)row, (uint32_t)(first + l), (uint32_t)p, u);
      for (c = 0; c < 3; c++) {
        sum += exp(rows[c * ld + l]);
        if (u[0] < sum) break;
      }
      x[(size_t)l * (size_t)n + (size_t)p] = (uint8_t)c;
    }
  }
  for (int l = 0; l < count; l++) {
    int k = 0;

    if (strings->count > 1) {
      PetscReal u[2];

      TesRandomUniform(seed, random, (uint32_t)row, (uint32_t)(first + l), (uint32_t)n, u);
      k = PetscMin(strings->count - 1, (int)(u[0] * strings->count));
    }
    LbStringsUnpermute(strings, k, 1, x + (size_t)l * (size_t)n, a + (size_t)l * (size_t)n);
  }
  PetscCall(PetscFree3(rows, x, token));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSamplesDrawn(MPI_Comm comm, LbNet *net, const LbStrings *strings, PetscInt64 seed, PetscInt64 evaluation, int total, PetscBool unique, LbSamples *s)
{
  const int    n = net->n;
  TesPartition part;
  LbStream     stream;
  int          size, *counts, *offsets;

  PetscFunctionBegin;
  if (unique) {
    PetscCall(DrawTree(net, strings, seed, evaluation, total, s));
    PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(Room(s, n, total));
  s->count = total;
  for (int l = 0; l < total; l++) s->weight[l] = 1. / total;
  PetscCall(TesPartitionCreate(comm, total, LB_GRADIENT_BLOCK, &part));
  PetscCall(LbStreamCreate(net, LB_GRADIENT_BLOCK, &stream));
  for (PetscInt64 first = part.first; first < part.first + part.n_local; first += LB_GRADIENT_BLOCK)
    PetscCall(LbSamplesBlock(net, strings, &stream, seed, TES_STREAM_POVM_SAMPLE, evaluation, first, (int)PetscMin(LB_GRADIENT_BLOCK, part.first + part.n_local - first), s->a + first * n));
  PetscCall(LbStreamDestroy(&stream));
  PetscCallMPI(MPI_Comm_size(comm, &size));
  PetscCall(PetscMalloc2(size, &counts, size, &offsets));
  for (int r = 0; r < size; r++) {
    PetscInt64 first, local;

    TesPartitionRange(&part, r, &first, &local);
    counts[r]  = (int)local * n;
    offsets[r] = (int)first * n;
  }
  PetscCallMPI(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, s->a, counts, offsets, MPI_UINT8_T, comm));
  PetscCall(PetscFree2(counts, offsets));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode LbSamplesAll(LbNet *net, const LbStrings *strings, LbSamples *s)
{
  const int n = net->n, all = 1 << (2 * n);

  PetscFunctionBegin;
  PetscCall(Room(s, n, all));
  s->count = all;
  for (int c = 0; c < all; c++)
    for (int i = 0; i < n; i++) s->a[(size_t)c * (size_t)n + (size_t)i] = (uint8_t)(c >> (2 * i) & 3);
  PetscCall(LbStringsLogProbability(strings, net, all, s->a, s->weight, NULL));
  for (int c = 0; c < all; c++) s->weight[c] = exp(s->weight[c]);
  PetscFunctionReturn(PETSC_SUCCESS);
}
