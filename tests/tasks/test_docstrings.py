"""Finding docstrings and taking them apart."""

import inspect
from importlib import metadata

import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.tasks import docstrings
from nofreelunch.tasks.docstrings import distribution, documented, entries, paragraphs, sections

NUMPYDOC = inspect.cleandoc(
    """
    Sum it up.

    More about it.

    .. versionadded:: 1.2
       Not this.

    .. note:: Inline part is left out.
       A note within.

    Parameters
    ----------
    a, b : array_like, optional
        The values.

        A second paragraph.
    **kwargs
        Passed on.

    Returns
    -------
    total : float
        The sum.

    Made Up Title
    -------------
    Nothing.
    """
)
GOOGLE = inspect.cleandoc(
    """
    Sum it up.

    Args:
        a (Tensor, optional): the values (of
            any shape)
        b (`int`, *optional*, defaults to 1):
            The second value.

    Returns:
        Tensor: the sum

    And an afterthought.

    Note:
        Mind the gap.
    """
)


def test_numpydoc_sections():
    found = sections(NUMPYDOC)
    assert [section.title for section in found] == ["notes", "prose", "parameters", "returns", "other"]
    assert found[0].body == "A note within."
    assert paragraphs(found[1].body) == ["Sum it up.", "More about it."]
    assert entries(found[2].body) == [("a, b", "The values."), ("kwargs", "Passed on.")]
    assert entries(found[3].body) == [("total", "The sum.")]


def test_google_sections():
    found = sections(GOOGLE)
    assert [section.title for section in found] == ["prose", "parameters", "returns", "prose", "notes"]
    assert entries(found[1].body) == [("a", "the values (of any shape)"), ("b", "The second value.")]
    assert entries(found[2].body) == [("Tensor", "the sum")]
    assert found[3].body == "And an afterthought."
    assert paragraphs(found[4].body) == ["Mind the gap."]


def test_only_running_text_is_a_paragraph():
    body = "\n\n".join(
        ["Plain\ntext.", ">>> f(x)\n3", "- a list\n- of two", "    indented", "1. first", "a   b\n--- ---", "More."]
    )
    assert paragraphs(body) == ["Plain text.", "More."]


def install(folder, files):
    """A package as pip leaves it: files, a list of them, and metadata."""
    info = folder / "sample-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in reversed(files)))
    return metadata.Distribution.at(info)


def test_public_things_are_found_in_order_and_never_run(tmp_path, monkeypatch):
    code = '''"""The module."""
raise SystemExit("imported")

def plain():
    """A function."""
    def inner():
        """Hidden in a body."""

def _private():
    """No."""

class Thing:
    """A class."""
    async def act(self):
        """A method."""
    class Part:
        """A part."""

def bare(): "one\\d"
'''
    found = install(
        tmp_path,
        {
            "pkg/z.py": '"""Last."""',
            "pkg/__init__.py": '"""Top."""',
            "pkg/__pycache__/a.cpython-311.pyc": "no Python",
            "pkg/a.py": code,
            "pkg/tests/b.py": '"""A test."""',
            "pkg/big/c.py": '"""Skipped."""',
            "other/d.py": '"""Another package."""',
            "pkg/data.txt": "text",
        },
    )
    monkeypatch.setattr(docstrings.metadata, "distribution", {"sample": found}.__getitem__)
    things = documented("sample", "pkg", ("pkg.big",))
    assert [(thing.module, thing.name, thing.kind, thing.doc) for thing in things] == [
        ("pkg", "", "module", "Top."),
        ("pkg.a", "", "module", "The module."),
        ("pkg.a", "plain", "function", "A function."),
        ("pkg.a", "Thing", "class", "A class."),
        ("pkg.a", "Thing.act", "method", "A method."),
        ("pkg.a", "Thing.Part", "class", "A part."),
        ("pkg.a", "bare", "function", "one\\d"),
        ("pkg.z", "", "module", "Last."),
    ]
    (tmp_path / "pkg/a.py").write_text("def broken(:")
    with pytest.raises(UserError, match=r"cannot read pkg/a.py of the package 'sample'"):
        documented("sample", "pkg")


def test_an_absent_package_is_named_with_the_cure():
    with pytest.raises(UserError, match=r"'no-such-thing-at-all', which is not installed. Run 'pip install -r req"):
        distribution("no-such-thing-at-all")
