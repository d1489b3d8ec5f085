"""A model's snapshot from the hub, with errors that say what to do."""

import os
from pathlib import Path

from nofreelunch.errors import UserError

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
IGNORED = ["onnx/*", "openvino/*", "*/onnx/*", "*/openvino/*"]


def download(hub: str, revision: str | None, remote_code: bool) -> Path:
    """Fetch the model's snapshot from the hub, or from its cache, and return its folder (named by the commit).

    ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are respected. No pickle is fetched, and no
    Python code unless ``remote_code``.

    Raises:
        UserError: the hub is down or offline mode is on, the id or the revision does not exist, or access is
            not granted.
    """
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    patterns = [*PATTERNS, "*.py"] if remote_code else PATTERNS
    try:
        return Path(snapshot_download(hub, revision=revision, allow_patterns=patterns, ignore_patterns=IGNORED))
    except errors.HFValidationError as error:
        raise UserError(
            f"'{hub}' is neither a hub id (owner/model) nor a folder on this machine; correct 'hub' of this embedder."
        ) from error
    except errors.GatedRepoError as error:
        raise UserError(
            f"{hub} is gated: accept its licence at https://huggingface.co/{hub}, then log in with 'hf auth login' "
            "or set HF_TOKEN."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"the hub has no model '{hub}', or it is private. Correct 'hub' of this embedder, or set HF_TOKEN to a "
            "token that may read it."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{hub} has no revision '{revision}'; correct 'revision' of this embedder.") from error
    except (HTTPError, OSError) as error:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            cure = (
                "HF_HUB_OFFLINE is set and the local cache lacks the model. Unset it, or copy the cache here (HF_HOME)"
            )
        else:
            cure = "The hub cannot be reached or failed. Try again later; finished work is kept and downloads resume"
        raise UserError(
            f"cannot download {hub}. {cure}. A model in a local folder works without the hub: put its path in "
            f"'hub'.\nCause: {error}"
        ) from error
