"""The nearest examples: their order, ties, and the one that would give the answer away."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.domain.embedding import Embedded
from llm_orc.domain.model import Model
from llm_orc.domain.wording import Demo, Nearest
from llm_orc.errors import MalformedReply, NotAvailable
from llm_orc.run.examples import Examples
from llm_orc.run.lexical import LexicalIndex, plain
from llm_orc.run.view import View

EMBEDDING = Model(name="e", provider="test", wire_name="e")
TEXTS = st.text("abc é\n", max_size=12)


class Letters:
    """An embedding model that counts the letters a to e."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def embed(self, model, texts, *, timeout_seconds=None) -> Embedded:
        self.asked.append(list(texts))
        return Embedded(vectors=[[float(text.count(letter)) for letter in "abcde"] for text in texts])


def nearest(*texts: str, k: int = 3, **settings) -> Nearest:
    demos = tuple(Demo(inputs={"input": text}, output=f"answer to {text}") for text in texts)
    return Nearest(demos=demos, lines=tuple(range(1, len(demos) + 1)), k=k, **settings)


def seen(text: str, **inputs) -> View:
    return View(inputs=inputs or {"input": text}, dependencies={}, own=text)


async def lines(examples: Examples, among: Nearest, text: str) -> tuple[int, ...]:
    return (await examples.choose(among, seen(text), None, lambda embedded: None)).lines


@pytest.fixture
def examples(tmp_path) -> Examples:
    return Examples(lambda model: Letters(), tmp_path)


async def test_the_nearest_comes_last(examples):
    among = nearest("the cat sat on the mat", "stocks fell on Monday", "a cat on a mat", k=2)
    assert await lines(examples, among, "my cat is on the mat") == (3, 1)


async def test_another_form_of_a_word_and_a_typing_error_are_near(examples):
    among = nearest("paying bills", "walking home", "eating soup", k=1)
    assert await lines(examples, among, "I payed my bils") == (1,)


async def test_what_is_as_near_comes_in_the_order_of_the_file(examples):
    among = nearest("red apple", "green pear", "apple red", "blue plum", k=4)
    assert await lines(examples, among, "apple, red!") == (2, 4, 3, 1)
    assert await lines(examples, among, "zzz") == (4, 3, 2, 1)


async def test_the_example_that_asks_the_very_same_is_left_out(examples):
    among = nearest("Is it Ready?", "is  it ready?\n", "is it ready now", "no", k=3)
    chosen = await examples.choose(among, seen("is it ready?"), None, lambda embedded: None)
    assert chosen.lines == (4, 3)
    assert [demo.output for demo in chosen.demos] == ["answer to no", "answer to is it ready now"]


async def test_only_the_variables_that_a_prompt_reads_are_compared(examples):
    demos = (
        Demo(inputs={"question": "red", "id": "one"}, output="1"),
        Demo(inputs={"question": "blue", "id": "two"}, output="2"),
    )
    among = Nearest(demos=demos, lines=(1, 2), k=1, names=("question",))
    view = seen("", question="red one", id="two")
    chosen = await examples.choose(among, view, None, lambda embedded: None)
    assert chosen.lines == (1,)


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), text=TEXTS, k=st.integers(1, 9))
def test_the_chosen_are_the_likest_in_order_each_time(texts, text, k, tmp_path_factory):
    among = nearest(*texts, k=k)
    found = LexicalIndex(texts).similarities(text).round(9)
    usable = [place for place, other in enumerate(texts) if plain(other) != plain(text)]
    expected = sorted(usable, key=lambda place: (-found[place], place))[:k]
    for _ in range(2):
        examples = Examples(lambda model: Letters(), tmp_path_factory.getbasetemp())
        assert anyio.run(lines, examples, among, text) == tuple(place + 1 for place in expected)[::-1]


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), text=TEXTS)
def test_likeness_is_between_none_and_full_and_ignores_case_and_spaces(texts, text):
    index = LexicalIndex(texts)
    found = index.similarities(text)
    assert all(-1e-9 <= each <= 1 + 1e-9 for each in found)
    assert (index.similarities(f" {text.upper()} ") == found).all()


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=2, max_size=8, unique_by=plain), data=st.data())
def test_a_text_is_nothing_as_like_as_itself(texts, data):
    place = data.draw(st.integers(0, len(texts) - 1))
    found = LexicalIndex(texts).similarities(texts[place])
    assert found[place] >= max(found) - 1e-9


async def test_an_embedding_model_is_asked_for_the_file_once_and_for_ever(tmp_path):
    model, usage = Letters(), []
    among = nearest("aaa", "bbb", "abab", k=2, embedding=EMBEDDING)
    first = Examples(lambda m: model, tmp_path)
    for text in ("aab", "bba"):
        await first.choose(among, seen(text), None, usage.append)
    assert model.asked == [["aaa", "bbb", "abab"], ["aab"], ["bba"]]
    assert len(usage) == 3
    later = Examples(lambda m: model, tmp_path)
    assert await lines(later, among, "aab") == (1, 3)
    assert model.asked[3:] == [["aab"]]
    assert await lines(later, replace(among, embedding=replace(EMBEDDING, wire_name="f")), "aab") == (1, 3)
    assert model.asked[4:] == [["aaa", "bbb", "abab"], ["aab"]]


async def test_agents_that_begin_together_ask_for_the_file_once(tmp_path):
    model = Letters()
    examples, among = Examples(lambda m: model, tmp_path), nearest("a", "b", embedding=EMBEDDING)
    async with anyio.create_task_group() as tasks:
        for text in ("ab", "aab", "abb"):
            tasks.start_soon(lines, examples, among, text)
    assert [texts for texts in model.asked if len(texts) == 2] == [["a", "b"]]


@pytest.mark.parametrize("kept", [b"", b"no array", b"\x93NUMPY broken"])
async def test_vectors_that_cannot_be_read_or_kept_are_asked_for_again(kept, tmp_path):
    model, among = Letters(), nearest("a", "b", embedding=EMBEDDING)
    await lines(Examples(lambda m: model, tmp_path), among, "ab")
    (file,) = tmp_path.iterdir()
    file.write_bytes(kept)
    await lines(Examples(lambda m: model, tmp_path), among, "ab")
    assert model.asked == [["a", "b"], ["ab"]] * 2
    file.unlink()
    (tmp_path / "file").write_text("")
    assert await lines(Examples(lambda m: model, tmp_path / "file"), among, "ab") == (2, 1)


async def test_what_an_embedding_model_gives_is_checked(tmp_path):
    class Odd:
        def __init__(self, *vectors) -> None:
            self.vectors = vectors

        async def embed(self, model, texts, *, timeout_seconds=None) -> Embedded:
            return Embedded(vectors=self.vectors)

    among = nearest("a", "b", embedding=EMBEDDING)
    for vectors in ([], [[1.0]], [[1.0], [1.0, 2.0]]):
        with pytest.raises(MalformedReply, match="no vector for each text"):
            await lines(Examples(lambda m, given=vectors: Odd(*given), tmp_path), among, "a")
    await lines(Examples(lambda m: Letters(), tmp_path), among, "ab")
    with pytest.raises(MalformedReply, match="e gives 1 numbers per text, and gave 5"):
        await lines(Examples(lambda m: Odd([1.0]), tmp_path), among, "ab")
    with pytest.raises(NotAvailable, match="'test' has no embedding models"):
        await lines(Examples(lambda m: object(), tmp_path), among, "ab")
