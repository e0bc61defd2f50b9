# Has the root-owned helper answer one verb. Data: sudo, helper, verb, then what it reads for that. $acts is set by what
# stands in front of this: the verb is data, so without it only those pass that change nothing.
# A refused sudo mails root, so it is asked first whether it would run it (status 2: no).
input sudo && input helper && input verb || exit 64
case $verb in
dirs | sweep | read | readall | show | vault) ;;
*) [ "$acts" ] || exit 64 ;;
esac
"$sudo" -n -l "$helper" >/dev/null 2>&1 || exit 2
{
  printf '%s\n' "$verb" "$MARK"
  inputs
} | "$sudo" -n "$helper"
