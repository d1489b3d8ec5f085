"""Similarities that model cards publish of their own examples, by hub id: what `verify` compares the real weights with.

Copied from the cards as public repositories quote them; the real weights were not at hand here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CardExample:
    """The example of a model card.

    Attributes:
        task: the instruction of the queries; documents have none.
        queries: put behind the entry's prompt.
        documents: embedded as they are.
        cosines: queries × documents, as the card prints them.
    """

    task: str
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    cosines: tuple[tuple[float, ...], ...]


_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
_QUERIES = ("What is the capital of China?", "Explain gravity")
_DOCUMENTS = (
    "The capital of China is Beijing.",
    "Gravity is a force that attracts two bodies towards each other. It gives weight to physical objects and is "
    "responsible for the movement of planets around the sun.",
)

CARD_EXAMPLES: dict[str, CardExample] = {
    "nvidia/NV-Embed-v2": CardExample(
        "Given a question, retrieve passages that answer the question",
        ("are judo throws allowed in wrestling?", "how to become a radiology technician in michigan?"),
        (
            "Since you're reading this, you are probably someone from a judo background or someone who is just "
            "wondering how judo techniques can be applied under wrestling rules. So without further ado, let's get to "
            "the question. Are Judo throws allowed in wrestling? Yes, judo throws are allowed in freestyle and "
            "folkstyle wrestling. You only need to be careful to follow the slam rules when executing judo throws. In "
            "wrestling, a slam is lifting and returning an opponent to the mat with unnecessary force.",
            "Below are the basic steps to becoming a radiologic technologist in Michigan:Earn a high school diploma. "
            "As with most careers in health care, a high school education is the first step to finding entry-level "
            "employment. Taking classes in math and science, such as anatomy, biology, chemistry, physiology, and "
            "physics, can help prepare students for their college studies and future careers.Earn an associate "
            "degree. Entry-level radiologic positions typically require at least an Associate of Applied Science. "
            "Before enrolling in one of these degree programs, students should make sure it has been properly "
            "accredited by the Joint Review Committee on Education in Radiologic Technology (JRCERT).Get licensed or "
            "certified in the state of Michigan.",
        ),
        ((0.8743, 0.0046), (0.0097, 0.8604)),
    ),
    "Salesforce/SFR-Embedding-2_R": CardExample(
        _SEARCH,
        ("How to bake a chocolate cake", "Symptoms of the flu"),
        (
            "To bake a delicious chocolate cake, you'll need the following ingredients: all-purpose flour, sugar, "
            "cocoa powder, baking powder, baking soda, salt, eggs, milk, vegetable oil, and vanilla extract. Start by "
            "preheating your oven to 350°F (175°C). In a mixing bowl, combine the dry ingredients (flour, sugar, cocoa "
            "powder, baking powder, baking soda, and salt). In a separate bowl, whisk together the wet ingredients "
            "(eggs, milk, vegetable oil, and vanilla extract). Gradually add the wet mixture to the dry ingredients, "
            "stirring until well combined. Pour the batter into a greased cake pan and bake for 30-35 minutes. Let it "
            "cool before frosting with your favorite chocolate frosting. Enjoy your homemade chocolate cake!",
            "The flu, or influenza, is an illness caused by influenza viruses. Common symptoms of the flu include a "
            "high fever, chills, cough, sore throat, runny or stuffy nose, body aches, headache, fatigue, and "
            "sometimes nausea and vomiting. These symptoms can come on suddenly and are usually more severe than the "
            "common cold. It's important to get plenty of rest, stay hydrated, and consult a healthcare professional "
            "if you suspect you have the flu. In some cases, antiviral medications can help alleviate symptoms and "
            "reduce the duration of the illness.",
        ),
        ((0.4013, 0.2503), (0.1501, 0.3994)),
    ),
    "NovaSearch/stella_en_1.5B_v5": CardExample(
        _SEARCH + ".",
        ("What are some ways to reduce stress?", "What are the benefits of drinking green tea?"),
        (
            "There are many effective ways to reduce stress. Some common techniques include deep breathing, "
            "meditation, and physical activity. Engaging in hobbies, spending time in nature, and connecting with "
            "loved ones can also help alleviate stress. Additionally, setting boundaries, practicing self-care, and "
            "learning to say no can prevent stress from building up.",
            "Green tea has been consumed for centuries and is known for its potential health benefits. It contains "
            "antioxidants that may help protect the body against damage caused by free radicals. Regular consumption "
            "of green tea has been associated with improved heart health, enhanced cognitive function, and a reduced "
            "risk of certain types of cancer. The polyphenols in green tea may also have anti-inflammatory and weight "
            "loss properties.",
        ),
        ((0.8179, 0.2958), (0.3194, 0.7854)),
    ),
    "Qwen/Qwen3-Embedding-0.6B": CardExample(_SEARCH, _QUERIES, _DOCUMENTS, ((0.7646, 0.1414), (0.1355, 0.6000))),
    "Qwen/Qwen3-Embedding-4B": CardExample(_SEARCH, _QUERIES, _DOCUMENTS, ((0.7534, 0.1147), (0.0320, 0.6258))),
    "Qwen/Qwen3-Embedding-8B": CardExample(_SEARCH, _QUERIES, _DOCUMENTS, ((0.7493, 0.0751), (0.0880, 0.6318))),
}
