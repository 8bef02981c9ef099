"""Events: what a program is told about its calls, and the ways to tell it."""
