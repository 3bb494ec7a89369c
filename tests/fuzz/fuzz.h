#pragma once
/* Fuzz targets: one function from bytes to a verdict. Built with clang, libFuzzer calls it with bytes of its own making (fuzz.sh); built as everything else, replay.c calls
   it with the files of the corpus. What must hold is written with FUZZ_CHECK: it prints the text and aborts, which either of them reports. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tessera/deck.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition, ...) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: %s does not hold: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__); \
      fprintf(stderr, "\n"); \
      abort(); \
    } \
  } while (0)

/* no error: whatever the bytes are, it is a complaint or a value */
#define FUZZ_CALL(call) FUZZ_CHECK(!(call), "%s", TesErrorMessage())

/* toy.c: read a deck (its kind, all its tables) and check what must hold of complaints or, where there are none, of the resolved deck; data: the deck's text */
void FuzzReadDeck(TesDeck deck, const uint8_t *data, size_t size);
