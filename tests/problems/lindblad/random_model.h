#pragma once
/* Random models for tests of the lindblad room: a deck, and beside it the matrices of the whole space, built here from Kronecker products without any code of the room.

   Up to four sites of up to four levels (all spins in every second model, at most 48 states). Hamiltonian: products on one to three sites of named, matrix-unit and user operators, mostly not Hermitian (so that h.c. matters), pairs with a
   power law, factors of every kind of time dependence. Jumps: products, sums with complex coefficients, lists of places with a rate each, rates that depend on time. Matrices are those of time 0.3. */
#include <complex.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/random.h>

typedef double _Complex Z;

#define RANDOM_TIME 0.3
#define IM          (__extension__ 1.0i)

typedef struct {
  int  n_sites, dim[4], n;
  Z   *h;            /* [n][n] at RANDOM_TIME */
  int  n_jumps;
  Z   *jump[16];     /* with the square root of rate and factor */
  Z    user[5][16];  /* matrices of the user's operators U2, U3, U4 */
  char deck[16384];
  int  seed, draw, still; /* still: nothing depends on time */
  int  n_powers, n_moving, n_collective, n_wide, n_user, n_lists; /* what the model has, for a test of the tests */
} Random;

static inline double Uniform(Random *r)
{
  double u[2];

  TesRandomUniform(r->seed, TES_STREAM_TEST, (uint32_t)r->draw++, 0, 0, u);
  return u[0];
}

static inline int Below(Random *r, int n)
{
  return (int)(n * Uniform(r));
}

static inline void Say(Random *r, const char format[], ...)
{
  size_t  used = strlen(r->deck);
  va_list list;

  va_start(list, format);
  vsnprintf(r->deck + used, sizeof r->deck - used, format, list);
  va_end(list);
}

/* the name of a random operator of dimension d and its matrix, row-major */
static inline void RandomOperator(Random *r, int d, char name[16], Z m[16])
{
  const int kind = Below(r, d == 2 ? 7 : 5), i = Below(r, d), j = Below(r, d);

  memset(m, 0, 16 * sizeof *m);
  if (kind == (d == 2 ? 6 : 4)) {
    snprintf(name, 16, "U%d", d);
    memcpy(m, r->user[d], 16 * sizeof *m);
    r->n_user++;
  } else if (d == 2 && kind < 5) {
    static const char *const names[] = {"X", "Y", "Z", "Sp", "Sm"};

    snprintf(name, 16, "%s", names[kind]);
    if (kind == 0) m[1] = m[2] = 1;
    if (kind == 1) m[1] = -IM, m[2] = IM;
    if (kind == 2) m[0] = 1, m[3] = -1;
    if (kind == 3) m[1] = 1;
    if (kind == 4) m[2] = 1;
  } else if (d > 2 && kind == 0) {
    snprintf(name, 16, "a");
    for (int k = 1; k < d; k++) m[(k - 1) * d + k] = sqrt(k);
  } else if (d > 2 && kind == 1) {
    snprintf(name, 16, "ad*a");
    for (int k = 0; k < d; k++) m[k * d + k] = k;
  } else if (d > 2 && kind == 2) {
    snprintf(name, 16, "ad");
    for (int k = 1; k < d; k++) m[k * d + k - 1] = sqrt(k);
  } else {
    snprintf(name, 16, "\"E:%d,%d\"", i, j);
    m[i * d + j] = 1;
  }
}

/* out += c (ops on k different sites) on the whole space */
static inline void AddKron(const Random *r, Z c, int k, const int site[], Z op[][16], Z *out)
{
  for (int i = 0; i < r->n; i++)
    for (int j = 0; j < r->n; j++) {
      Z   value = c;
      int a = i, b = j;

      for (int m = 0; m < r->n_sites && value != 0; m++) {
        const int d = r->dim[m], x = a % d, y = b % d;
        int       q = 0;

        while (q < k && site[q] != m) q++;
        if (q < k) value *= op[q][x * d + y];
        else if (x != y) value = 0;
        a /= d;
        b /= d;
      }
      out[i * r->n + j] += value;
    }
}

/* out += c P, and conj(c) P+ with hc */
static inline void AddProduct(const Random *r, Z c, int hc, int k, const int site[], Z op[][16], Z *out)
{
  Z *whole = calloc((size_t)(r->n * r->n), sizeof *whole);

  AddKron(r, 1, k, site, op, whole);
  for (int i = 0; i < r->n; i++)
    for (int j = 0; j < r->n; j++) out[i * r->n + j] += c * whole[i * r->n + j] + (hc ? conj(c * whole[j * r->n + i]) : 0);
  free(whole);
}

/* ops and places of one random product on up to `most` sites, as text; added to out */
static inline void RandomProduct(Random *r, Z c, int hc, int most, Z *out)
{
  const int k = 1 + Below(r, most < r->n_sites ? most : r->n_sites);
  int       site[3];
  Z         op[3][16];
  char      name[3][16];

  if (k == 3) r->n_wide++;
  for (int q = 0; q < k; q++) {
    int again;

    do {
      site[q] = Below(r, r->n_sites);
      again   = 0;
      for (int p = 0; p < q; p++) again |= site[p] == site[q];
    } while (again);
    RandomOperator(r, r->dim[site[q]], name[q], op[q]);
  }
  Say(r, "ops: [");
  for (int q = 0; q < k; q++) Say(r, "%s%s", q ? ", " : "", name[q]);
  Say(r, k == 1 ? "], on: [" : "], on: [[");
  for (int q = 0; q < k; q++) Say(r, "%s%d", q ? ", " : "", site[q]);
  Say(r, k == 1 ? "]" : "]]");
  AddProduct(r, c, hc, k, site, op, out);
}

/* a factor of time, not negative: what is said goes behind the other keys; its value at RANDOM_TIME */
static inline double RandomTime(Random *r, char text[256])
{
  const double a = Uniform(r), b = Uniform(r);

  text[0] = 0;
  if (Below(r, 2) || r->still) return 1;
  r->n_moving++;
  switch (Below(r, 4)) {
  case 0:
    snprintf(text, 256, ", time: {kind: sin, offset: 1.2, amp: %.17g, omega: %.17g, phase: 0.4}", a, 3 * b);
    return 1.2 + a * sin(3 * b * RANDOM_TIME + 0.4);
  case 1:
    snprintf(text, 256, ", time: {kind: ramp, from: %.17g, to: %.17g, start: 0.1, end: 0.6}", a, b);
    return a + (b - a) * (RANDOM_TIME - 0.1) / (0.6 - 0.1);
  case 2:
    snprintf(text, 256, ", time: {kind: pulse, offset: 0.1, amp: %.17g, center: 0.2, width: %.17g}", a, 0.1 + b);
    return 0.1 + a * exp(-0.5 * (RANDOM_TIME - 0.2) * (RANDOM_TIME - 0.2) / ((0.1 + b) * (0.1 + b)));
  default:
    snprintf(text, 256, ", time: {kind: expression, expression: \"exp(-%.17g*t)\"}", a);
    return exp(-a * RANDOM_TIME);
  }
}

/* pairs i < j with 1/(j - i)^power, of the same two matrix units on every site */
static inline void RandomPairs(Random *r, Z c, Z *out)
{
  const int    i = Below(r, 2), j = Below(r, 2), k = Below(r, 2), l = Below(r, 2);
  const double power = 0.5 + 2 * Uniform(r);

  r->n_powers++;
  Say(r, "ops: [\"E:%d,%d\", \"E:%d,%d\"], on: pairs, range: {power: %.17g}", i, j, k, l, power);
  for (int a = 0; a < r->n_sites; a++)
    for (int b = a + 1; b < r->n_sites; b++) {
      const int site[2] = {a, b};
      Z         op[2][16] = {{0}};

      op[0][i * r->dim[a] + j] = 1;
      op[1][k * r->dim[b] + l] = 1;
      AddProduct(r, c / pow(b - a, power), 1, 2, site, op, out);
    }
}

static inline void RandomHamiltonian(Random *r)
{
  Say(r, "hamiltonian:\n");
  for (int k = 1 + Below(r, 4); k; k--) {
    const double re = Uniform(r) - 0.5, im = Uniform(r) - 0.5;
    char         time[256];
    const double factor = RandomTime(r, time);

    Say(r, "  - {");
    if (r->n_sites > 1 && Below(r, 4) == 0) RandomPairs(r, (re + im * IM) * factor, r->h);
    else RandomProduct(r, (re + im * IM) * factor, 1, 3, r->h);
    Say(r, ", coeff: [%.17g, %.17g], hc: true%s}\n", re, im, time);
  }
}

static inline Z *RandomJumpMatrix(Random *r)
{
  return r->jump[r->n_jumps++] = calloc((size_t)(r->n * r->n), sizeof(Z));
}

static inline void RandomJumps(Random *r)
{
  Say(r, "jumps:\n");
  for (int k = 1 + Below(r, 3); k; k--) {
    const double rate = Uniform(r);
    const int    kind = Below(r, 4);
    char         time[256];
    const double factor = RandomTime(r, time), root = sqrt(rate * factor);

    Say(r, "  - {");
    if (kind < 2) {
      RandomProduct(r, root, 0, 2, RandomJumpMatrix(r));
      Say(r, ", rate: %.17g", rate);
    } else if (kind == 2) { /* every site, with a rate of its own */
      const int i = Below(r, 2), j = Below(r, 2);

      r->n_lists++;
      Say(r, "ops: [\"E:%d,%d\"], on: sites, rate: [", i, j);
      for (int m = 0; m < r->n_sites; m++) {
        const double own = Uniform(r);
        Z            op[1][16] = {{0}};

        op[0][i * r->dim[m] + j] = 1;
        AddKron(r, sqrt(own * factor), 1, &m, op, RandomJumpMatrix(r));
        Say(r, "%s%.17g", m ? ", " : "", own);
      }
      Say(r, "]");
    } else {
      Z *out = RandomJumpMatrix(r);

      r->n_collective++;
      Say(r, "sum: [");
      for (int p = 0; p < 2; p++) {
        const double re = Uniform(r) - 0.5, im = Uniform(r) - 0.5;

        Say(r, "%s{", p ? ", " : "");
        RandomProduct(r, root * (re + im * IM), 0, 2, out);
        Say(r, ", coeff: [%.17g, %.17g]}", re, im);
      }
      Say(r, "], rate: %.17g", rate);
    }
    Say(r, "%s}\n", time);
  }
}

static inline void RandomModel(Random *r, int seed, int still)
{
  const int qubits = seed % 2;

  memset(r, 0, sizeof *r);
  r->seed    = seed;
  r->still   = still;
  r->n_sites = 1 + Below(r, 4);
  r->n       = 1;
  Say(r, "problem: lindblad\nsystem:\n  sites:\n");
  for (int m = 0; m < r->n_sites; m++) {
    int most = 48 / r->n >> (r->n_sites - 1 - m); /* the sites to come have two levels at least */

    most      = qubits || most < 2 ? 2 : most > 4 ? 4 : most;
    r->dim[m] = 2 + Below(r, most - 1);
    r->n *= r->dim[m];
    Say(r, "    - {dim: %d}\n", r->dim[m]);
  }
  Say(r, "operators:\n");
  for (int d = 2; d <= 4; d++) {
    Say(r, "  U%d: {dim: %d, matrix: [", d, d);
    for (int i = 0; i < d; i++) {
      Say(r, "%s[", i ? ", " : "");
      for (int j = 0; j < d; j++) {
        const double re = Uniform(r) - 0.5, im = Uniform(r) - 0.5;

        r->user[d][i * d + j] = re + im * IM;
        Say(r, "%s[%.17g, %.17g]", j ? ", " : "", re, im);
      }
      Say(r, "]");
    }
    Say(r, "]}\n");
  }
  r->h = calloc((size_t)(r->n * r->n), sizeof *r->h);
  RandomHamiltonian(r);
  RandomJumps(r);
}

static inline void RandomFree(Random *r)
{
  free(r->h);
  for (int q = 0; q < r->n_jumps; q++) free(r->jump[q]);
}

static inline void Multiply(int n, const Z *a, const Z *b, Z *c)
{
  memset(c, 0, (size_t)(n * n) * sizeof *c);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++) {
      const Z x = a[i * n + k];

      if (x == 0) continue;
      for (int j = 0; j < n; j++) c[i * n + j] += x * b[k * n + j];
    }
}

/* out = -i [H, rho] + sum J rho J+ - {J+ J, rho}/2, by dense products */
static inline void DenseLindblad(int n, const Z *h, int n_jumps, Z *const jump[], const Z *rho, Z *out)
{
  const size_t bytes = (size_t)(n * n) * sizeof(Z);
  Z           *a = malloc(bytes), *b = malloc(bytes), *adjoint = malloc(bytes), *k = malloc(bytes);

  Multiply(n, h, rho, a);
  Multiply(n, rho, h, b);
  for (int e = 0; e < n * n; e++) out[e] = -IM * (a[e] - b[e]);
  for (int q = 0; q < n_jumps; q++) {
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) adjoint[i * n + j] = conj(jump[q][j * n + i]);
    Multiply(n, jump[q], rho, a);
    Multiply(n, a, adjoint, b);
    for (int e = 0; e < n * n; e++) out[e] += b[e];
    Multiply(n, adjoint, jump[q], k);
    Multiply(n, k, rho, a);
    Multiply(n, rho, k, b);
    for (int e = 0; e < n * n; e++) out[e] -= 0.5 * (a[e] + b[e]);
  }
  free(a);
  free(b);
  free(adjoint);
  free(k);
}

/* a random Hermitian matrix */
static inline void RandomHermitian(Random *r, int n, Z *rho)
{
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      rho[i * n + j] = Uniform(r) - 0.5 + (i == j ? 0 : (Uniform(r) - 0.5) * IM);
      rho[j * n + i] = conj(rho[i * n + j]);
    }
}
