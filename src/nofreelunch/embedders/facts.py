"""What the registry knows of an embedder's entry: by what it loads, whatever its name in params.yaml."""

from dataclasses import replace

from nofreelunch.base.registry import EMBEDDERS, EmbedderFacts, Seen, seen
from nofreelunch.embedders.section import Section


def facts_of(spec: Section) -> EmbedderFacts | None:
    """The record of the model that an entry loads, or of the part that it takes; None where it is not registered."""
    key, _ = spec.registered
    facts = None if key is None else EMBEDDERS.get(key)
    if facts is None:
        return None
    part = spec.part()
    if part.dim not in (None, facts.dim):
        facts = replace(facts, dim=min(part.dim, facts.dim), mteb=facts.mteb_cut.get(part.dim))
    if part.words and not facts.table:
        note = "mean of the model's input word vectors, without its transformer"
        return replace(facts, active=0, mteb=None, note=note)
    if part.layers is not None:
        share = 1.0 if facts.layers is None else min(1.0, part.layers / facts.layers)
        return replace(facts, active=int(facts.active * share), mteb=None, note=f"cut after layer {part.layers}")
    return facts


def dimensions_of(spec: Section, dataset: str | None = None) -> int | None:
    """Dimensions of an entry's vectors of a task, or of any where None is named; None where neither it nor the registry
    knows."""
    said = spec.dimensions(dataset)
    facts = facts_of(spec) if said is None else None
    return said if facts is None else facts.dim


def seen_by(spec: Section, task: str | None) -> Seen:
    """`registry.seen` of an entry's model, at the revision that it names, and a task's identity."""
    return seen(*spec.registered, task)
