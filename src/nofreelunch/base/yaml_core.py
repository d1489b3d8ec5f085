"""YAML as DVC reads it: version 1.2, where ``010`` is ten, ``1.5e3`` a number, and ``no`` and ``12:30`` are text.

PyYAML knows version 1.1 alone, and would take a value that DVC has written or shows for another one. Numbers without a
point, as ``1e5``, stay text here, for a commit may look like that; `nofreelunch.base.spec` makes numbers of them where
numbers are wanted.
"""

import re
from typing import Any

import yaml

BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
INT = re.compile(r"^[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$")
FLOAT = re.compile(
    r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
# How a value's first characters and the whole of it tell its type.
CHANGED = {
    "tag:yaml.org,2002:bool": (BOOL, "tTfF"),
    "tag:yaml.org,2002:int": (INT, "-+0123456789"),
    "tag:yaml.org,2002:float": (FLOAT, "-+.0123456789"),
}
# The tag of '=', for which the safe loader has no constructor.
VALUE = "tag:yaml.org,2002:value"


def read_yaml(text: str) -> Any:
    """The content of ``text``.

    Raises:
        yaml.YAMLError: it is no YAML, or a key stands twice in a mapping.
    """
    return yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader


class _UniqueKeys(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice in a mapping, of which YAML's own loader takes the last."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in its base
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (*CHANGED, VALUE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(
                    f"a key in braces or brackets{key.start_mark}\nPut a value that begins with {{ or [ in quotes."
                )
            if key.value in seen:
                raise yaml.YAMLError(f"the key '{key.value}' stands twice in one mapping{key.start_mark}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]

    def whole(self, node: yaml.ScalarNode) -> int:
        """A leading 0 is no octal number, as it is in version 1.1."""
        text = self.construct_scalar(node).replace("_", "")
        # Base 0 takes 0b, 0o and 0x, and refuses a leading 0 of anything else.
        return int(text, 0 if text.lstrip("+-")[1:2] in ("b", "o", "x") else 10)

    def number(self, node: yaml.ScalarNode) -> float:
        """Without the base 60 of version 1.1."""
        text = self.construct_scalar(node).lower().replace("_", "")
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _tag, (_pattern, _first) in CHANGED.items():
    _UniqueKeys.add_implicit_resolver(_tag, _pattern, list(_first))
_UniqueKeys.add_constructor("tag:yaml.org,2002:int", _UniqueKeys.whole)
_UniqueKeys.add_constructor("tag:yaml.org,2002:float", _UniqueKeys.number)
