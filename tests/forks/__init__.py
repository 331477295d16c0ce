"""llm-orc's command line without its start: every command is a process of its own, forked from one that has
loaded the modules. A suite of thousands of commands would spend most of its time on loading them."""
