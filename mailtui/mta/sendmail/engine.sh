# Reads queue directories; stands in front of queue.sh and inside the helper, so both give the same answers.
#
# queue_engine's standard input: the verb; a line `D QUEUE GROUP PATH` for each configured directory (PATH may end in
# `*`), a line `.`; then, for `read` and `show`, ids. Its output, all framed by $MARK (which is in the environment):
#   dir I QUEUE GROUP STATE QF-MTIME DF-MTIME NOW   body: the directory; STATE: ok, denied or gone; NOW: before it was read
#   names I        lines `NAME INODE MTIME SIZE`: control files (qf hf Qf) and at least the df without one
#   rows I         records `NAME INODE MTIME DF-SIZE LENGTH` newline, LENGTH bytes: control files without other headers
#                  than Subject and Message-Id; DF-SIZE is -1 where there is no df
#   rec I NAME     (without perl) one control file likewise; `names` has the rest
#   files I        (show) lines `SIZE MODE MTIME PATH`: each file of the messages asked for, MODE in octal
#   end I UNREAD ODD    control files that could not be read; files whose name only begins like one
# Verbs: dirs (states and times alone), sweep (and names), readall, read, show (read with all headers). Nothing is ever locked, written or executed.
# With CAREFUL=1 nothing is shown of a file that does not begin as a control file does: somebody may have linked it.

queue_engine() {
  # What the login sets there could change how files are read, or what runs as root.
  unset PERL5OPT PERL5LIB PERLLIB PERL5DB PERL_UNICODE PERLIO
  if perl -MFcntl -e 1 >/dev/null 2>&1; then queue_perl; else queue_sh; fi
}

queue_perl() {
  perl -e '
    use strict;
    use Fcntl;
    binmode STDIN;
    binmode STDOUT;
    my ($mark, $careful) = @ENV{"MARK", "CAREFUL"};
    my $open = O_RDONLY | O_NONBLOCK | (eval { O_NOFOLLOW() } || 0);
    my ($verb, @dirs, %seen, %shut, %control);

    # Writes a record at once: through the buffer of `print` it would go out in pieces of 8 KiB.
    sub emit {
      my ($head, $body) = @_;
      my $record = "$mark =" . length($body) . " $head\n$body\n";
      for (my $at = 0; $at < length $record;) {
        my $wrote = syswrite STDOUT, $record, length($record) - $at, $at;
        if (defined $wrote) { $at += $wrote } elsif ($! != 4) { exit 1 }  # 4: interrupted
      }
    }

    # A configured path is one directory, or all whose names begin with what stands before its star. Where nobody may
    # list what lies there, that is noted: to find nothing would not mean that there is nothing.
    sub expand {
      my ($path) = @_;
      my ($parent, $prefix) = $path =~ m{^(.*)/([^/]*)\*$}s or return $path;
      my $handle;
      if (!opendir $handle, "$parent/") { $shut{$path} = $! != 2; return $path }
      my @found = grep { /^\Q$prefix\E/ && !/^\./ && -d "$parent/$_" } sort readdir $handle;
      return @found ? map { "$parent/$_" } @found : $path;
    }

    # Reads which files there are; what a big queue makes long is left to `sort_out`, so that its rows can go out first.
    sub scan {
      my ($dir) = @_;
      for my $path ($dir->{qf} eq $dir->{df} ? $dir->{qf} : ($dir->{qf}, $dir->{df})) {
        opendir my $handle, $path or next;
        my @found = readdir $handle;
        push @{$dir->{found}}, \@found;
        @{$dir->{names}} = grep { /^[qhQ]f[0-9A-Za-z]{1,64}$/ } @found if $path eq $dir->{qf};
      }
    }

    sub sort_out {
      my ($dir) = @_;
      my $ids = $control{$dir->{queue}} ||= {};
      @$ids{map { substr $_, 2 } @{$dir->{names}}} = ();
    }

    # Control files, and data files that one goes with, share an id: what is left is looked at more closely.
    sub list {
      my ($dir, $all) = @_;
      my $ids = $control{$dir->{queue}};
      my @left = map { [grep { !exists $ids->{substr $_, 2} } @$_] } @{$dir->{found}};
      $dir->{odd} = grep { /^[qhQ]f/ } @{$left[0]};
      my $text = "";
      for my $path ($all ? map { "$dir->{qf}/$_" } @{$dir->{names}} : (),
                    map { "$dir->{df}/$_" } grep { /^df[0-9A-Za-z]{1,64}$/ } map { @$_ } @left) {
        my @stat = lstat $path or next;
        $text .= substr($path, rindex($path, "/") + 1) . " $stat[1] $stat[9] $stat[7]\n" if -f _;
      }
      emit("names $dir->{number}", $text);
    }

    sub other_size {
      my ($dir, $id) = @_;
      for (grep { $_ != $dir && $_->{queue} eq $dir->{queue} } @dirs) {
        return -s _ || 0 if lstat "$_->{df}/df$id";
      }
      return -1;
    }

    # Leaves Subject and Message-Id of the headers, which stand last. In a whole file where both look as they nearly
    # always do, they are found without a regular expression.
    sub brief {
      my $at = index $_[0], "\nH";
      return if $at < 0;
      my $subject = index $_[0], "\nH??Subject:", $at;
      my $id = index $_[0], "\nH??Message-I", $at;
      if ($subject >= 0 && $id >= 0 && substr($_[0], -3) eq "\n.\n") {
        my $subject_end = index $_[0], "\nH", $subject + 2;
        my $id_end = index $_[0], "\nH", $id + 2;
        my $rest = substr $_[0], $id + 13, 2;
        if ($subject_end >= 0 && $id_end >= 0 && ($rest eq "D:" || $rest eq "d:")) {
          $_[0] = substr($_[0], 0, $at) . substr($_[0], $subject, $subject_end - $subject) .
            substr($_[0], $id, $id_end - $id) . "\n.\n";
          return;
        }
      }
      substr($_[0], $at) = join "", substr($_[0], $at) =~
        /\nH(?:\?[^?\n]*+\?)?+(?i:subject|message-id)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+|\n[^H \t\n][^\n]*+/g, "\n";
    }

    sub rows {
      my ($dir, @names) = @_;
      my ($text, $content, $file) = ("", "");
      my $df = $dir->{df} eq $dir->{qf} ? "df" : "$dir->{df}/df";
      chdir $dir->{qf} or return;
      my $brief = $verb ne "show";
      for my $name (@names) {
        if (!sysopen $file, $name, $open) { $dir->{unread}++ if $! != 2; next }
        my ($inode, $size, $changed) = (stat $file)[1, 7, 9];
        if (!-f _ || !defined sysread $file, $content, $size + 1) { $dir->{unread}++; next }
        $content = "" if $careful && $content !~ /^V[0-9]/;
        brief($content) if $brief;
        my $id = substr $name, 2;
        my $data = lstat "$df$id" ? -s _ || 0 : other_size($dir, $id);
        $text .= "$name $inode $changed $data " . length($content) . "\n" . $content;
        if (length $text > 262144) { emit("rows $dir->{number}", $text); $text = "" }
      }
      emit("rows $dir->{number}", $text);
    }
    sub files {
      my ($dir, @ids) = @_;
      my $xf = -d "$dir->{top}/xf" ? "$dir->{top}/xf" : $dir->{top};
      my $text = "";
      for my $id (@ids) {
        for my $path ((map { "$dir->{qf}/$_$id" } "qf", "hf", "Qf"), "$dir->{df}/df$id", "$xf/xf$id") {
          my @stat = lstat $path or next;
          $text .= sprintf "%d %o %d %s\n", $stat[7], $stat[2] & 07777, $stat[9], $path if -f _;
        }
      }
      emit("files $dir->{number}", $text);
    }

    chomp($verb = <STDIN>);
    while (defined(my $line = <STDIN>)) {
      chomp $line;
      last if $line eq ".";
      my ($tag, $queue, $group, $path) = split / /, $line, 4;
      for my $top (expand($path)) {
        next if $seen{$top}++;
        my %dir = (top => $top, queue => $queue, group => $group, number => scalar @dirs,
                   unread => 0, odd => 0, now => time, found => [], names => []);
        ($dir{qf}, $dir{df}) = map { -d "$top/$_" ? "$top/$_" : $top } "qf", "df";
        my @times = map { (stat $_)[9] || "-" } $dir{qf}, $dir{df};
        my $state = !opendir(my $handle, $dir{qf}) ? $! == 2 && !$shut{$top} ? "gone" : "denied" : -x $dir{qf} ? "ok" : "denied";
        $dir{state} = $state;
        push @dirs, \%dir;
        emit("dir $dir{number} $queue $group $state @times $dir{now}", $top);
      }
    }
    my @open = $verb eq "dirs" ? () : grep { $_->{state} eq "ok" } @dirs;
    my $some = $verb eq "read" || $verb eq "show";
    my @ids = $some ? grep { /^[0-9A-Za-z]{12,20}$/ } map { chomp; $_ } <STDIN> : ();
    if (!$some) { scan($_) for @open }
    if ($verb eq "readall") { rows($_, @{$_->{names}}) for @open }
    if (!$some) { sort_out($_) for @open }
    for my $dir (@open) {
      list($dir, $verb eq "sweep") if !$some;
      rows($dir, map { ("qf$_", "hf$_", "Qf$_") } @ids) if $some;
      files($dir, @ids) if $verb eq "show";
      emit("end $dir->{number} $dir->{unread} $dir->{odd}", "");
    }
  '
}

queue_sh() {
  read -r verb
  if stat -c %i / >/dev/null 2>&1; then
    option=-c format='%n %i %Y %s' time=%Y
  elif stat -f %i / >/dev/null 2>&1; then
    option=-f format='%N %i %m %z' time=%m
  else
    option=
  fi
  number=0 seen= dirs=
  while read -r tag queue group path && [ "$tag" != . ]; do
    case $path in
    *'*') set -- "${path%?}"* ;;
    *) set -- "$path" ;;
    esac
    for top; do
      case $path in *'*') [ -d "$top" ] || [ "$top" = "$path" ] || continue ;; esac
      case "$seen
" in *"
$top
"*) continue ;; esac
      seen="$seen
$top"
      queue_dir
      number=$((number + 1))
    done
  done
  [ "$verb" = dirs ] && return
  ids=
  case $verb in read | show) some=1 ;; *) some= ;; esac
  [ ! "$some" ] || while read -r id; do
    case $id in *[!0-9A-Za-z]*) continue ;; esac
    [ ${#id} -ge 12 ] && [ ${#id} -le 20 ] && ids="$ids $id"
  done
  printf %s "$dirs" | while read -r number top; do queue_files; done
}

# Tells the state of directory $top, and where its control and data files lie.
queue_dir() {
  qf=$top df=$top
  [ ! -d "$top/qf" ] || qf=$top/qf
  [ ! -d "$top/df" ] || df=$top/df
  now=$(date +%s) qf_time=- df_time=-
  if [ "$option" ]; then
    qf_time=$(stat $option $time "$qf" 2>/dev/null) || qf_time=-
    df_time=$(stat $option $time "$df" 2>/dev/null) || df_time=-
  fi
  if [ -d "$qf" ]; then
    if [ -r "$qf" ] && [ -x "$qf" ]; then state=ok; else state=denied; fi
  else
    parent=${top%/*}
    until [ -d "${parent:-/}" ]; do parent=${parent%/*}; done
    if [ -x "${parent:-/}" ]; then state=gone; else state=denied; fi
    # A pattern finds nothing where nobody may list what lies there.
    case $path in *'*') [ ! -d "${path%/*}/" ] || [ -r "${path%/*}/" ] || state=denied ;; esac
  fi
  printf '%s\n' "$MARK dir $number $queue $group $state $qf_time $df_time $now" "$top"
  [ $state != ok ] || dirs="$dirs$number $top
"
}

# Prints names, and the control files that the verb asks for, of directory $top.
queue_files() {
  qf=$top df=$top unread=0
  [ ! -d "$top/qf" ] || qf=$top/qf
  [ ! -d "$top/df" ] || df=$top/df
  printf '%s\n' "$MARK names $number"
  queue_names "$qf"
  [ "$df" = "$qf" ] || queue_names "$df"
  set --
  case $verb in
  readall)
    for file in "$qf"/[qhQ]f*; do
      queue_add "$file" && set -- "$@" "$file"
      [ $# -lt 200 ] || { queue_show "$@"; set --; }
    done
    ;;
  read | show)
    for id in $ids; do
      for file in "$qf/qf$id" "$qf/hf$id" "$qf/Qf$id"; do
        queue_add "$file" && set -- "$@" "$file"
      done
      [ $# -lt 200 ] || { queue_show "$@"; set --; }
    done
    ;;
  esac
  [ $# -eq 0 ] || queue_show "$@"
  [ "$verb" != show ] || queue_stat
  printf '%s\n' "$MARK end $number $unread 0"
}

# Prints size, mode, time and path of each file of the messages asked for, where the host has a stat command.
queue_stat() {
  case $option in -c) shape='%s %a %Y %n' ;; -f) shape='%z %Lp %m %N' ;; *) return ;; esac
  xf=$top
  [ ! -d "$top/xf" ] || xf=$top/xf
  printf '%s\n' "$MARK files $number"
  for id in $ids; do
    for file in "$qf/qf$id" "$qf/hf$id" "$qf/Qf$id" "$df/df$id" "$xf/xf$id"; do
      [ ! -f "$file" ] || [ -h "$file" ] || stat "$option" "$shape" "$file"
    done
  done 2>/dev/null
}

queue_names() {
  (
    cd "$1" || exit
    if [ "$option" ]; then
      find . ! -name . -prune -type f -name '[qhQd]f*' -exec stat "$option" "$format" {} +
    else
      find . ! -name . -prune -type f -name '[qhQd]f*' -exec ls -lind {} + | awk '{ print $NF, $1, 0, $6 }'
    fi
  ) 2>/dev/null | awk '{ sub(/^\.\//, "") } /^[qhQd]f[0-9A-Za-z]+ [0-9]+ [0-9]+ [0-9]+$/'
}

# Tells whether a control file is there and may be read; counts it where it may not.
queue_add() {
  [ -f "$1" ] && [ ! -h "$1" ] || return 1
  [ -r "$1" ] || { unread=$((unread + 1)); return 1; }
}

# Prints control files; a file that vanished may stop awk, then each is read by itself.
queue_show() {
  queue_awk "$@" 2>/dev/null || for file; do [ ! -r "$file" ] || queue_awk "$file" 2>/dev/null; done
}

queue_awk() {
  awk -v "number=$number" -v "verb=$verb" '
    FNR == 1 {
      parts = split(FILENAME, part, "/")
      print ENVIRON["MARK"] " rec " number " " part[parts]
      hide = ENVIRON["CAREFUL"] && !/^V[0-9]/
      skip = 0
    }
    /^H/ && verb != "show" { skip = tolower($0) !~ /^h([?][^?]*[?])?(subject|message-id)[ \t]*:/ }
    /^[^H \t]/ { skip = 0 }
    !skip && !hide { print }
  ' "$@"
}
