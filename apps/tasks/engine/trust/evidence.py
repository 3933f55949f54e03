"""Whether a confidence rests on something that was looked at, or only on nothing having spoken against the answer."""

from __future__ import annotations

from apps.tasks.engine.trust.arithmetic import sums_in
from apps.tasks.engine.trust.assess import Trust

# Each of them was tried on the answer itself: code that was parsed, other samples, the model's own probabilities, another AI.
_TRIED = frozenset({"code_parses", "samples_agree", "mean_probability", "verdict"})


def rests_on_evidence(answer: str, trust: Trust) -> bool:
    """True where sums in the answer were done again and came out right, or where a check spoke for it.

    An answer of which nothing can be checked has a confidence too: that of most such answers. It says nothing of this one.
    """
    sums = sums_in(answer)
    if sums and all(one.is_right for one in sums):
        return True
    return any(signal.name in _TRIED and signal.contribution > 0 for signal in trust.signals)
