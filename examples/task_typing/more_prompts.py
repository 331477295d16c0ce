"""Further training prompts, written by hand: other words for the same wishes."""

from __future__ import annotations

MORE = {
    "classification": """Sentiment of the review?|Choose one option only.|Which topic does the question belong to?|Is the mail
unwanted advertising?|Return exactly one label.|Say whether the customer is satisfied.|Decide: relevant or irrelevant.|Mark the
sentence as grammatical or ungrammatical.|Output 0 or 1.|What emotion does the speaker feel?|Categorize each transaction.|
Binary answer: does the text contain personal data?|Which language is this?|Select the correct category from the list.|Is the user angry?
|Estimate the priority: low, medium, high.|Does the premise entail the hypothesis? entailment, neutral or contradiction.|Detect
the intent.|Are they talking about the same product? yes/no|Assign a star rating.|True or false: the passage supports the claim.|
Group the comments into complaint, praise and question.|Which team should receive this ticket?|Judge the stance: favour or against.|
Filter: keep or drop.|Name the genre of the song.|Is the comment toxic?|Predict the class.|Respond with a single word from the given set.|
Does this message need a human? yes or no|Is the transaction fraudulent or legitimate?|Flag messages that contain insults.|
Would the reader call this news or advertising?|Normal or abnormal?|What mood does the paragraph have: sad, cheerful or calm?""",
    "extraction": """Which names occur?|Give the numbers in the text.|Copy the email addresses.|Return JSON with keys name, date and
amount.|What does the document say about the deadline? Quote it.|Fill in the fields from the letter.|Read the invoice and output the
total.|Annotate entities.|List everyone who is mentioned.|Get the prices.|Turn the table into CSV.|Find the part number in the
description.|Which medicines and doses are prescribed?|Take out the quotations.|Record the arrival time and the platform.|
Locate the clause on termination.|Transcribe the handwritten values.|Pull the key value pairs.|Produce a structured record.|Output each
place name on its own line.|Identify the sender and the recipient.|Grab the links.|Convert the free text to the schema below.|Retrieve
the account number.|Collect every requirement from the specification.|Pick the adjectives.|Isolate the error message in the log.|
Note the skills and the degrees in the resume.|What is the order number in the message?|Harvest the citations.|Parse the
address.|Which products does the customer ask for? JSON array.|Report the measurements with units.|Fetch the dates of birth.|Write down
the questions asked in the interview.""",
    "qa_simple": """Who discovered penicillin?|When was the Magna Carta signed?|What is the capital of Kenya?|How many legs has a
spider?|Which planet is the largest?|Who wrote Don Quixote?|What does NASA stand for?|How high is Mount Fuji?|In what year did the
Titanic sink?|Where is Timbuktu?|What is the freezing point of mercury?|Who was the first woman in space?|Which country borders
Portugal?|What is the atomic number of iron?|How long is the Nile?|When did Einstein die?|Who painted Guernica?|Name the currency of
Japan.|What's the opposite of hot?|Which river flows through Vienna?|What colour is chlorophyll?|How many players are in a handball
team?|Is Pluto a planet?|Who is the mayor of London?|What language is spoken in Angola?|How old is the universe?|Which metal is
liquid at room temperature?|What is the international dialling code of Italy?|Who sang Thriller?|When is the summer solstice?|
Which shortcut copies text?|What does CPU mean?|Who is the president of Brazil?|How far away is the Sun?|What's the plural of mouse?""",
    "qa_complex": """How does a refrigerator work, and why does it warm the kitchen?|Why did the Soviet Union collapse?|Explain how
photosynthesis turns light into sugar.|What happens when I type a command in the shell?|How do vaccines protect a
population?|Tell me about the causes of the First World War and how historians disagree.|What should I consider when I
choose a mortgage?|How can I improve my sleep, according to research?|Explain recursion to a beginner with an analogy.|Why is
the sea salty?|How do airlines set their prices?|What is the difference between a virus and a bacterium, and why does it matter?|Use the
documents to answer the customer.|How do I repair a leaking tap? What tools do I need?|Describe how a bill becomes a law.|Explain
the theory of relativity in plain words.|What do I have to know before I adopt a dog?|How did the internet change
newspapers?|My car makes a noise when braking. What could it be?|Walk me through setting up a home network.|Why do languages
die out, and can they be saved?|How does inflation affect savings?|What are tides, and what drives them?|Clear up
misunderstandings about evolution.|Which rights do tenants have when the rent is raised?|How do neural networks learn?|Describe
the life cycle of stars.|Explain what a trust is and who needs one.|How are wines made?|What did the Enlightenment change?|
How does encryption keep a message secret?|I want to learn the guitar: how should I begin?|Why are some people left-handed?|
How do glaciers shape valleys?|What does the manual say about resetting the device? Answer the user's question fully.""",
    "reasoning": """Compute 45 * 12 - 7.|How many minutes are in three and a half hours?|A rectangle has sides of 4 and 9. What is its
area?|If a car uses 6 litres per 100 km, how much for 350 km?|What is the sum of the first 50 numbers?|Mia starts with 34 cards and
buys 20 more. How many does she have now?|Integrate x squared from 0 to 3.|Show that there are infinitely many primes.|Who is
lying? Use the clues.|Solve the equation.|Find the probability that both dice show six.|What day was it 30 days ago?|Simplify
the fraction.|The price rises by 20 percent and falls by 20 percent. What is the change?|Prove it by induction.|Think carefully and
answer with a number.|If A implies B and not B, what about A?|Five workers need six days. How many days do ten need?|
Differentiate the expression.|How many handshakes take place between eight people?|Work it out step by step.|Find the area of the
triangle.|The sum of two numbers is 20 and their difference is 4. Find them.|Sudoku: fill the empty cells.|What comes next: 1, 4, 9, 16?|
In how many ways can the letters be arranged?|Determine the remainder of the division by 7.|A tank is filled at 3 litres a minute. When
is it full?|Two trains approach each other. After how long do they meet?|Puzzle: move one match to fix the equation.|Sara is 4 years
older than Tim; together they are 20.|Find the minimal number of moves.|Convert 45 degrees to radians.|The average of
five numbers is 12. What is their sum?|What can be concluded from the statements?""",
    "code_generation": """Write a program that prints primes.|def quicksort(items):|Fix this stack overflow error in my code.|Give me a
SQL query with a join and a group by.|Here is a traceback; repair the function.|Add a unit test.|Create a class with methods push and
pop.|Write a bash loop over files.|A regex that validates phone numbers.|Generate a TypeScript interface from this JSON.|
Refactor to remove the duplication.|Make an HTML page with a form.|import numpy as np # finish the loop|Build a REST endpoint
in Flask.|Convert this script from Python 2 to 3.|Write a Dockerfile.|Optimise the query.|Complete the method body.|Port it from C to
Rust.|Write a decorator that caches results.|Script that renames files.|Implement the interface below.|Debug: why is my variable
undefined? Correct the source.|Add logging and error handling to the module.|Write CSS that centres a box.|Generate a
migration.|Make the test suite pass.|Create an Ansible playbook.|Write a function to parse JSON lines.|Code a simple game in pygame.|
Extend the API client with retries.|Write a Makefile.|Vue component for a date picker.|Give the command that counts lines in all
files.|Program a web scraper with pagination.""",
    "creative": """Write a poem.|Tell a story about a lost robot.|Compose a song for children.|Invent a superhero.|Make up a legend about a
mountain.|Write a funny toast.|Brainstorm names for a cafe.|Describe a dream.|Write a dialogue between sun and moon.|Give me a pun.|
Create a world with two moons and its customs.|Continue the tale.|Write the lyrics of a blues.|A riddle, please.|
Rhyme something on winter.|Suggest ten titles for my painting.|Write a fairy tale with a twist.|Imagine the diary of a
sailor.|Slogan for a bicycle shop.|Write a scene where nobody speaks.|Draft a humorous invitation to a barbecue.|Write like
Hemingway about a fridge.|Role play: you are a wizard.|A metaphor for time.|Develop a villain with a backstory.|Write microfiction.|
Ballad about the sea.|Picture a city under the ice.|Think up a mascot.|Write a speech for a retiring teacher, with warmth.|Make a comic
strip script.|Verses for a card.|Spin a yarn about a haunted hotel.|Ideas for a novel set on Mars.|Let a tree complain.""",
    "analysis": """Which option is better, and why?|What are the risks?|Compare the two designs.|Review my essay.|Is the argument
sound?|Evaluate the proposal against the criteria.|Give pros and cons.|What speaks for it and what against?|Assess the impact on
small firms.|Find flaws in the reasoning.|Who is affected and how?|What are the trade-offs?|Critique the methodology of the
paper.|Analyse the trend and explain it.|Do you agree with the author? Justify.|Which assumptions does the plan make?|Judge the quality of
the answer on a scale and justify it.|Recommend a strategy.|What would a sceptic say?|Why did the campaign fail?|Look for
inconsistencies between the reports.|Interpret the poem.|Consider this decision from the perspective of employees.|Review the code for
security problems.|Estimate how likely each scenario is.|Rank these ideas and defend your ranking.|Read the data and tell me what
it means.|Weigh the evidence for each claim.|What are the strengths and weaknesses of the candidate?|Contrast the two poems.|What
is the root cause?|Explore consequences over one, five and ten years.|Evaluate whether we should enter the market.|Challenge my
plan.|Identify gaps and biases.|How convincing is the study?|Draw a map of causes and effects in the organisation.|
Act as a reviewer and comment on the manuscript.""",
    "summarisation": """Summarize the text below.|Short version please.|TLDR|Give the key points.|Write a brief abstract.|In one
sentence, what is it about?|Recap the meeting.|Condense this to 100 words.|Cut the text by half.|What were the main decisions
in the call?|Make a digest of the week's messages.|Provide an overview of the report.|Bullet point summary.|Summing up, what does the
author say?|Write the conclusion in a few lines.|Compress the conversation.|Outline of the chapter.|Give me the highlights.|
Executive summary of the memo.|Shorten.|Retell the plot in a paragraph.|Describe these changes in one line for the changelog.|Reduce the
transcript to its essentials.|Headline for this article.|Combine the notes.|What happened in this thread?|State the gist.|
A teaser of two sentences.|I don't have time, what does it say?|Concise version for managers.|List the takeaways.|Write a plain
language summary of the study.|Abbreviate the report.|Minutes in five lines.|Summaries of each section.""",
}
