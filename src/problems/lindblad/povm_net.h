#pragma once
/* lindblad, private: autoregressive networks p(a) = prod_i p(a_i | a_0 .. a_{i-1}) over the outcomes of N spins, four per position.

   Every kind of network (LbNetKind) can append a position to many prefixes at once (a stream: sampling, and the connected configurations of a sample) and give the derivatives of ln p of whole
   configurations. Where a kind has a faster way to the rows of all connected configurations it says so (lanes). Parameters are one flat vector, the same on every rank. */
#include "povm_kernel.h"

typedef enum { LB_NET_TRANSFORMER, LB_NET_GRU } LbNetWord;

typedef struct {
  int       kind, layers, hidden, heads, ff, layer_norm, positional; /* layer_norm: 0 none, 1 before each half of a layer; positional: 0 sinusoidal, 1 learned */
  PetscReal init_scale;
  PetscBool per_site;  /* an output bias for every position in place of one for all */
  PetscBool plain;     /* do not fold one layer into tables: for tests and benchmarks */
} LbNetSetting;

typedef struct LbNet LbNet;

/* prefixes that grow together */
typedef struct {
  int      room, now;   /* most lanes; which half of the double buffers holds the present prefixes */
  size_t   width;       /* doubles of state per lane */
  uint8_t *token[2];    /* [room][n] */
  double  *state[2];    /* [room][width] */
  double  *work;
} LbStream;

typedef struct {
  const char *name;
  PetscErrorCode (*create)(LbNet *net);  /* lay out the parameters: sets n_parameters and offsets */
  PetscErrorCode (*initialise)(LbNet *net, PetscInt64 seed);
  PetscErrorCode (*prepare)(LbNet *net); /* after the parameters have changed */
  PetscErrorCode (*advance)(LbNet *net, LbStream *stream, int p, int lanes, const uint8_t *token, double *rows, int ld); /* state of the lanes is in place already */
  PetscErrorCode (*gradient)(LbNet *net, int count, const uint8_t *a, const double *weight, double *lnp, double *rows, double *sum);
  size_t (*width)(const LbNet *net);
  size_t (*work)(const LbNet *net, int lanes);
  PetscErrorCode (*destroy)(LbNet *net);
} LbNetKind;

typedef struct {
  int attention, attention_bias, out, out_bias, up, up_bias, down, down_bias, norm[2]; /* norm: gain [h], then shift [h] */
} LbLayerPlace;

#define LB_LAYERS 8
#define LB_GRADIENT_BLOCK 64 /* configurations whose derivatives are taken together; also the unit that is never cut between ranks */

struct LbNet {
  const LbNetKind     *how;
  const LbPovmKernels *kernel;
  LbNetSetting         set;
  int                  n, n_parameters;
  double              *theta;    /* [n_parameters] */
  double              *position; /* [n][h] fixed positional table, added to the embedding */
  int                  embedding, learned, output, output_bias, site_bias; /* places in theta; -1: none */
  LbLayerPlace         layer[LB_LAYERS];
  PetscBool            fast;     /* one layer folded into tables */
  LbTables             table, adjoint; /* adjoint: derivatives with respect to the tables, made when first asked for */
  double              *work;     /* of the gradient */
  double              *data;     /* of the kind */
  LbStream             scratch;  /* of LbNetLogProbability */
};

/*@
  LbNetCreate     - a network for n sites with its start values: p(a) = prod_i start[i][a_i] exactly, since the output layer begins with weights 0 and bias ln start
  LbNetPrepare    - to be called after theta has changed
  LbNetGradient   - ln p of `count` configurations a [count][n], and its derivatives: rows [count][n_parameters], or sum [n_parameters] += sum_s weight[s] d ln p(a_s) (either may be NULL).
                    count <= LB_GRADIENT_BLOCK
  LbNetGradientSum - sum [n_parameters] += sum_s weight[s] d ln p(a_s) for any number of configurations; one folded layer: through the tables, about seven times as fast
  LbStreamCreate  - room for `room` prefixes
  LbStreamAdvance - lane l becomes lane from[l] (NULL: itself) with token[l] appended (p > 0), rows are its conditionals at position p. from is looked up in the lanes of the call before
  LbNetLogProbability - ln p of any number of configurations, by streams

  Not Collective
@*/
PetscErrorCode LbNetCreate(const LbNetSetting *set, int n, const double (*start)[4], PetscInt64 seed, LbNet **net);
PetscErrorCode LbNetDestroy(LbNet **net);
PetscErrorCode LbNetPrepare(LbNet *net);
PetscErrorCode LbNetGradient(LbNet *net, int count, const uint8_t *a, const double *weight, double *lnp, double *rows, double *sum);
PetscErrorCode LbNetGradientSum(LbNet *net, int count, const uint8_t *a, const double *weight, double *sum);
PetscErrorCode LbStreamCreate(LbNet *net, int room, LbStream *stream);
PetscErrorCode LbStreamDestroy(LbStream *stream);
PetscErrorCode LbStreamAdvance(LbNet *net, LbStream *stream, int p, int lanes, const int *from, const uint8_t *token, double *rows, int ld);
PetscErrorCode LbNetLogProbability(LbNet *net, int count, const uint8_t *a, double *lnp);

/* for the kinds of network */
PetscErrorCode LbTransformerUnfold(LbNet *net, const LbTables *g, double *sum); /* derivatives with respect to the tables -> parameters, added */
PetscErrorCode LbNetWeightGradient(const LbNet *net, int count, int out, int in, const double *dy, const double *x, int weight, int bias, double *rows, double *sum);
PetscErrorCode LbNetUniform(LbNet *net, PetscInt64 seed, int place, int count, PetscReal bound);
void           LbNetSeedOutput(const LbNet *net, int count, const uint8_t *a, const double *weight, double *logits, double *lnp); /* logits [count n][4] -> d lnp / d logits */
PetscErrorCode LbNetOutputGradient(const LbNet *net, int count, const double *dlogits, const double *x, int width, double *dx, double *rows, double *sum);
void           LbNetEmbed(const LbNet *net, int p, int token, double *x);
void           LbNetEmbeddingGradient(const LbNet *net, int count, const uint8_t *a, const double *dx, int width, double *rows, double *sum);
void           LbNetLogits(const LbNet *net, int p, int lanes, const double *logits, double *rows, int ld);

extern const LbNetKind lb_net_transformer, lb_net_gru;

/* ---- povm_local.c ---- */

/* room for the connected configurations of one sample under one string */
typedef struct {
  LbStream stream;
  int      ld;
  int     *from;
  uint8_t *token;
  double  *rows, *work, *single, *pair, *triple; /* ln p(b) - ln p(a): [n][3], [n_pairs][9], [n_triples][27], in the order of the lanes */
} LbRatios;

/*@
  LbRatiosCreate - room for LbRatiosAt
  LbRatiosAt     - ln p(a) and the differences ln p(b) - ln p(a) for all connected configurations b of a (in the order of the string)

  Not Collective
@*/
PetscErrorCode LbRatiosCreate(LbNet *net, const LbReach *reach, LbRatios *ratios);
PetscErrorCode LbRatiosDestroy(LbRatios *ratios);
PetscErrorCode LbRatiosAt(LbNet *net, const LbReach *reach, const uint8_t *a, LbRatios *ratios, double *lnp);
