#!/bin/sh
# Between mpirun and one rank: rank.sh PROGRAM ARG...
#
# When a rank ends with a code other than 0, mpirun takes it for a crash: it prints a page and waits twice the time between TERM and KILL, although all ranks
# have ended in good order. So the program's own exit codes go into the file TESSERA_CODE_FILE (rank 0 writes it), and mpirun sees 0; a real crash it still
# sees, and the code itself where the file is out of reach (rank 0 on another machine than the script). The signals that stop a run are ignored here, and by
# the program until it has handlers for them, so that one that comes early does no harm.
trap '' USR1 USR2 TERM INT HUP
"$@"
code=$?
case $code in
0 | 2 | 3 | 4 | 70 | 75)
    [ "${OMPI_COMM_WORLD_RANK:-0}" = 0 ] || exit 0
    [ -w "${TESSERA_CODE_FILE:-}" ] && echo "$code" >"$TESSERA_CODE_FILE" && exit 0
    ;;
esac
exit "$code"
