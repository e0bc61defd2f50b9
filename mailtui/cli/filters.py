"""What `--help` tells of the filter language."""

from __future__ import annotations

from mailtui.cli.options import Parser, examples

LANGUAGE = """\
filter language of --where:
  word (anywhere); side by side is AND; or, not or !, ( ); "text with blanks"
  field:text contains, field=text equals, field~regex; domain=.x has subdomains
  field>1h >= < <= = for numbers, ages 30s 5m 2h 1d, sizes 10K 2M, times 13:40
"""

QUEUE = """\
  fields: age attempts auth client directory domain from group held_by host id
          instance key nrcpt queue reason size state subject to
"""

LOG = """\
  fields: at auth client dsn event from host id program relay result text to
"""


def tell(parser: Parser, fields: str, *lines: str) -> None:
    """End a command's help with the language, the fields it knows, and examples."""
    parser.epilog = f"{LANGUAGE}{fields}\n{examples(*lines)}"
