"""Raw answers, encrypted and append-only: snapshots, vault, dictionaries.

What does not belong here: staged rows (warehouse/orders/).
"""
