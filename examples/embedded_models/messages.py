"""Short customer messages of six kinds, and the split that keeps some of them unseen."""

from __future__ import annotations

import hashlib
import random

from problems import ITEMS, MEN, WOMEN

KINDS = ("account", "billing", "math", "refund", "shipping", "technical")
ARBITRARY = ("red", "blue", "green", "alpha", "beta", "gamma", "north", "south", "east", "west",
             "cat", "dog", "bird", "one", "two", "three", "left", "right", "sun", "moon")  # fmt: skip

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "account": (
        "I cannot log in to my account.", "How do I change my password for the {thing}?",
        "Please delete my account {when}.", "My user name is wrong since {when}.",
        "The login code for my {thing} never comes.", "I want to change the name on my account to {name}.",
        "{name} should have access to my account.", "I forgot the password for the {thing}.",
    ),
    "billing": (
        "I was charged twice for my {item}.", "The invoice for the {item} is wrong.",
        "Why is there a charge of {n} coins on my card {when}?", "My card was not accepted {when}.",
        "Please send the invoice for {n} {item} to {name}.",
        "The price of the {item} on the bill is too high.",
        "I paid {n} coins but the bill says {m} coins.", "Can I pay for the {item} by card?",
    ),
    "math": (
        "{name} has {n} {item} and buys {m} more. How many are there?", "What is {n} + {m}?",
        "How many {item} are {n} bags with {m} {item} in each?", "What is {n} * {m}?",
        "{name} gives {n} of {m} {item} to a friend. How many are left?",
        "Share {n} {item} equally among {m} friends.",
    ),
    "refund": (
        "I want my money back for the {item}.", "Please take the {item} back and return my money.",
        "When do I get the refund for my {thing}?", "I sent the {item} back {when} and still have no refund.",
        "The {thing} is not what I wanted so I want a refund.", "{name} promised me a refund of {n} coins.",
        "I return the {item} because they are not good.",
    ),
    "shipping": (
        "Where is my package with the {item}?", "The {item} did not arrive {when}.",
        "When will my {thing} be delivered?", "The package for {name} went to the wrong street.",
        "Can you deliver the {item} {when}?", "My parcel is late since {when}.",
        "Only {n} of {m} {item} arrived in the package.", "Please send the {thing} to {name}.",
    ),
    "technical": (
        "The {thing} does not start.", "The {thing} shows an error since {when}.",
        "My {thing} stopped working {when}.", "The app crashes when I open the {item}.",
        "The screen of the {thing} stays black.", "Error {n} appears on my {thing}.",
        "The update of the {thing} fails {when}.", "The {thing} is very slow and makes noise.",
    ),
}  # fmt: skip
_THINGS = ("phone", "tablet", "camera", "printer", "watch", "radio", "laptop", "keyboard")
_WHEN = ("today", "yesterday", "on Monday", "on Friday", "this week", "last week", "this morning")
_POLITE = ("", "", "", "Hello. ", "Hi there. ", "Dear team. ")
_THANKS = ("", "", "", " Thank you.", " Please help.")


def make_message(rng: random.Random, kind: str) -> str:
    """A random message of a kind."""
    text = rng.choice(_TEMPLATES[kind]).format(
        item=rng.choice(ITEMS), thing=rng.choice(_THINGS), when=rng.choice(_WHEN),
        name=rng.choice(WOMEN + MEN), n=rng.randint(2, 40), m=rng.randint(2, 40),
    )  # fmt: skip
    return rng.choice(_POLITE) + text + rng.choice(_THANKS)


def is_held_out(text: str) -> bool:
    """One message in ten is never trained on, chosen by a hash of its text."""
    return hashlib.sha256(text.encode()).digest()[0] % 10 == 0


def split_message(rng: random.Random, kind: str, *, held_out: bool) -> str:
    """A random message of a kind from one side of the split."""
    while True:
        text = make_message(rng, kind)
        if is_held_out(text) == held_out:
            return text


def unseen_messages(count: int, seed: int) -> list[tuple[str, str]]:
    """Messages that training never saw, with their kinds."""
    rng = random.Random(seed)
    kinds = [rng.choice(KINDS) for _ in range(count)]
    return [(split_message(rng, kind, held_out=True), kind) for kind in kinds]
