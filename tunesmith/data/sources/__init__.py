"""Files as people have them → records. Torch-free, so that doors may look at a file too."""

from __future__ import annotations

from tunesmith.data.sources.columns import Guess
from tunesmith.data.sources.detection import Detection, detect
from tunesmith.data.sources.project_file import write_project
from tunesmith.data.sources.reading import Plan, Position, plan, read, read_plan

__all__ = ["Detection", "Guess", "Plan", "Position", "detect", "plan", "read", "read_plan", "write_project"]
