/* One line per problem kind: declarations and the driver's table are both expanded from this list. */
#define TES_PROBLEM_LIST(X) \
  X(GpPde) X(Mgno) \
  X(Lindblad)
