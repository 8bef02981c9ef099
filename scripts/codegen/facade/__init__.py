"""Compare the hand-written facade with the fragment and the generated package."""
