"""Importing this lets an interrupt end the process at once and without a traceback.

What belongs here: that one setting, as the first module that the server of runs imports (warm_server.py): its imports
take seconds, and there is nothing to tidy up. What does not: ending a run that works (run_process.py).
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
