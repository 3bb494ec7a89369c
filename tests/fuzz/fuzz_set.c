/* Any lines as --set assignments on a deck that is in order. */
#include <string.h>
#include "fuzz.h"

static const char text[] = "problem: toy\nsites: 16\nsolver: &s {kind: gmres, rtol: 1e-6, restart: 30}\nterm:\n  - {coeff: 1}\n  - &t {coeff: -2.5, axis: y, labels: [a, b]}\n  - *t\nsweep: {term.0.coeff: [1, 2]}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  TesDeck deck;

  FUZZ_CALL(TesDeckCreateText(PETSC_COMM_SELF, "fuzz.yaml", sizeof text - 1, text, &deck));
  for (size_t at = 0; at < size;) {
    const uint8_t *end    = memchr(data + at, '\n', size - at);
    size_t         length = end ? (size_t)(end - data) - at : size - at;
    char          *assignment = malloc(length + 1);

    memcpy(assignment, data + at, length);
    assignment[length] = 0;
    FUZZ_CALL(TesDeckSet(deck, assignment));
    free(assignment);
    at += length + 1;
  }
  FuzzReadDeck(deck, (const uint8_t *)text, sizeof text - 1);
  FUZZ_CALL(TesDeckDestroy(&deck));
  return 0;
}
