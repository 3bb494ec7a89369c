/* A list of the test program's own: one kind, one line. */
#define TES_PROBLEM_LIST(X) \
  X(Heat)
