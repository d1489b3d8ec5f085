from nofreelunch.embedders.prompts import GENERIC, INSTRUCTIONS, resolve

TEMPLATE = "Instruct: {task}\nQuery: "


def test_the_entrys_instruction_goes_before_the_built_in_one():
    assert resolve(TEMPLATE, {"sst2": "Judge"}, "sst2") == "Instruct: Judge\nQuery: "


def test_the_built_in_instruction_goes_before_the_generic_one():
    assert resolve(TEMPLATE, {}, "sst2") == f"Instruct: {INSTRUCTIONS['sst2']}\nQuery: "
    assert resolve(TEMPLATE, {}, "my_task") == f"Instruct: {GENERIC}\nQuery: "


def test_other_braces_stay():
    assert resolve("{x} {task}{", {"t": "{task}"}, "t") == "{x} {task}{"


def test_no_prompt_stays_empty():
    assert resolve("", {}, "sst2") == ""
