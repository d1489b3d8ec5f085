"""What the registry knows of an embedder's entry: by what it loads, whatever its name in params.yaml."""

from dataclasses import replace

from nofreelunch.base.registry import EMBEDDERS, EmbedderFacts, Seen, seen
from nofreelunch.embedders.spec import EmbedderSpec, Hashing, Lsa, Transformer


def facts_of(spec: EmbedderSpec) -> EmbedderFacts | None:
    """The record of the model that an entry loads; None where it is not registered."""
    hub, _ = _identity(spec)
    facts = None if hub is None else EMBEDDERS.get(hub)
    if facts is not None and isinstance(spec, Transformer) and spec.truncate_dim not in (None, facts.dim):
        facts = replace(facts, dim=min(spec.truncate_dim, facts.dim), mteb=facts.mteb_cut.get(spec.truncate_dim))
    if facts is not None and isinstance(spec, Transformer) and spec.static and not facts.table:
        note = "mean of the model's input word vectors, without its transformer"
        return replace(facts, active=0, mteb=None, note=note)
    if facts is not None and isinstance(spec, Transformer) and spec.layers is not None:
        share = 1.0 if facts.layers is None else min(1.0, spec.layers / facts.layers)
        return replace(facts, active=int(facts.active * share), mteb=None, note=f"cut after layer {spec.layers}")
    return facts


def seen_by(spec: EmbedderSpec, task: str | None) -> Seen:
    """`registry.seen` of an entry's model, at the revision that it names, and a task's identity."""
    return seen(*_identity(spec), task)


def _identity(spec: EmbedderSpec) -> tuple[str | None, str | None]:
    if isinstance(spec, Transformer):
        return spec.hub, spec.revision
    return (spec.kind if isinstance(spec, Hashing | Lsa) else None), None
