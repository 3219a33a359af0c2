"""Dagster's assets and checks: keys, partitions, metadata.

What does not belong here: what they do (flows/).
"""
