"""Raw answers, encrypted and append-only: snapshots, vault, dictionaries.

What belongs here: what the channels answered. What does not: staged rows (warehouse/orders/).
"""
