from collections.abc import Iterator

import pytest

from socialsim.kernel import VirtualTimeLoop, new_loop


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    made = new_loop()
    yield made
    made.close()
