"""Dagster's instance in the wheel: dagster.yaml and workspace.yaml, the same files as beside the project."""
