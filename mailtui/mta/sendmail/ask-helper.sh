# Has the root-owned helper answer one verb of the engine. Data: sudo, helper, verb, then ids.
# A refused sudo mails root, so it is asked first whether it would run it (status 2: no).
input sudo && input helper && input verb || exit 64
"$sudo" -n -l "$helper" >/dev/null 2>&1 || exit 2
{
  printf '%s\n' "$verb" "$MARK"
  inputs
} | "$sudo" -n "$helper"
