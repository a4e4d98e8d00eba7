"""What is wrong with settings: a mistake and where it is, and the error that has them all."""

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi import RunError

from components.fields import Path, dotted


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a path and how it is cured; `others` are further paths that it follows from."""

    path: Path
    text: str
    others: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.text}" if self.path else self.text


class SettingsError(RunError, ValueError):
    """Settings that cannot work; the text is a line for each mistake, `mistakes` has them apart."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
