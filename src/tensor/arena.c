/* The tape's memory: one stretch of address space, reserved at once and filled from the bottom; pages are taken when they are touched, so a generous limit costs nothing.

   A backward sweep that records nothing gives back what it no longer needs (adjoints that have been passed on, temporaries of a vjp); such buffers are kept by size
   and used again, so a sweep takes little more than the largest adjoints that live at once. Everything else is forgotten by TesTapeReset. */
#include "tensor_impl.h"

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
  #include <sanitizer/asan_interface.h>
  #define REDZONE 64 /* between buffers, so that the sanitizer sees writes past the end */
#else
  #define REDZONE 0
  #define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)0)
  #define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)0)
#endif

PetscErrorCode ArenaCreate(TesTape tape, size_t limit)
{
  PetscFunctionBegin;
  tape->limit = limit;
  tape->base  = mmap(NULL, limit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (tape->base == MAP_FAILED) {
    tape->base = NULL;
    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "cannot reserve %zu MiB of address space for the tape: lower engine.arena_mib", limit >> 20);
  }
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ArenaDestroy(TesTape tape)
{
  PetscFunctionBegin;
  if (tape->base) {
    ASAN_UNPOISON_MEMORY_REGION(tape->base, tape->limit);
    (void)munmap(tape->base, tape->limit);
  }
  tape->base = NULL;
  PetscFunctionReturn(PETSC_SUCCESS);
}

PetscErrorCode ArenaAlloc(TesTape tape, size_t bytes, void **memory)
{
  size_t take = ((bytes + 63) & ~(size_t)63) + REDZONE;

  PetscFunctionBegin;
  if (take > tape->limit - tape->used) {
    size_t need = tape->used + take;

    SETERRQ(PETSC_COMM_SELF, TES_ERR_WORLD, "tape needs at least %zu MiB, engine.arena_mib is %zu: raise it, lower engine.chunk, or keep less by engine.checkpoint_segments",
            (need + ((size_t)1 << 20) - 1) >> 20, tape->limit >> 20);
  }
  *memory = tape->base + tape->used;
  ASAN_UNPOISON_MEMORY_REGION(*memory, bytes);
  ASAN_POISON_MEMORY_REGION((char *)*memory + bytes, take - bytes);
  tape->used += take;
  tape->peak = PetscMax(tape->peak, tape->used);
  PetscFunctionReturn(PETSC_SUCCESS);
}

static PetscInt SizeSlot(size_t bytes)
{
  return (PetscInt)((bytes / 64) % MAX_SIZES);
}

PetscErrorCode BufferCreate(TesTape tape, size_t bytes, Buffer **buffer)
{
  size_t   size = bytes ? (bytes + 63) & ~(size_t)63 : 64;
  Buffer **at   = &tape->free_list[SizeSlot(size)];

  PetscFunctionBegin;
  while (*at && (*at)->bytes != size) at = &(*at)->next;
  if (*at) {
    *buffer         = *at;
    *at             = (*buffer)->next;
    (*buffer)->next = NULL;
    ASAN_UNPOISON_MEMORY_REGION((*buffer)->data, size);
  } else {
    void *memory;

    PetscCall(ArenaAlloc(tape, sizeof **buffer, &memory));
    *buffer = memory;
    PetscCall(ArenaAlloc(tape, size, &memory));
    (*buffer)->data  = memory;
    (*buffer)->bytes = size;
    (*buffer)->next  = NULL;
  }
  (*buffer)->refs = 1;
  PetscFunctionReturn(PETSC_SUCCESS);
}

static void BufferFree(TesTape tape, Buffer *buffer)
{
  PetscInt slot = SizeSlot(buffer->bytes);

  ASAN_POISON_MEMORY_REGION(buffer->data, buffer->bytes);
  buffer->next          = tape->free_list[slot];
  tape->free_list[slot] = buffer;
}

/* the handle is dead from here on; its memory goes back when no reshape of it lives */
void TensorGiveBack(TesTensor x)
{
  if (x->given_back) return;
  x->given_back = PETSC_TRUE;
  if (x->buffer && --x->buffer->refs == 0) BufferFree(x->tape, x->buffer);
}

/* drop free buffers that lie above an address */
void ArenaForgetFree(TesTape tape, const char *from)
{
  for (PetscInt s = 0; s < MAX_SIZES; s++) {
    Buffer **at = &tape->free_list[s];

    while (*at) {
      if ((const char *)(*at)->data >= from || (const char *)*at >= from) *at = (*at)->next;
      else at = &(*at)->next;
    }
  }
}

PetscErrorCode ScratchGet(TesTape tape, size_t bytes, Buffer **buffer)
{
  PetscFunctionBegin;
  PetscCall(BufferCreate(tape, bytes, buffer));
  PetscFunctionReturn(PETSC_SUCCESS);
}

void ScratchRestore(TesTape tape, Buffer **buffer)
{
  if (!*buffer) return;
  BufferFree(tape, *buffer);
  *buffer = NULL;
}
