/* For LD_PRELOAD: a clock of the day that jumps a day ahead, a day back, a year ahead with every second call. The monotonic clock is left alone: what a program does by it goes on as
   if nothing had happened. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long Jump(void)
{
  static const long   jump[] = {0, 86400, -86400, 31536000};
  static atomic_ulong calls;

  return jump[atomic_fetch_add(&calls, 1) / 2 % 4];
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
  int failed = (int)syscall(SYS_clock_gettime, clock, t);

  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) t->tv_sec += Jump();
  return failed;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
  struct timespec now;

  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  t->tv_sec  = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *t)
{
  struct timespec now;

  if (clock_gettime(CLOCK_REALTIME, &now)) return (time_t)-1;
  if (t) *t = now.tv_sec;
  return now.tv_sec;
}
