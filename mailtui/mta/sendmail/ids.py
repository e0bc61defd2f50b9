"""Sendmail's queue ids: which may be sent to a host."""

from __future__ import annotations

import re
from typing import Final

ID: Final = re.compile(r"[0-9A-Za-z]{12,20}")
"""Matches a whole queue id; what does not match is never sent anywhere."""
