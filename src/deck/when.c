/* Conditions of keys: `when = "solver.kind=direct|newton & source.from=hdf5"`. A key belongs to those values of other keys of its table only; all conditions must hold,
   and a key that decides must apply itself. What decides is the deck's word, else the default. If that word is itself a mistake nothing can be said: one mistake, one
   complaint. */
#include <stdio.h>
#include <string.h>
#include "deck_impl.h"

#define MAX_CHAIN 8 /* keys that depend on keys that depend on keys */

typedef struct {
  char          path[128]; /* the key that decides */
  char          words[256];
  const TesKey *key;
} Condition;

/* The next condition of a text; returns what follows, NULL if there was none. */
static const char *NextCondition(const TesKey *keys, const char *text, Condition *c)
{
  size_t n, name;

  if (!text) return NULL;
  text += strspn(text, "& ");
  n    = strcspn(text, "& ");
  name = strcspn(text, "=");
  if (!n || name >= n) return NULL;
  snprintf(c->path, sizeof c->path, "%.*s", (int)name, text);
  snprintf(c->words, sizeof c->words, "%.*s", (int)(n - name - 1), text + name + 1);
  c->key = NULL;
  for (const TesKey *key = keys; key->type; key++)
    if (key->type != TES_KEY_SECTION && !strcmp(key->path, c->path)) c->key = key;
  return text + n;
}

static PetscBool InList(const char word[], const char words[])
{
  size_t n = strlen(word);

  for (const char *at = words; *at;) {
    size_t length = strcspn(at, "|");

    if (length == n && !strncmp(at, word, n)) return PETSC_TRUE;
    at += length + (at[length] ? 1 : 0);
  }
  return PETSC_FALSE;
}

/* Is the word one that the deciding key may have? */
static PetscBool Sensible(const TesKey *key, const char word[])
{
  if (key->type == TES_KEY_BOOL) return InList(word, "true|false");
  if (key->type != TES_KEY_ENUM || !key->choices) return PETSC_TRUE;
  for (PetscInt k = 0; key->choices[k]; k++)
    if (!strcmp(key->choices[k], word)) return PETSC_TRUE;
  return PETSC_FALSE;
}

/* failing: the condition that does not hold, if the answer is no */
static Applies Applying(const TesKey *keys, const TesKey *key, TesNode base, int chain, Condition *failing)
{
  Applies   answer = APPLIES_YES;
  Condition c;

  for (const char *rest = NextCondition(keys, key->when, &c); rest; rest = NextCondition(keys, rest, &c)) {
    TesNode     node = NodeFind(base, c.path, NULL);
    const char *word;

    if (!c.key) return APPLIES_UNKNOWN;
    if (chain < MAX_CHAIN) {
      Applies above = Applying(keys, c.key, base, chain + 1, failing);

      if (above == APPLIES_NO) return APPLIES_NO;
      if (above == APPLIES_UNKNOWN) answer = APPLIES_UNKNOWN;
    }
    word = node ? (node->type == NODE_SCALAR ? node->text : "") : c.key->fallback ? c.key->fallback : NULL;
    if (!word && c.key->optional) word = "";
    else if (!word || !Sensible(c.key, word)) {
      answer = APPLIES_UNKNOWN;
      continue;
    }
    if (InList(word, c.words)) continue;
    *failing = c;
    return APPLIES_NO;
  }
  return answer;
}

Applies KeyApplies(const TesKey *keys, const TesKey *key, TesNode base)
{
  Condition failing;

  return key->when ? Applying(keys, key, base, 0, &failing) : APPLIES_YES;
}

static PetscErrorCode AddWords(const char words[], Text *out)
{
  PetscFunctionBegin;
  for (const char *at = words; *at;) {
    size_t      n    = strcspn(at, "|");
    const char *next = at + n + (at[n] ? 1 : 0);

    PetscCall(TextAdd(out, "%s%.*s", at == words ? "" : *next ? ", " : " or ", (int)n, at));
    at = next;
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ComplainNoEffect(TesDeck deck, const TesKey *keys, const TesKey *key, TesNode base, const char prefix[], TesNode place)
{
  Condition   failing, c;
  Text        message = {0};
  TesNode     node;
  const char *dot = prefix[0] ? "." : "", *joint = "; it belongs to ";

  PetscFunctionBegin;
  if (Applying(keys, key, base, 0, &failing) != APPLIES_NO) PetscFunctionReturn(PETSC_SUCCESS);
  node = NodeFind(base, failing.path, NULL);
  PetscCall(TextAdd(&message, "`%s%s%s` has no effect with", prefix, dot, key->path));
  if (node) {
    PetscCall(TextAdd(&message, " `%s%s%s: ", prefix, dot, failing.path));
    PetscCall(NodeShow(node, &message));
    PetscCall(TextAdd(&message, "`"));
  } else if (failing.key->fallback) {
    PetscCall(TextAdd(&message, " `%s%s%s: %s` (the default)", prefix, dot, failing.path, failing.key->fallback));
  } else {
    PetscCall(TextAdd(&message, "out `%s%s%s`", prefix, dot, failing.path));
  }
  for (const char *rest = NextCondition(keys, key->when, &c); rest; rest = NextCondition(keys, rest, &c)) {
    PetscCall(TextAdd(&message, "%s%s%s%s = ", joint, prefix, dot, c.path));
    PetscCall(AddWords(c.words, &message));
    joint = " and ";
  }
  PetscCall(DeckComplain(deck, place, message.text, NULL));
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode CheckCondition(const TesKey *keys, const TesKey *key, Text *faults)
{
  const char *rest = key->when;
  Condition   c;

  PetscFunctionBegin;
  if (!rest) PetscFunctionReturn(PETSC_SUCCESS);
  while ((rest = NextCondition(keys, rest, &c))) {
    if (!c.key) {
      PetscCall(TextAdd(faults, "%s: condition `%s` looks at `%s`, which is no key of the table\n", key->path, key->when, c.path));
    } else {
      for (const char *at = c.words; *at;) {
        size_t n = strcspn(at, "|");
        char   word[128];

        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (!Sensible(c.key, word)) PetscCall(TextAdd(faults, "%s: condition `%s`: `%s` cannot be `%s`\n", key->path, key->when, c.path, word));
        at += n + (at[n] ? 1 : 0);
      }
    }
    if (!rest[strspn(rest, "& ")]) PetscFunctionReturn(PETSC_SUCCESS);
  }
  PetscCall(TextAdd(faults, "%s: condition `%s` is not of the form key=word|word & key=word\n", key->path, key->when));
  PetscFunctionReturn(PETSC_SUCCESS);
}
