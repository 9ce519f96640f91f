"""The tests of ASSA: one module for each module of `assa`, found in the same place.

pytest runs all of them, trial those that are TestCases. Both import this module first, so the
profiles of hypothesis are chosen here: `ASSA_REQUIRE=1` asks for the thorough one, unless
`ASSA_EXAMPLES=quick` says otherwise.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline for a single example: how long one takes says more about the machine than the code.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile(
    "thorough",
    max_examples=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
_WANTED = "thorough" if os.environ.get("ASSA_REQUIRE") == "1" else "quick"
settings.load_profile(os.environ.get("ASSA_EXAMPLES", _WANTED))
