"""Short clips are joined to items of speech."""

from __future__ import annotations

import numpy as np
from stapes.tools.corpus.decode import RATE
from stapes.tools.corpus.join import Clip, generator, join, sequence


class TestJoin:
    clips = tuple(Clip(str(i), np.full(RATE * (1 + i % 4), 0.1, np.float32)) for i in range(30))

    def test_every_clip_is_used_once_and_items_are_long_enough(self) -> None:
        items = join(list(self.clips), (0.15, 0.3), 10.0, generator(0))
        assert sorted(source for sources, _ in items for source in sources) == sorted(c.source for c in self.clips)
        assert all(len(audio) >= 10 * RATE for _, audio in items[:-1])

    def test_pauses_last_150_to_300_milliseconds(self) -> None:
        _, audio = join(list(self.clips[:12]), (0.15, 0.3), 1000.0, generator(0))[0]
        edges = np.flatnonzero(np.diff(np.concatenate([[1], audio != 0, [1]]).astype(int)))
        pauses = np.diff(edges)[::2] / RATE
        assert len(pauses) == 11
        assert 0.15 <= pauses.min() < pauses.max() <= 0.3

    def test_the_seed_decides_the_order(self) -> None:
        first, again, other = (
            [s for s, _ in join(list(self.clips), (0.15, 0.3), 10.0, generator(x))] for x in (1, 1, 2)
        )
        assert first == again != other

    def test_a_sequence_fills_its_length(self) -> None:
        sources, audio = sequence(list(self.clips[:3]), (0.0, 0.1), 20.0, generator(0))
        assert sources == ["0", "1", "2"]
        assert len(audio) >= 20 * RATE
