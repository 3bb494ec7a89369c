"""Run a command on a terminal of its own and press Ctrl-C.

terminal.py PATTERN DELAY COUNT GAP COMMAND...

When PATTERN has appeared, wait DELAY seconds, then press Ctrl-C COUNT times, GAP seconds apart. Prints what the terminal showed; the last line is
`exit CODE, SECONDS s after the last key`. An empty PATTERN presses nothing.
"""
import os
import pty
import select
import sys
import time

pattern, delay, count, gap = sys.argv[1].encode(), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
process, terminal = pty.fork()
if process == 0:
    os.execvp(sys.argv[5], sys.argv[5:])
shown, pressed, seen, last = b"", 0, None, None
while True:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    now = time.monotonic()
    if seen is None and pattern and pattern in shown:
        seen = now
    if seen is not None and pressed < count and now - seen >= delay + pressed * gap:
        os.write(terminal, b"\x03")
        pressed, last = pressed + 1, now
code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
sys.stdout.write(shown.decode(errors="replace"))
print("\nexit %d, %.1f s after the last key" % (code, time.monotonic() - last if last else -1))
