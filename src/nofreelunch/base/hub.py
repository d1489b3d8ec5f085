"""A repository's snapshot from the Hugging Face hub, with retries, and with errors that say what to do."""

import errno
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from nofreelunch.base.errors import UserError

Kind = Literal["model", "dataset"]

# Seconds before each further attempt; the client itself repeats some requests within one attempt.
WAITS = (2.0, 8.0)
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


def snapshot(
    repository: str,
    kind: Kind,
    revision: str | None,
    patterns: Sequence[str],
    ignored: Sequence[str] = (),
) -> Path:
    """Fetch the files of a repository that match ``patterns``, or find them in the hub's local cache.

    ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are respected.

    Args:
        repository: the hub id, ``owner/name``.
        kind: of the repository.
        revision: a commit, branch, tag or ref; None for the newest commit.
        patterns: globs of files to fetch.
        ignored: globs of files to leave out all the same.

    A failure that may pass is answered by further attempts after ``WAITS`` seconds.

    Returns:
        The folder that holds the files; its name is the commit.

    Raises:
        UserError: the hub is down or offline mode is on and the cache lacks the files, the id or the revision does
            not exist, or access is not granted.
    """
    from huggingface_hub import errors, snapshot_download

    for wait in (*WAITS, None):
        try:
            return Path(
                snapshot_download(
                    repository,
                    repo_type=kind,
                    revision=revision,
                    allow_patterns=list(patterns),
                    ignore_patterns=list(ignored),
                )
            )
        except errors.HFValidationError as error:
            folder = " nor a folder on this machine" if kind == "model" else ""
            raise UserError(
                f"'{repository}' is no hub id (owner/name){folder}; correct 'hub' in its entry in params.yaml."
            ) from error
        except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]
            if wait is None or not _may_pass(error):
                raise UserError(_explain(error, repository, kind, revision)) from error
            failure = _first_line(error)
        print(f"{repository}: {failure}; trying again in {wait:g} s", file=sys.stderr, flush=True)
        time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def is_offline() -> bool:
    """Whether the hub's offline mode is on."""
    from huggingface_hub import constants

    return constants.is_offline_mode()


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later: the hub is down, busy or out of reach."""
    from huggingface_hub import errors

    if is_offline():
        return False
    if isinstance(error, errors.LocalEntryNotFoundError):
        return error.__cause__ is not None and _may_pass(error.__cause__)
    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code >= 500 or error.response.status_code in (408, 429)
    return isinstance(error, errors.HTTPError | ConnectionError | TimeoutError)  # type: ignore[attr-defined]


def _explain(error: Exception, repository: str, kind: Kind, revision: str | None) -> str:
    from huggingface_hub import constants, errors, get_token

    endpoint = constants.ENDPOINT
    address = f"{endpoint}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    log_in = "log in with 'hf auth login' or set HF_TOKEN"
    if isinstance(error, errors.GatedRepoError):
        if get_token() is None:
            return f"{repository} is gated and there is no token. Accept its licence at {address}, then {log_in}."
        return f"{repository} is gated and your token has no access. Accept its licence at {address}, then try again."
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"the hub at {endpoint} has no {kind} '{repository}', or it is private. Correct 'hub' in its entry in "
            f"params.yaml; if it is private, {log_in}."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no revision '{revision}'. Correct 'revision' in its entry in params.yaml."
    if isinstance(error, errors.HfHubHTTPError) and error.response.status_code in (401, 403):
        return f"the hub refuses access to {repository} ({_first_line(error)}). Check your token, or {log_in}."
    if isinstance(error, OSError) and error.errno in DISK_FAULTS:
        return (
            f"cannot write {repository} to the hub's cache {constants.HF_HUB_CACHE}: {error.strerror}. Free some "
            "space, or let HF_HOME name another folder; downloads resume."
        )
    without = {
        "model": "A model in a local folder needs no hub: put its path into 'hub'",
        "dataset": "A local mirror needs no hub: see NOFREELUNCH_DATA_ROOT",
    }[kind]
    cause = f" {without}.\nCause: {_first_line(error)}"
    if is_offline():
        return (
            f"HF_HUB_OFFLINE is set and the local cache ({os.environ.get('HF_HOME', '~/.cache/huggingface')}) lacks "
            f"{repository}. Unset it, or copy the cache of another machine here (HF_HOME).{cause}"
        )
    return (
        f"cannot download {repository}: the hub at {endpoint} cannot be reached or failed. Run the same command again "
        f"later; finished work is kept and downloads resume.{cause}"
    )


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
