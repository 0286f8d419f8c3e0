"""nbgrader for a teacher: `nbgrader generate_assignment 02_attention`, from the root of the repository.

Then `nbgrader autograde 02_attention`, with submissions in grading/submitted/LEARNER/02_attention/02_attention.ipynb.
"""

import os

from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader.converters import Autograde, GenerateAssignment

c = get_config()  # noqa: F821 - a name that nbgrader provides

c.CourseDirectory.course_id = "minigen"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# What grading leaves behind is ignored by git.
c.CourseDirectory.submitted_directory = os.path.join("grading", "submitted")
c.CourseDirectory.autograded_directory = os.path.join("grading", "autograded")
c.CourseDirectory.feedback_directory = os.path.join("grading", "feedback")
c.CourseDirectory.db_url = "sqlite:///grading/gradebook.db"

# Explanations are for the solutions alone. tools/exercises.py makes the same release without the gradebook.
c.TagRemovePreprocessor.remove_cell_tags = ["explanation"]
c.TagRemovePreprocessor.enabled = True
c.GenerateAssignment.preprocessors = [TagRemovePreprocessor, *GenerateAssignment.preprocessors.default()]


class RemoveFinale(TagRemovePreprocessor):
    """Takes out what is run for joy alone: it trains a small model, and earns no points."""


c.RemoveFinale.remove_cell_tags = ["finale"]
c.RemoveFinale.enabled = True
c.Autograde.sanitize_preprocessors = [RemoveFinale, *Autograde.sanitize_preprocessors.default()]

c.OverwriteCells.add_missing_cells = True  # a check that a learner deleted comes back
c.Execute.timeout = 60
# To nbgrader anything on stderr is a failure, a mere warning too. A check that fails raises, and is seen anyway.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"(?s)."
os.environ.setdefault("MINIGEN_CHECK_SEED", "1")  # other inputs than the learners'
