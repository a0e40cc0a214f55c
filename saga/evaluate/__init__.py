"""Evaluation: how well, how fast and how steadily a method turns prompts into objects."""

from saga.evaluate.method import Method, OtherMethod, Prepared, Promptable, SagaMethod
from saga.evaluate.paths import DatasetPaths
from saga.evaluate.protocols import PROTOCOLS, open_case, scene_names
from saga.evaluate.record import DecompositionRecord, Record, SceneResult
from saga.evaluate.run import evaluate_dataset
from saga.evaluate.runner import evaluate
from saga.evaluate.task import Case, Prompting, Task, Variant

__all__ = [
    "PROTOCOLS",
    "Case",
    "DecompositionRecord",
    "Method",
    "OtherMethod",
    "DatasetPaths",
    "Prepared",
    "Promptable",
    "Prompting",
    "Record",
    "SagaMethod",
    "SceneResult",
    "Task",
    "Variant",
    "evaluate",
    "evaluate_dataset",
    "open_case",
    "scene_names",
]
