"""Dagster's assets and checks: keys, partitions, metadata.

What belongs here: what Dagster shows. What does not: what the assets do (flows/).
"""
