"""`minigen grade`: many submissions of one set, each judged in a process of its own; what the class can learn of it.

submissions    who handed in what; which cells are the learner's answers
worker, confine, seal   the process that judges: limits, an empty environment, checks that cannot be patched
pool, store    several workers at once; what was graded is kept at once, and a second run goes on from there
similarity     which solutions are alike: a hint for a person
report, pictures   the table for the LMS, what the class got wrong, what each learner is told
"""
