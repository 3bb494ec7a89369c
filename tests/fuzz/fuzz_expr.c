/* Any bytes as an expression in x, y, z: a mistake with its column, or an expression of which

   - the values at one point and at many are the same bits,
   - the text reads back; where no product of numbers can leave 1e-100 to 1e100, neither of the text nor of what was read, to the same bits of all finite values (beyond, what is
     merged may overflow in another order),
   - derivatives exist, and their texts read back to the same bits as well. */
#include <math.h>
#include <string.h>
#include "fuzz.h"

#define POINTS 5

static const PetscReal point[3][POINTS] = {
  {0, 0.75,  -1.25, 3e5, -0.0},
  {1, -0.25, 2.5,   0,   1e-9},
  {0, 2,     -3,    0.5, 0   }
};

static PetscBool SameBits(PetscReal a, PetscReal b)
{
  return (a != a && b != b) || !memcmp(&a, &b, sizeof a) || (a == 0 && b == 0) ? PETSC_TRUE : PETSC_FALSE;
}

static void CheckValues(TesExpr expr, PetscReal value[POINTS])
{
  const PetscReal *v[3] = {point[0], point[1], point[2]};

  FUZZ_CALL(TesExprEvaluateMany(expr, POINTS, v, NULL, value));
  for (int i = 0; i < POINTS; i++) {
    const PetscReal at[3] = {point[0][i], point[1][i], point[2][i]};

    FUZZ_CHECK(SameBits(TesExprEvaluate(expr, at), value[i]), "%.17g alone, %.17g among others", (double)TesExprEvaluate(expr, at), (double)value[i]);
  }
}

/* Can no product of these numbers leave 1e-100 to 1e100? A number behind a power sign may take all that stands before it as often. */
static PetscBool Ordinary(const char text[])
{
  double digits = 0, powers = 1;

  for (const char *at = text; *at;) {
    char  *end   = NULL;
    double value = (*at >= '0' && *at <= '9') || *at == '.' ? strtod(at, &end) : 0;

    if (value != 0) digits += fabs(log10(value));
    if (value > 1 && at > text && (at[-1] == '^' || at[-1] == '*')) powers *= at[-1] == '^' || (at - text > 1 && at[-2] == '*') ? value : 1;
    at = end && end > at ? end : at + 1;
  }
  return digits * powers < 100 ? PETSC_TRUE : PETSC_FALSE;
}

static void CheckText(TesExpr expr, PetscBool ordinary)
{
  const char *text = TesExprText(expr);
  TesExpr     back;
  PetscInt    column = 0;
  char        message[256] = "";
  PetscReal   value[POINTS], again[POINTS];

  CheckValues(expr, value);
  if (strlen(text) > 20000 || strstr(text, "16 MB")) return;
  FUZZ_CALL(TesExprParse(text, "x y z", &back, &column, message, sizeof message));
  if (!back && strstr(message, "nested more than")) return; /* a derivative may be deeper than a deck may be */
  FUZZ_CHECK(back, "%s at %d of %s", message, (int)column, text);
  CheckValues(back, again);
  for (int i = 0; i < POINTS && ordinary && Ordinary(text); i++) FUZZ_CHECK(!isfinite(value[i]) || SameBits(value[i], again[i]), "%.17g, read back %.17g: %s", (double)value[i], (double)again[i], text);
  FUZZ_CALL(TesExprDestroy(&back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char    *text = malloc(size + 1);
  TesExpr  expr;
  PetscInt column = -1;
  char     message[256] = "";

  memcpy(text, data, size);
  text[size] = 0;
  FUZZ_CALL(TesExprParse(text, "x y z", &expr, &column, message, sizeof message));
  if (!expr) FUZZ_CHECK(message[0] && column >= 0 && (size_t)column <= strlen(text), "column %d, message '%s'", (int)column, message);
  else {
    const PetscBool ordinary = Ordinary(text);

    CheckText(expr, ordinary);
    for (PetscInt k = 0; k < 3; k++) {
      TesExpr derivative;

      FUZZ_CALL(TesExprDerivative(expr, k, &derivative));
      CheckText(derivative, ordinary);
      FUZZ_CALL(TesExprDestroy(&derivative));
    }
    FUZZ_CALL(TesExprDestroy(&expr));
  }
  free(text);
  return 0;
}
