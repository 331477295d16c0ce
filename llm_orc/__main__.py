"""`python -m llm_orc` is `llm-orc`."""

from llm_orc.cli.main import main

main()
