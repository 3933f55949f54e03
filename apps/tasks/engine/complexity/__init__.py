"""How hard a prompt is and what kind of task it asks for, estimated on this machine without asking any AI."""

from apps.tasks.engine.complexity.estimate import Complexity, Feature, estimate
from apps.tasks.engine.complexity.kinds import TaskType

__all__ = ["Complexity", "Feature", "TaskType", "estimate"]
