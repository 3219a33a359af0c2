"""The command `commerce-pipelines`.

What belongs here: arguments, tables, exit codes. What does not: anything that an asset needs too (flows/).
"""
