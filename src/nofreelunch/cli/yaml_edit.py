"""Change single values of a YAML text and leave every other character alone: comments, order, layout."""

from collections.abc import Mapping, Sequence

import yaml

from nofreelunch.base.errors import UserError

Value = str | int | Sequence[str]


def set_values(text: str, changes: Mapping[tuple[str, ...], Value]) -> str:
    """Set values at the given paths of keys; all of them must be there already.

    A name that stays in a list of one name a line keeps its line and the comment lines above it.

    Raises:
        UserError: the text is no YAML, a key is absent, or the old and the new value are of different kinds.
    """
    for path, value in changes.items():
        node = _find(text, path)
        if isinstance(value, str | int):
            text = _splice(text, node, _scalar(node, path, value))
        elif isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
            text = _set_block(text, node, value)
        elif isinstance(node, yaml.SequenceNode):
            text = _splice(text, node, f"[{', '.join(value)}]")
        else:
            raise UserError(f"{'.'.join(path)} of params.yaml must be a list.")
    return text


def replace_section(text: str, key: str, content: Mapping[str, Mapping[str, str]]) -> str:
    """Put other entries, one a line, in the place of those of the section ``key`` and of the comments between them."""
    node = _find(text, (key,))
    lines = (
        f"  {name}: {yaml.safe_dump(dict(entry), default_flow_style=True, sort_keys=False, width=10**6).strip()}\n"
        for name, entry in content.items()
    )
    head = text[: node.start_mark.index].rstrip(" ")
    return f"{head.rstrip()}\n{''.join(lines)}\n{text[node.end_mark.index :].lstrip()}"


def _find(text: str, path: tuple[str, ...]) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(f"params.yaml is no valid YAML: {error}") from error
    for depth, key in enumerate(path):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((value for name, value in pairs if name.value == key), None)
        if found is None:
            raise UserError(f"params.yaml lacks '{'.'.join(path[: depth + 1])}'.")
        node = found
    return node


def _scalar(node: yaml.Node, path: tuple[str, ...], value: str | int) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{'.'.join(path)} of params.yaml must be a single value.")
    return str(value)


def _splice(text: str, node: yaml.Node, new: str) -> str:
    return text[: node.start_mark.index] + new + text[node.end_mark.index :]


def _set_block(text: str, node: yaml.SequenceNode, names: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True)
    first, after = node.value[0].start_mark.line, node.value[-1].end_mark.line + 1
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    kept: dict[str, str] = {}
    start = first
    for item in node.value:
        kept[item.value] = "".join(lines[start : item.end_mark.line + 1])
        start = item.end_mark.line + 1
    block = [kept.get(name, f"{indent}- {name}\n") for name in names]
    return "".join([*lines[:first], *(part if part.endswith("\n") else f"{part}\n" for part in block), *lines[after:]])
