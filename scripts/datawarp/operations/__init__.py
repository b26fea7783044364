"""Status, assessment, alerts, scheduling, and how a workflow job is run."""
