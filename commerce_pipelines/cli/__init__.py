"""The command `commerce-pipelines`.

What belongs here: arguments, tables, exit codes. What does not: anything that an asset needs too (flows/).
"""

INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended: 128 and the signal's number, as shells count it
