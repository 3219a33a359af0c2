"""Dagster's instance as the wheel carries it: dagster.yaml and workspace.yaml, the same as beside the project."""
