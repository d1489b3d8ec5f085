"""Commands of README and docs, pasted into an interactive bash or zsh, do what they say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(\$ )?(dvc|python|make|export|pip|git|source|sbatch|dask|cd|[A-Z_]+=\S+) ")
# What a shell takes for itself outside quotes: zsh has no comments at its prompt, bash and zsh look up '!' in their
# history, and zsh stops at a pattern that matches nothing.
TAKEN = re.compile(r"(^|\s)#|[!?*\[\]]|(^|\s)=|\(|>")


def commands(text):
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside and COMMAND.match(line):
            yield line


def taken(line):
    return TAKEN.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", line)) is not None


@pytest.mark.parametrize("page", PAGES)
def test_no_shell_takes_a_part_of_a_command_for_itself(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [line for line in commands(text) if taken(line)] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("dvc metrics show metrics/[!f]*.json", True),
        ("make repro    # sets up .venv", True),
        ("pip install -e .[cluster]", True),
        ("pip install -e '.[cluster]'", False),
        ("dvc plots diff HEAD~1", False),
        ("NOFREELUNCH_JOBS=2 dvc repro", False),
        ("pip install torch==2.13.0", False),
        ("python - <<'EOF'", False),
    ],
)
def test_what_a_shell_takes_is_known(line, wrong):
    assert COMMAND.match(line)
    assert taken(line) == wrong
