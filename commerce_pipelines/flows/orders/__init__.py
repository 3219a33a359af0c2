"""Landing -> Odoo: staging, drafts, loading, the proof, plan, trace, healing.

What does not belong here: Dagster (assets/, sensors/).
"""
