"""nbgrader for a teacher: `nbgrader generate_assignment 02_attention`, from the root of the repository."""

import os

from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader.converters import GenerateAssignment

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

c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 60
