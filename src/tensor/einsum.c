/* Contraction of two tensors by subscripts: "bij,bjk->bik". Parsed once into permutations and one product of matrices: letters that are in both operands and the
   result are batches, letters in both and not in the result are summed over, the others are rows or columns; letters of one operand alone that the result lacks
   are summed first. Adjoints follow from those of the parts. */
#include "tensor_impl.h"

#include <string.h>

typedef struct {
  char     a[TES_TENSOR_AXES + 1], b[TES_TENSOR_AXES + 1], y[TES_TENSOR_AXES + 1];
  PetscInt length[256];
} Subscripts;

static PetscErrorCode ParseOne(const char text[], const char **from, const char stop, char word[])
{
  PetscInt n = 0;

  PetscFunctionBegin;
  for (; **from && **from != stop && **from != '-'; (*from)++) {
    char c = **from;

    if (c == ' ') continue;
    PetscCheck((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": `%c` is no letter", text, c);
    PetscCheck(n < TES_TENSOR_AXES, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": more than %d axes", text, TES_TENSOR_AXES);
    word[n] = 0;
    PetscCheck(!strchr(word, c), PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": `%c` twice in one operand", text, c);
    word[n++] = c;
  }
  word[n] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Lengths(const char text[], const char word[], TesTensor x, Subscripts *s)
{
  PetscFunctionBegin;
  PetscCheck((PetscInt)strlen(word) == x->n_axes, PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "einsum \"%s\": `%s` for a tensor of %" PetscInt_FMT " axes", text, word, x->n_axes);
  for (PetscInt i = 0; word[i]; i++) {
    PetscInt *length = &s->length[(unsigned char)word[i]];

    PetscCheck(*length < 0 || *length == x->shape[i], PETSC_COMM_SELF, PETSC_ERR_ARG_SIZ, "einsum \"%s\": `%c` has length %" PetscInt_FMT " and %" PetscInt_FMT, text, word[i], *length, x->shape[i]);
    *length = x->shape[i];
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscErrorCode Parse(const char text[], TesTensor a, TesTensor b, Subscripts *s)
{
  const char *at = text;

  PetscFunctionBegin;
  for (int c = 0; c < 256; c++) s->length[c] = -1;
  PetscCall(ParseOne(text, &at, ',', s->a));
  PetscCheck(*at == ',', PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": two operands are wanted, as in \"ij,jk->ik\"", text);
  at++;
  PetscCall(ParseOne(text, &at, '-', s->b));
  PetscCheck(at[0] == '-' && at[1] == '>', PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": -> is missing", text);
  at += 2;
  PetscCall(ParseOne(text, &at, 0, s->y));
  PetscCall(Lengths(text, s->a, a, s));
  PetscCall(Lengths(text, s->b, b, s));
  for (PetscInt i = 0; s->y[i]; i++) PetscCheck(s->length[(unsigned char)s->y[i]] >= 0, PETSC_COMM_SELF, PETSC_ERR_ARG_WRONG, "einsum \"%s\": `%c` is in no operand", text, s->y[i]);
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* drop letters that neither the other operand nor the result has */
static PetscErrorCode SumAlone(char word[], const char other[], const char result[], TesTensor *x)
{
  unsigned axes = 0;
  PetscInt n    = 0;

  PetscFunctionBegin;
  for (PetscInt i = 0; word[i]; i++)
    if (!strchr(other, word[i]) && !strchr(result, word[i])) axes |= TES_AXIS(i);
  if (!axes) PetscFunctionReturn(PETSC_SUCCESS);
  PetscCall(TesSum(*x, axes, PETSC_FALSE, x));
  for (PetscInt i = 0; word[i]; i++)
    if (!(axes & TES_AXIS(i))) word[n++] = word[i];
  word[n] = 0;
  PetscFunctionReturn(PETSC_SUCCESS);
}

/* axes in the order of `order`, then merged to three: batches, and two groups */
static PetscErrorCode Arrange(const Subscripts *s, const char word[], const char first[], const char second[], const char third[], TesTensor x, TesTensor *y)
{
  const char *group[3] = {first, second, third};
  PetscInt    order[TES_TENSOR_AXES], n = 0, shape[3] = {1, 1, 1};

  PetscFunctionBegin;
  for (int g = 0; g < 3; g++)
    for (PetscInt i = 0; group[g][i]; i++) {
      order[n++] = (PetscInt)(strchr(word, group[g][i]) - word);
      shape[g] *= s->length[(unsigned char)group[g][i]];
    }
  PetscCall(TesPermute(x, order, &x));
  PetscCall(TesReshape(x, 3, shape, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode TesEinsum(const char subscripts[], TesTensor a, TesTensor b, TesTensor *y)
{
  char       batch[8] = "", rows[8] = "", columns[8] = "", inner[8] = "", whole[32];
  PetscInt   nb = 0, nr = 0, nc = 0, ni = 0, shape[TES_TENSOR_AXES], order[TES_TENSOR_AXES], n = 0;
  Subscripts s;

  PetscFunctionBegin;
  PetscCall(Parse(subscripts, a, b, &s));
  PetscCall(SumAlone(s.a, s.b, s.y, &a));
  PetscCall(SumAlone(s.b, s.a, s.y, &b));
  for (PetscInt i = 0; s.a[i]; i++) {
    PetscBool in_b = strchr(s.b, s.a[i]) ? PETSC_TRUE : PETSC_FALSE, in_y = strchr(s.y, s.a[i]) ? PETSC_TRUE : PETSC_FALSE;

    if (in_b && in_y) batch[nb++] = s.a[i];
    else if (in_b) inner[ni++] = s.a[i];
    else rows[nr++] = s.a[i];
  }
  for (PetscInt i = 0; s.b[i]; i++)
    if (!strchr(s.a, s.b[i])) columns[nc++] = s.b[i];
  PetscCall(Arrange(&s, s.a, batch, rows, inner, a, &a));
  PetscCall(Arrange(&s, s.b, batch, inner, columns, b, &b));
  PetscCall(TesMatMul(PETSC_FALSE, PETSC_FALSE, 1, a, b, y));
  (void)snprintf(whole, sizeof whole, "%s%s%s", batch, rows, columns);
  for (PetscInt i = 0; whole[i]; i++) shape[n++] = s.length[(unsigned char)whole[i]];
  PetscCall(TesReshape(*y, n, shape, y));
  for (PetscInt i = 0; s.y[i]; i++) order[i] = (PetscInt)(strchr(whole, s.y[i]) - whole);
  PetscCall(TesPermute(*y, order, y));
  PetscFunctionReturn(PETSC_SUCCESS);
}
