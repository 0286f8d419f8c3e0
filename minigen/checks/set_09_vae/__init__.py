"""Problem set 09, the text VAE: a draw with a gradient, its price, how z is kept alive, and a fault in a loss."""

from minigen.checks.set_09_vae.bound import IMPORTANCE_BOUND
from minigen.checks.set_09_vae.cures import CYCLICAL_BETA, FREE_BITS
from minigen.checks.set_09_vae.latent import GAUSSIAN_KL, REPARAMETERISE
from minigen.checks.set_09_vae.price import REPAIR_LOSS
from minigen.checks.set_09_vae.words import DROP_WORDS

TASKS = (
    REPARAMETERISE,
    GAUSSIAN_KL,
    FREE_BITS,
    CYCLICAL_BETA,
    DROP_WORDS,
    IMPORTANCE_BOUND,
    REPAIR_LOSS,
)
