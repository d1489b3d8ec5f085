"""Tasks of Label Studio: annotated ones in, and ones with our predictions out, in the order in which to label them.

The format is that of Label Studio's JSON import and export (labelstud.io/guide/tasks, /guide/export): a list of tasks
with ``data``, ``annotations`` of a ``result`` each, ``was_cancelled`` for those skipped, and ``predictions``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nofreelunch.base import storage
from nofreelunch.base.errors import UserError

SKIP = "?"
ROW, RANK, WHY = "row", "rank", "why"


@dataclass(frozen=True)
class Annotated:
    """A task as it came back.

    Attributes:
        number: its place in the file, from 1.
        row: the row of the user's file that it was made of, from 1; None for a task of another origin.
        text: what was labelled.
        answer: the class, the skip mark where every annotator skipped it, "" where nobody answered.
        disagreeing: all answers, where there is more than one.
    """

    number: int
    row: int | None
    text: str
    answer: str
    disagreeing: tuple[str, ...] = ()


def read_tasks(path: Path, text: str, skip: str = SKIP) -> list[Annotated]:
    """Read an export ("JSON") of a project of single-choice classification.

    Args:
        path: the file.
        text: the key of the text in each task's data.
        skip: the answer of tasks that every annotator skipped.

    Raises:
        UserError: it is no such export.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist. Export your project from Label Studio as 'JSON'.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}). Export your project from Label Studio as 'JSON'.") from error
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks
    ):
        raise UserError(f"{path} is no list of Label Studio's tasks. Export your project as 'JSON', not 'JSON-MIN'.")
    return [_annotated(task, number, path, text, skip) for number, task in enumerate(tasks, 1)]


def _annotated(task: dict[str, Any], number: int, path: Path, text: str, skip: str) -> Annotated:
    data = task["data"]
    if not isinstance(data.get(text), str):
        raise UserError(f"{path}, task {number}: its data has no text '{text}', but {', '.join(data) or 'nothing'}.")
    given = [one for one in task.get("annotations") or task.get("completions") or [] if isinstance(one, dict)]
    answers = [
        choice for one in given if not one.get("was_cancelled") for choice in _choices(one, f"{path}, task {number}")
    ]
    distinct = tuple(dict.fromkeys(answers))
    skipped = bool(given) and all(one.get("was_cancelled") for one in given)
    answer = skip if skipped else distinct[0] if len(distinct) == 1 else ""
    row = data.get(ROW)
    is_row = isinstance(row, int) and not isinstance(row, bool)
    return Annotated(number, row if is_row else None, data[text], answer, distinct if len(distinct) > 1 else ())


def _choices(annotation: dict[str, Any], place: str) -> list[str]:
    found: list[str] = []
    for region in annotation.get("result") or []:
        choices = region.get("value", {}).get("choices")
        if choices is None:
            continue
        if len(choices) > 1:
            raise UserError(f"{place}: {len(choices)} choices in one answer; one text has one class here.")
        found += map(str, choices)
    return found


def config(classes: Sequence[str], text: str) -> str:
    """The labelling interface of a project that fits the tasks."""
    from xml.sax.saxutils import quoteattr

    choices = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in classes)
    return (
        f'<View>\n  <Text name="text" value={quoteattr(f"${text}")}/>\n'
        f'  <Choices name="label" toName="text" choice="single">{choices}\n  </Choices>\n</View>\n'
    )


def task(row: int, text: str, key: str, rank: int, why: str, proposed: str, probability: float) -> dict[str, Any]:
    """A task with a prediction: import it, and sort the queue by ``data.rank`` or by the prediction's score.

    Args:
        row: of the user's file, from 1.
        text: to be labelled.
        key: the name of the text in the task's data.
        rank: from 1, the most urgent.
        why: it was chosen, in words.
        proposed: the class; "" for none, which gives no prediction.
        probability: of the class.
    """
    result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [proposed]}}
    prediction = {"model_version": "nofreelunch", "score": round(probability, 4), "result": [result]}
    return {"data": {key: text, ROW: row, RANK: rank, WHY: why}, "predictions": [prediction] if proposed else []}


def write_tasks(path: Path, tasks: Sequence[dict[str, Any]]) -> None:
    """Write tasks for import.

    Raises:
        UserError: the file holds answers of annotators, which would be lost.
    """
    if path.exists():
        try:
            there = json.loads(path.read_text(encoding="utf-8-sig"))
            ours = all(not one.get("annotations") and {ROW, RANK, WHY} <= set(one["data"]) for one in there)
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            ours = False
        if not ours:
            raise UserError(
                f"{path} exists and holds something else than our tasks without answers. Name another file."
            )
    storage.write_json(path, list(tasks))
