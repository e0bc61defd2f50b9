"""Parsers that know no mail server: lines, syslog heads, /proc."""
