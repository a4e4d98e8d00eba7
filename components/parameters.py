"""A secret from an SSM parameter, as an output that knows which parameter it is the value of."""

from typing import Any

import pulumi


class Parameter(pulumi.Output[Any]):
    """The secret value of the parameter at `path`: what is named after the path keeps its name, whatever the value."""

    def __init__(self, path: str, value: pulumi.Input[Any]) -> None:
        self.path = path
        secret: pulumi.Output[Any] = pulumi.Output.secret(value)
        super().__init__(secret.resources(), secret.future(with_unknowns=True), secret.is_known(), secret.is_secret())
