"""Which encoding a text file is read in, and what to say where it is another one."""

import codecs
from pathlib import Path

from nofreelunch.base.errors import UserError

# UTF-32's mark begins with UTF-16's.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LIKELY, OTHERS = "cp1252", "mac_roman, cp1250, cp1251, shift_jis or gb18030"
HEAD = 4096


def encoding_of(path: Path, said: str | None) -> str:
    """What the file's byte order mark says, else what was ``said``, else UTF-8.

    Raises:
        UserError: it has no mark, nothing was said, and it looks like UTF-16.
        OSError: it cannot be read.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    marked = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if marked or said:
        return marked or said or ""
    nuls = {order: head[start::2].count(0) for order, start in (("be", 0), ("le", 1))}
    order = max(nuls, key=lambda name: nuls[name])
    if 3 * nuls[order] > len(head) // 2:
        raise UserError(f"{path} looks like UTF-16 without a byte order mark. Set 'encoding: utf-16-{order}'.")
    return "utf-8"


def undecodable(path: Path, encoding: str, error: UnicodeError) -> UserError:
    """What to raise for a file that is not in ``encoding``: the line, and how it would read in the likely one."""
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as whole:
        begin = content.rfind(b"\n", 0, whole.start) + 1
        number, line = content.count(b"\n", 0, begin) + 1, content[begin:].splitlines()[0]
        start = max(0, whole.start - begin - 20)
        shown = line[start : start + 60].decode(LIKELY, "replace")
        return UserError(
            f"{path} is not {encoding.upper()} (byte {whole.start}: {whole.reason}). With 'encoding: {LIKELY}' in its "
            f"entry in params.yaml, as for CSV from Excel, line {number} reads {shown!r}; if that is wrong, too, name "
            f"the right one ({OTHERS}), or save the file as UTF-8."
        )
    except UnicodeError as whole:
        error = whole
    return UserError(f"{path} is not {encoding.upper()} ({error}). Correct 'encoding' of its entry in params.yaml.")
