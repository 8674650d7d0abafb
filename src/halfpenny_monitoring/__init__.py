"""What became of assessed loans, held against what was said of them: pure, without a database, a clock or a network.

Both programs use it: the marketplace for the page and the stored report, ``halfpenny-risk monitor`` for a file. So the
two never say different things about the same outcomes.
"""
