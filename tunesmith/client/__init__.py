"""What the openai package lacks: following a job to its end."""

from tunesmith.client.following import JobFailed, follow

__all__ = ["JobFailed", "follow"]
