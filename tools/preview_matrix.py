"""Which stacks a change can touch: changed files on standard input, a JSON list of stacks on standard output.

`--all` and `--only` ask for stacks by name and read nothing.

A stack is a file `configs/<stack>.yaml` other than `defaults.yaml`. A path that is not known to be harmless counts as
code and selects every stack: a preview too many costs a minute, one too few hides a change.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

HARMLESS = re.compile(r"(docs|tests|benchmarks|cli|configs/examples|\.github|\.ci)/.*|[^/]+\.md|LICENSE|\.gitignore")
# Pulumi.<stack>.yaml is what `pulumi stack init` writes: the key of the stack's secrets.
CONFIG = re.compile(r"(?:configs/|Pulumi\.)([^/]+)\.yaml")
STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def stacks_of(configs: Path) -> list[str]:
    """Names of the stacks that have a file in the folder `configs`, sorted; ValueError for one that Pulumi refuses."""
    names = sorted(path.stem for path in configs.glob("*.yaml") if path.stem != "defaults")
    for name in names:
        if not STACK.fullmatch(name):
            raise ValueError(f"{configs.name}/{name}.yaml: a stack's name has only letters, digits, '.', '_' and '-'")
    return names


def select(changed: Iterable[str], stacks: list[str]) -> list[str]:
    """Those of `stacks` that the changed paths, relative to the repository, can touch."""
    chosen: set[str] = set()
    for path in changed:
        config = CONFIG.fullmatch(path)
        if config and config[1] != "defaults":
            chosen.add(config[1])  # that of a deleted file is in no stack any more
        elif not HARMLESS.fullmatch(path):
            return stacks
    return [stack for stack in stacks if stack in chosen]


def main() -> None:
    """Read paths, print stacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=Path, default=Path("configs"), help="folder of the stacks' files")
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--all", action="store_true", help="every stack, whatever has changed")
    named.add_argument("--only", metavar="STACK", help="this stack, whatever has changed; it must be one")
    arguments = parser.parse_args()
    try:
        stacks = stacks_of(arguments.configs)
    except ValueError as error:
        sys.exit(str(error))
    if arguments.only is not None:
        if arguments.only not in stacks:
            sys.exit(f"there is no stack {arguments.only!r}; there are {', '.join(stacks) or 'none'}")
        chosen = [arguments.only]
    else:
        chosen = stacks if arguments.all else select(sys.stdin.read().splitlines(), stacks)
    sys.stdout.write(json.dumps(chosen) + "\n")


if __name__ == "__main__":
    main()
