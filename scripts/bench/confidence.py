"""How well the confidence in an answer says whether it is right: `./orq bench confidence FOLDER`.

Of answers of the weak model: APGR when what is trusted least goes to the strong one, the cost at 95 % of its quality with every
weak call counted, and the calibration; always beside the length of the answer, the complexity of the prompt, and chance.
"""

from __future__ import annotations

import sys

from scripts.bench import _fitting

if __name__ == "__main__":
    sys.exit(_fitting.run("scripts.bench._confidence_figures", __doc__ or ""))
