"""Instructions for models that take one: what a task asks of a text."""

GENERIC = "Classify the given text"

# Our own wording, in the manner of the instructions that such models are trained with, and not taken from the authors
# of any of them: `instructions` of an embedder's entry take the place of these.
INSTRUCTIONS = {
    "ag_news": "Classify the topic of the given news article",
    "banking77": "Given an online banking query, find the corresponding intents",
    "dbpedia": "Classify the given encyclopedia abstract by the kind of thing it describes",
    "fnc1": "Classify the stance of the given news article towards its headline",
    "mnli": "Classify whether the premise entails, contradicts or is neutral to the hypothesis",
    "qnli": "Classify whether the sentence answers the question",
    "sst2": "Classify the sentiment expressed in the given movie review",
    "trec6": "Classify the given question by the type of answer it asks for",
    "wiki_toxic": "Classify the given comments as either toxic or not toxic",
    "yelp5": "Classify the given business review by its star rating",
    "docs_library": "Classify which software library the given documentation describes",
    "docs_module": "Classify which module of a software library the given documentation describes",
    "docs_kind": "Classify which kind of work the given documentation is about",
    "docs_param": "Classify whether the parameter description belongs to the function description",
}


def resolve(prompt: str, instructions: dict[str, str], task_name: str) -> str:
    """``prompt`` with ``{task}`` replaced by the task's instruction: from ``instructions``, else the built-in one."""
    instruction = instructions.get(task_name, INSTRUCTIONS.get(task_name, GENERIC))
    return prompt.replace("{task}", instruction)
