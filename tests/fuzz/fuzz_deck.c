/* Any bytes as a deck: complaints with places inside the text, or a deck whose resolved form reads back the same. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  TesDeck deck;

  FUZZ_CALL(TesDeckCreateText(PETSC_COMM_SELF, "fuzz.yaml", size, (const char *)data, &deck));
  FuzzReadDeck(deck, data, size);
  FUZZ_CALL(TesDeckDestroy(&deck));
  return 0;
}
