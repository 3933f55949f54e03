"""How well the complexity estimate says which prompts need the strong model: `./orq bench complexity FOLDER`.

APGR with its interval, the share of strong calls for 50 and 80 % of the gain, and the bill by tokens for 95 % of the strong
model's quality; always beside the length of the prompt and chance. What is shipped was fitted on the development halves, so on
these its figures are too good; those of fits that saw no label of the set, of other rows and of other subjects, are not.
"""

from __future__ import annotations

import sys

from scripts.bench import _fitting

if __name__ == "__main__":
    sys.exit(_fitting.run("scripts.bench._complexity_figures", __doc__ or ""))
