"""What the tests of data share."""

import pytest
from absl import logging


@pytest.fixture
def said(monkeypatch):
    """The warnings that were logged, in order."""
    lines = []
    monkeypatch.setattr(logging, "warning", lambda message, *args: lines.append(message % args))
    return lines
