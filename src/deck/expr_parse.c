/* From text to expressions, by recursive descent:

     sum     = product { (+ | -) product }
     product = factor { (* | /) factor }
     factor  = (- | +) factor | power
     power   = atom [ (^ | **) factor ]           right associative, tighter than the sign before it: -x^2 = -(x^2), x^-2 = x^(-2)
     atom    = number | name | function ( sum { , sum } ) | ( sum )

   The first mistake ends the reading; it is said with its column and, for a name, with the nearest known one. Nesting is bounded by MAX_DEPTH, so
   a hostile deck gets a message and not a stack overflow. Numbers are taken strictly: digits with an optional point and exponent. */
#include "expr_private.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "deck_impl.h"

#define MAX_DEPTH     500
#define MAX_ARGUMENTS 2

typedef struct {
  const char        *text, *at; /* at: start of the present token */
  ExprBuilder       *b;
  const char *const *variables;
  PetscInt           n_variables;
  int                depth;
  PetscBool          failed;
  PetscInt           column;
  char              *message;
  size_t             size;
} Parser;

static int ParseSum(Parser *p);

static int Fail(Parser *p, const char *at, const char format[], ...) __attribute__((format(printf, 3, 4)));

/* the first mistake counts; what follows from it is not said */
static int Fail(Parser *p, const char *at, const char format[], ...)
{
  va_list arguments;

  if (p->failed) return 0;
  p->failed = PETSC_TRUE;
  p->column = (PetscInt)(at - p->text);
  va_start(arguments, format);
  if (p->size) vsnprintf(p->message, p->size, format, arguments);
  va_end(arguments);
  return 0;
}

static void SkipBlanks(Parser *p)
{
  while (*p->at && isspace((unsigned char)*p->at)) p->at++;
}

static PetscBool IsNameStart(char c)
{
  return (PetscBool)(isalpha((unsigned char)c) || c == '_');
}

/* length of the name that starts here */
static size_t NameLength(const char *at)
{
  size_t n = 0;

  while (isalnum((unsigned char)at[n]) || at[n] == '_') n++;
  return n;
}

/* ---- what is said about a name that is not known ---- */

static void Append(char *text, size_t size, const char piece[])
{
  size_t used = strlen(text);

  if (used + 1 < size) snprintf(text + used, size - used, "%s", piece);
}

static int FailName(Parser *p, const char *at, size_t length, PetscBool function)
{
  const char *known[64] = {NULL}, *nearest;
  char        name[64], list[512] = "";
  int         n = 0;

  snprintf(name, sizeof name, "%.*s", (int)PetscMin(length, sizeof name - 1), at);
  if (!function) {
    for (PetscInt k = 0; k < p->n_variables && n < 32; k++) known[n++] = p->variables[k];
    known[n++] = "pi";
  }
  for (int k = 0; k < n; k++) {
    if (k) Append(list, sizeof list, ", ");
    Append(list, sizeof list, known[k]);
  }
  for (const ExprFunction *f = ExprFunctions; f->name && n < 63; f++) {
    if (function && list[0]) Append(list, sizeof list, ", ");
    if (function) Append(list, sizeof list, f->name);
    known[n++] = f->name;
  }
  nearest = length > 1 ? TesNearest(name, known) : NULL; /* every single letter is near every other */
  if (nearest) return Fail(p, at, "unknown %s `%s`: did you mean `%s`? (known: %s)", function ? "function" : "symbol", name, nearest, list);
  return Fail(p, at, "unknown %s `%s` (known: %s)", function ? "function" : "symbol", name, list);
}

/* what stands where an operand should be */
static int FailOperand(Parser *p)
{
  unsigned char c = (unsigned char)*p->at;
  unsigned      code;
  size_t        bytes;

  if (!c) {
    const char *end = p->at;

    while (end > p->text && isspace((unsigned char)end[-1])) end--;
    if (end == p->text) return Fail(p, p->text, "the expression is empty");
    return Fail(p, end, "the expression ends where a number, a name or `(` is expected");
  }
  if (c > ' ' && c < 127) return Fail(p, p->at, "found `%c` where a number, a name or `(` is expected", c);
  bytes = Utf8Decode(p->at, strlen(p->at), &code);
  if (bytes > 1 && code >= 0xA0) return Fail(p, p->at, "unexpected character `%.*s`: expressions are plain ASCII", (int)bytes, p->at);
  return Fail(p, p->at, "unexpected character (byte 0x%02x): expressions are plain ASCII", c);
}

/* ---- the grammar ---- */

static PetscBool Deeper(Parser *p)
{
  if (++p->depth <= MAX_DEPTH) return PETSC_TRUE;
  Fail(p, p->at, "nested more than %d levels deep", MAX_DEPTH);
  return PETSC_FALSE;
}

static int ParseNumber(Parser *p)
{
  const char *start = p->at, *end = start;
  char       *parsed;
  double      value;
  int         digits = 0;

  while (isdigit((unsigned char)*end)) end++, digits++;
  if (*end == '.')
    for (end++; isdigit((unsigned char)*end); end++) digits++;
  if (!digits) return FailOperand(p);
  if (*end == 'e' || *end == 'E') {
    const char *e = end + 1;

    if (*e == '+' || *e == '-') e++;
    if (isdigit((unsigned char)*e))
      for (end = e; isdigit((unsigned char)*end);) end++;
  }
  value = RealOf(start, &parsed);
  if (parsed != end) return Fail(p, start, "this is not a decimal number"); /* 0x10 would be read as well */
  if (PetscIsInfOrNanReal(value)) return Fail(p, start, "this number is too large");
  if (IsNameStart(*end)) return Fail(p, end, "an operator is missing after the number: write `%.*s*...`", (int)PetscMin(end - start, 40), start);
  if (*end == '.') return Fail(p, end, "a second decimal point in a number");
  p->at = end;
  return ExprNumber(p->b, value);
}

static int ParseCall(Parser *p, const ExprFunction *f)
{
  const char *name = p->at, *open;
  int         argument[MAX_ARGUMENTS] = {-1, -1}, n = 0;

  p->at += strlen(f->name);
  SkipBlanks(p);
  open = p->at;
  if (*open != '(') return Fail(p, name, "`%s` is a function: write `%s(...)`", f->name, f->name);
  do {
    int value;

    p->at++;
    value = ParseSum(p);
    if (p->failed) return 0;
    if (n < MAX_ARGUMENTS) argument[n] = value;
    n++;
    SkipBlanks(p);
  } while (*p->at == ',');
  if (*p->at != ')') return *p->at ? Fail(p, p->at, "expected an operator, `,` or `)` here") : Fail(p, open, "this `(` is never closed");
  p->at++;
  if (n != f->arguments) return Fail(p, name, "`%s` takes %d argument%s, not %d", f->name, f->arguments, f->arguments == 1 ? "" : "s", n);
  return ExprMake(p->b, f->op, argument[0], argument[1]);
}

static int ParseName(Parser *p)
{
  size_t      length = NameLength(p->at);
  const char *name = p->at, *after = name + length;

  while (isspace((unsigned char)*after)) after++;
  for (PetscInt k = 0; k < p->n_variables; k++) {
    if (strlen(p->variables[k]) != length || strncmp(p->variables[k], name, length)) continue;
    if (*after == '(') return Fail(p, name, "`%s` is not a function: write `%s*(...)`", p->variables[k], p->variables[k]);
    p->at += length;
    return ExprVariable(p->b, k);
  }
  for (const ExprFunction *f = ExprFunctions; f->name; f++)
    if (strlen(f->name) == length && !strncmp(f->name, name, length)) return ParseCall(p, f);
  if (length == 2 && !strncmp(name, "pi", 2) && *after != '(') {
    p->at += length;
    return ExprNumber(p->b, PETSC_PI);
  }
  return FailName(p, name, length, (PetscBool)(*after == '('));
}

static int ParseAtom(Parser *p)
{
  SkipBlanks(p);
  if (isdigit((unsigned char)*p->at) || *p->at == '.') return ParseNumber(p);
  if (IsNameStart(*p->at)) return ParseName(p);
  if (*p->at == '(') {
    const char *open = p->at++;
    int         value = ParseSum(p);

    if (p->failed) return 0;
    SkipBlanks(p);
    if (!*p->at) return Fail(p, open, "this `(` is never closed");
    if (*p->at != ')') return Fail(p, p->at, "expected an operator or `)` here");
    p->at++;
    return value;
  }
  return FailOperand(p);
}

static int ParseFactor(Parser *p)
{
  int value, exponent;

  if (!Deeper(p)) return 0;
  SkipBlanks(p);
  if (*p->at == '-' || *p->at == '+') {
    PetscBool minus = (PetscBool)(*p->at == '-');

    p->at++;
    value = ParseFactor(p);
    if (!p->failed && minus) value = ExprMake(p->b, EXPR_NEG, value, -1);
  } else {
    value = ParseAtom(p);
    SkipBlanks(p);
    if (!p->failed && (*p->at == '^' || (p->at[0] == '*' && p->at[1] == '*'))) {
      p->at += *p->at == '^' ? 1 : 2;
      exponent = ParseFactor(p);
      if (!p->failed) value = ExprMake(p->b, EXPR_POW, value, exponent);
    }
  }
  p->depth--;
  return value;
}

static int ParseProduct(Parser *p)
{
  int value = ParseFactor(p);

  while (!p->failed) {
    ExprOp op;
    int    right;

    SkipBlanks(p);
    if (*p->at != '*' && *p->at != '/') break;
    op = *p->at++ == '*' ? EXPR_MUL : EXPR_DIV;
    right = ParseFactor(p);
    if (!p->failed) value = ExprMake(p->b, op, value, right);
  }
  return value;
}

static int ParseSum(Parser *p)
{
  int value = ParseProduct(p);

  while (!p->failed) {
    ExprOp op;
    int    right;

    SkipBlanks(p);
    if (*p->at != '+' && *p->at != '-') break;
    op = *p->at++ == '+' ? EXPR_ADD : EXPR_SUB;
    right = ParseProduct(p);
    if (!p->failed) value = ExprMake(p->b, op, value, right);
  }
  return value;
}

static int ParseAll(Parser *p)
{
  int value = ParseSum(p);

  if (p->failed) return 0;
  SkipBlanks(p);
  if (*p->at == ')') return Fail(p, p->at, "this `)` closes nothing");
  if (*p->at == ',') return Fail(p, p->at, "a `,` stands only between the arguments of a function (a decimal point is `.`)");
  if (*p->at && (IsNameStart(*p->at) || isdigit((unsigned char)*p->at) || *p->at == '(')) return Fail(p, p->at, "an operator is missing here");
  if ((unsigned char)*p->at > ' ' && (unsigned char)*p->at < 127) return Fail(p, p->at, "found `%c` where an operator is expected", *p->at);
  if (*p->at) return FailOperand(p);
  return value;
}

PetscErrorCode TesExprParse(const char text[], const char variables[], TesExpr *expr, PetscInt *column, char message[], size_t size)
{
  ExprBuilder b;
  char      **names;
  PetscInt    n;
  Parser      p;
  int         root;

  PetscFunctionBegin;
  *expr = NULL;
  PetscCall(ExprSplitNames(variables, &names, &n));
  PetscCall(ExprStart(&b));
  p    = (Parser){.text = text, .at = text, .b = &b, .variables = (const char *const *)names, .n_variables = n, .message = message, .size = size};
  root = ParseAll(&p);
  if (!p.failed && b.full) Fail(&p, text, "the expression has more than %d operations", EXPR_MAX_NODES);
  if (p.failed) {
    ExprAbandon(&b);
    *column = p.column;
  } else {
    PetscCall(ExprFinish(&b, root, (const char *const *)names, n, expr));
  }
  PetscCall(ExprFreeNames(&names, n));
  PetscFunctionReturn(PETSC_SUCCESS);
}
