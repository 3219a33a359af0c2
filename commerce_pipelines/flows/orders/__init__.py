"""Landing -> Odoo: staging, drafts, loading, the proof, plan, trace, healing.

What belongs here: the steps of the orders lane. What does not: Dagster (assets/, sensors/).
"""
