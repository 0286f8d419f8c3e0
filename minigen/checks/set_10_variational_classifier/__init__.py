"""Problem set 10, the variational classifier: what passes a narrow place, and what an experiment may say about it."""

from minigen.checks.set_10_variational_classifier.choosing import REPAIR_CHOICE, WHAT_HELPED
from minigen.checks.set_10_variational_classifier.draws import AVERAGED_PROBABILITIES
from minigen.checks.set_10_variational_classifier.head import BOTTLENECK_HEAD
from minigen.checks.set_10_variational_classifier.information import INFORMATION_BOUNDS
from minigen.checks.set_10_variational_classifier.intervals import PAIRED_INTERVAL
from minigen.checks.set_10_variational_classifier.seeds import SEEDS_NEEDED
from minigen.checks.set_10_variational_classifier.subsets import NESTED_SUBSET

TASKS = (
    AVERAGED_PROBABILITIES,
    INFORMATION_BOUNDS,
    BOTTLENECK_HEAD,
    NESTED_SUBSET,
    PAIRED_INTERVAL,
    SEEDS_NEEDED,
    REPAIR_CHOICE,
    WHAT_HELPED,
)
