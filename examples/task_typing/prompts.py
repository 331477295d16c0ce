"""Training prompts for the classifier of tasks: templates and hand-written lines per kind.

Nothing here may come near `held_out.txt`, whose prompts were written apart from these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from more_prompts import MORE

SLOTS = {
    "thing": """a customer review|a support ticket|an email from a colleague|the tweet below|this paragraph|a product
description|the following comment|a news headline|the transcript|a patient note|a log line|this message|the bug report|
a chat message|the contract clause|an invoice|a job advert|a recipe|a scientific abstract|the meeting notes|the article|
a forum post|the release notes|a press statement|a police report|the diary entry|a tenant's letter|the survey answer""",
    "topic": """solar panels|medieval trade|database indexes|remote work|sourdough bread|quantum computing|urban traffic|
inflation|bird migration|electric cars|the French Revolution|antibiotics|chess openings|coral reefs|tax law|Kubernetes|
microplastics|jazz music|vaccines|glaciers|supply chains|semiconductors|sleep|immigration policy|coffee farming|football
transfers|nuclear power|ancient Rome|machine translation|public libraries|bicycle lanes|open source licences""",
    "labels": """positive, negative or neutral|spam or not spam|urgent or routine|billing, technical or other|sports,
politics or science|true or false|refund, shipping or complaint|bug, feature or question|formal or informal|
toxic or harmless|English, German or French|fact or opinion|high, medium or low priority|yes or no""",
    "fields": """all dates|the names of people|email addresses|the total amount|every company mentioned|phone numbers|the
invoice number and date|the ingredients|the medication and dosage|prices and currencies|the address|product codes|
the deadlines|the authors and titles|the order number|places and times|action items with owners|key figures""",
    "lang": "Python|JavaScript|Rust|Go|SQL|Java|TypeScript|C++|Bash|Kotlin|Haskell|Ruby|PHP|Swift",
    "job": """reverses a linked list|parses a CSV file|checks whether a number is prime|merges two sorted arrays|computes
the edit distance|validates email addresses|counts words in a file|finds duplicates in a list|converts Roman numerals|
calls a REST API and retries|implements a least-recently-used cache|sorts records by two keys|flattens nested
dictionaries|schedules jobs with cron|renders a template|downloads images concurrently|computes a moving average|
escapes HTML|walks a directory tree|builds a trie|reads environment variables|paginates a query""",
    "n": "3|7|12|15|24|36|48|60|75|96|120|250|1,200",
    "person": "Anna|Ben|Carla|Deniz|Emeka|Farid|Grace|Hiro|Ines|Jonas|Kavita|Liam",
    "item": "apples|tickets|marbles|books|litres of paint|bolts|cookies|stamps|tiles|pencils|eggs|bottles",
    "simple": """the capital of Mongolia|the boiling point of ethanol|the author of Middlemarch|the currency of Peru|the
tallest mountain in Africa|the year the Berlin Wall fell|the chemical symbol of tungsten|the longest river in Asia|
the inventor of the telephone|the population of Iceland|the largest moon of Saturn|the head of state of Norway|
the number of bones in a human body|the speed of sound in air|the opposite of entropy|the official language of Brazil""",
    "form": """a poem|a short story|a limerick|a song lyric|a fairy tale|a slogan|a haiku|a birthday speech|a dialogue
between two robots|a monologue|a screenplay scene|a product name|a love letter|a bedtime story|an opening line""",
    "pair": """SQL and NoSQL databases|renting and buying a home|monoliths and microservices|trams and buses|stocks and
bonds|wood and steel frames|two marketing campaigns|agile and waterfall|public and private schools|the two proposals|
cash and credit|heat pumps and gas boilers|city and country life|Rust and Go""",
}

TEMPLATES = {
    "classification": """Classify {thing} as {labels}.|Is {thing} {labels}? Answer with one word.|Label the text with one of:
{labels}.|Decide whether {thing} is {labels}.|Which category fits best: {labels}?|Assign {thing} to one of these classes:
{labels}. Reply with the label only.|Tag {thing} by sentiment: {labels}.|Determine the intent of {thing}. Options: {labels}.|
You are a classifier. Labels: {labels}. Text: {{ input }}|Route this ticket to the right team: {labels}.|Detect
whether {thing} is about {topic}, yes or no.|What is the tone of {thing}: {labels}?|Rate {thing} as {labels}; output just
the rating.|Answer only {labels}: does {thing} mention {topic}?|Sort {thing} into {labels}.|Pick the matching label
({labels}) for the input.|Moderate this content: allowed or forbidden?|Is it {labels}?""",
    "extraction": """Extract {fields} from {thing}.|List {fields} found in {thing} as JSON.|Pull {fields} out of the text.|
Return {fields} mentioned in {thing}.|Find {fields} in the following document and output a table.|Read {thing} and give me
{fields}.|From {thing}, copy {fields} verbatim.|Turn {thing} into JSON with keys for {fields}.|Which {fields} appear in
{thing}?|Parse {thing} and return {fields}.|Identify and list {fields}.|Fill this form with {fields} from {thing}.|Get
{fields} out of: {{ input }}|Convert {thing} to a structured record holding {fields}.|Collect {fields} from the text
below, one per line.|Named entities please: {fields}.|Scan {thing} for {fields}; null where missing.""",
    "qa_simple": """What is {simple}?|Tell me {simple}.|Name {simple}.|Do you know {simple}?|Quick question: {simple}?|Give
{simple} in one word.|I forgot {simple}, what was it?|Please state {simple}.|{simple}?|Could you remind me of {simple}?|What's
{simple} called?|Answer briefly: what is {simple}?|In one short sentence, what is {simple}?|Look up {simple}.|Who or what is
{simple}?|When was {topic} first mentioned?|Where does the word for {topic} come from?|How many people work in {topic}?|
Define {topic} in one sentence.""",
    "qa_complex": """Explain how {topic} work and what their limits are.|How did {topic} change the economy over time?|Why do
experts disagree about {topic}? Give background.|Describe the history of {topic} in detail.|What are the main causes and
consequences of {topic}?|How does {topic} affect society, and what can be done?|Give me an overview of {topic} for a
beginner.|Teach me about {topic}, step by step, with examples.|What should I know before investing in {topic}?|How do I get
started with {topic}, and what mistakes should I avoid?|Answer the question from the documents, citing sources: how is {topic}
regulated?|What role does {topic} play in climate change?|Explain {topic} to a ten-year-old.|In what ways is {topic}
misunderstood?|How would you advise a town on {topic}?|What happens inside {topic}, technically?|Using the context below, answer
the user's question about {topic} thoroughly.|Help me understand {topic}.|Act as an expert on {topic} and answer questions.""",
    "reasoning": """{person} has {n} {item} and gives away {n}. How many are left?|Solve step by step: if {n} {item} cost {n}
dollars, what do {n} cost?|A train leaves at {n} km/h and another at {n} km/h. When do they meet?|Calculate the result of
({n} + {n}) * {n}.|Prove that the sum of two odd numbers is even.|If all bloops are razzies and some razzies are lazzies,
what follows?|{person} is twice as old as {person}. In {n} years the sum of their ages is {n}. How old is each?|Work out how
many {item} fit into {n} boxes of {n}.|Solve for x: {n}x + {n} = {n}.|Think step by step and give the final number.|Three
friends sit in a row; {person} is not next to {person}. Who sits in the middle?|What is {n}% of {n}?|Solve the word problem and
show your work.|You are a careful mathematician. Solve the problem.|Find the next number in the sequence {n}, {n}, {n}.|
Deduce who stole the {item} from the clues.|How long does it take {n} workers to paint {n} walls?|Compute the probability of drawing
two red {item}.|Schedule the meetings so that nobody is double-booked.|Determine the minimum of the function.|Verify each step of
the argument and say where it fails logically.|Plan the shortest route through all stops.""",
    "code_generation": """Write a {lang} function that {job}.|Implement a {lang} class which {job}.|Create a {lang} script
that {job}.|Give me {lang} code that {job}, with tests.|Write unit tests in {lang} for code that {job}.|Refactor this {lang} code
so that it {job}.|Fix the bug in the following {lang} function.|Translate this snippet to {lang}.|Complete the {lang} function:
def solve(items):|Generate a {lang} program which {job} and prints the result.|I need a {lang} one-liner that {job}.|
Write a regular expression that matches dates.|Add type annotations to this {lang} module.|Build a small {lang} web server with
two endpoints.|Write a Dockerfile for a {lang} service.|Code a {lang} command line tool that {job}.|Write a query that returns the ten
best customers by revenue.|Port the algorithm to {lang} and optimise it.|You are a senior {lang} developer. Implement the
specification.|Return only the code.|Write a GitHub workflow that runs the {lang} tests.|Make this {lang} compile.""",
    "creative": """Write {form} about {topic}.|Compose {form} for {person}'s wedding.|Invent {form} in which {topic} come to life.|
Give me five names for a shop that sells {item}.|Imagine a world without {topic} and tell its story.|Continue this story:
{person} opened the door and|Write {form} in the style of a pirate.|Brainstorm twenty ideas for a party about {topic}.|Make
up {form} that rhymes.|Create a character for a fantasy novel.|Come up with a catchy tagline for {topic}.|Draft a playful
invitation.|Tell me a joke about {topic}.|Write {form} from the point of view of a cat.|Dream up a new holiday.|You are a poet.
Write about {topic}.|Describe a sunset over the sea with vivid images.|Write an advert that sells {item}.|Pen {form} full of
melancholy.|Suggest titles for a novel about {topic}.|Write the blurb of a thriller.""",
    "analysis": """Analyse {thing} for weaknesses in its argument.|Compare {pair} with their advantages and disadvantages.|Evaluate
the risks of {topic} and recommend what to do.|Critique {thing}: what is convincing and what is not?|Review this pull
request for defects and design problems.|Assess the credibility of {thing}.|Weigh up {pair} and judge which is better for a
small company.|Identify the stakeholders of {topic} and their interests.|What are the strengths, weaknesses, opportunities and
threats of {topic}?|Interpret the results of the experiment on {topic}.|Find contradictions in {thing}.|Examine the assumptions
behind {topic}.|Judge which of the two answers is better and say why.|Check the claims in {thing} against the
evidence.|Give a balanced view of {topic} from several perspectives.|Diagnose why sales of {item} dropped.|Discuss the
trade-offs between {pair}.|What patterns do you see in these data?|Do a root cause analysis of the outage.|Rank the options by impact
and effort and justify the ranking.|Critically examine {topic}.|Consider scenarios for {topic} and their likelihood.|
Synthesise the expert opinions into a recommendation.""",
    "summarisation": """Summarise {thing} in three sentences.|Give me a summary of {thing}.|Condense {thing} into bullet points.|TL;DR
of {thing}.|Shorten {thing} to fifty words.|What are the key points of {thing}?|Write an abstract for {thing}.|Boil {thing} down
to its essence.|Recap {thing} for someone who missed it.|Sum up the discussion about {topic}.|Provide an executive
summary.|Make {thing} shorter without losing information.|Give the gist of {thing}.|Digest the following pages on {topic} into one
paragraph.|Combine these notes into a brief report.|Write a one-line description of this diff.|Summarise the changes
as a commit message.|List the main takeaways of {thing}.|Merge the summaries below into one.|Brief me on {thing} in two
minutes.|Outline {thing}.|Rewrite {thing} as a short digest.""",
}
FRAMES = (
    "{}", "{}", "{}", "{}", "Please {}", "{} Thanks!", "You are a helpful assistant. {}", "Task: {}", "{}\n\n{{{{ input }}}}",
    "{}\n\nText: lorem ipsum dolor sit amet consectetur", "Hi, can you help me with this? {}", "{} Keep it short.",
    "# Instructions\n{}", "{} Reply as JSON.", "Be precise. {}", "{}\nDo not explain.",
)  # fmt: skip


def prompts(seed: int, per_kind: int) -> Iterator[tuple[str, str]]:
    """(kind, prompt), `per_kind` of each kind, without repetitions."""
    random = Random(seed)
    slots = {name: _split(text) for name, text in SLOTS.items()}
    for kind, text in TEMPLATES.items():
        templates, seen = [*_split(text), *_split(MORE[kind]), *_split(MORE[kind])], set()
        while len(seen) < per_kind:
            made = re.sub(r"\{(\w+)\}", lambda m: random.choice(slots[m[1]]), random.choice(templates))
            framed = random.choice(FRAMES).format(made)
            if framed not in seen:
                seen.add(framed)
                yield kind, framed


def _split(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("|")]
