"""Does a run look like a real network? Statistics of its events beside published figures, see docs/realism.md.

Needs numpy and scipy, the extra ``validate``; nothing else of the program imports this package.
"""
