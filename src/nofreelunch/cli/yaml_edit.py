"""Change single values of a YAML text and leave every other character alone: comments, order, layout."""

from collections.abc import Mapping, Sequence

import yaml

from nofreelunch.base.errors import UserError

Scalar = str | int | float | bool
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


def put(text: str, path: tuple[str, ...], value: Scalar | Mapping[str, Scalar] | None) -> str:
    """Set what stands at a path of keys, of which the last may be absent: then it comes last in its mapping.

    None takes the key away.

    Raises:
        UserError: the text is no YAML, or all but the last key do not lead to a mapping.
    """
    *above, key = path
    node = _find(text, tuple(above))
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise UserError(f"{'.'.join(above)} of params.yaml must be a mapping.")
    place = next((place for place, (name, _) in enumerate(node.value) if name.value == key), None)
    if value is None:
        return text if place is None else _without(text, node, place)
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()
    if place is not None:
        return _splice(text, node.value[place][1], written)
    first, last = node.value[0][0], node.value[-1][1]
    end = last.end_mark.index
    if node.flow_style:
        return f"{text[:end]}, {key}: {written}{text[end:]}"
    line_end = text.find("\n", len(text[:end].rstrip()))
    after = len(text) if line_end < 0 else line_end
    return f"{text[:after]}\n{' ' * first.start_mark.column}{key}: {written}{text[after:]}"


def _without(text: str, node: yaml.MappingNode, place: int) -> str:
    """``text`` without the key at ``place`` of ``node``, and in block style without its line."""
    name, value = node.value[place]
    if not node.flow_style:
        start = text.rfind("\n", 0, name.start_mark.index) + 1
        after = text.find("\n", len(text[: value.end_mark.index].rstrip()))
        return text[:start] + ("" if after < 0 else text[after + 1 :])
    if place:
        return text[: node.value[place - 1][1].end_mark.index] + text[value.end_mark.index :]
    start = name.start_mark.index
    after = node.value[1][0].start_mark.index if len(node.value) > 1 else value.end_mark.index
    return text[:start] + text[after:]


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
