"""Runs a command in a terminal until it shows a text: `terminal.py TEXT COMMAND...`; then Ctrl-C, and all of its bytes in hex."""

import os
import pty
import signal
import sys

wanted = sys.argv[1].encode()
process, terminal = pty.fork()
if process == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execv(sys.argv[2], sys.argv[2:])
# Nobody waits for ever.
signal.alarm(60)
shown, asked = b"", False
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if wanted in shown and not asked:
        asked = True
        os.write(terminal, b"\x03")
_, status = os.waitpid(process, 0)
print(shown.hex())
assert asked, shown
sys.exit(os.waitstatus_to_exitcode(status))
