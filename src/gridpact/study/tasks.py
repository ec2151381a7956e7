"""The parts of a study side by side: calls that know nothing of each other, run in parallel, told of as they end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from joblib import Parallel, delayed

from gridpact.study.resume import Shelf

Progress: TypeAlias = Callable[[str, int], None]
"""Called with the name of each task that has ended, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class Task:
    """One call: a function of a module and its arguments, all of which can be sent to another process.

    Attributes
    ----------
    name
        What is told as progress.
    call
        The function.
    arguments
        Its arguments in order. What is random takes a seed among them, so that the result does not depend on who runs when.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


def run_tasks(
    tasks: Sequence[Task], *, jobs: int = 1, progress: Progress | None = None, shelf: Shelf | None = None
) -> list[Any]:
    """Run tasks and give their results in the order of the tasks.

    Parameters
    ----------
    tasks
        Long ones first: the processes then end at about the same time.
    jobs
        Processes; 1 runs everything in this one, -1 takes every core.
    progress
        Told of each task that has ended.
    shelf
        Where results are kept as they come; those that are there already are not made again.

    Examples
    --------
    >>> run_tasks([Task("square", pow, (3, 2)), Task("cube", pow, (2, 3))])
    [9, 8]
    """
    results: dict[int, Any] = {}

    def take(at: int, result: Any) -> None:
        results[at] = result
        if progress:
            progress(tasks[at].name, len(tasks))

    for at, task in enumerate(tasks):
        for found in shelf.find(task.call, task.arguments) if shelf else ():
            take(at, found)
    calls = [delayed(_numbered)(at, task) for at, task in enumerate(tasks) if at not in results]
    for at, result in Parallel(n_jobs=jobs, return_as="generator_unordered")(calls):
        if shelf:
            shelf.keep(tasks[at].call, tasks[at].arguments, result)
        take(at, result)
    return [results[at] for at in range(len(tasks))]


def _numbered(at: int, task: Task) -> tuple[int, Any]:
    return at, task.call(*task.arguments)
