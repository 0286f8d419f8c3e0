"""A tiny text VAE that several tests share."""

from parity import randomise

from minigen.layers import BlockConfig
from minigen.models.text_vae import TextVAE, TextVAEConfig

V, D, Z, CONTEXT = 11, 16, 5, 12


def make(latent_input: str = "both", weights: bool = True, **changes) -> TextVAE:
    """A small model with weights that all matter, unless it is wanted as it begins."""
    block = changes.pop("block", BlockConfig(D, 2, 24))
    model = TextVAE(TextVAEConfig(V, CONTEXT, 2, 2, block, latent_size=Z, latent_input=latent_input, **changes))
    if weights:
        randomise(model)
    return model.eval()
