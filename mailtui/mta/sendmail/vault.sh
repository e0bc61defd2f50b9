# Sets messages aside and brings them back: the vault, one directory of root's beside the queues. Part of act.sh.
#
# A message is set aside by renames alone, under the mail server's own lock, so that inode, owner, mode and times stay:
# first what was planned is written down and synced (a manifest), then the control file goes, then its data. So at any
# moment a message is in the queue or in the vault with all that it needs, and the manifest tells which. Back they come
# the other way round: the data first, the control file last, for a control file without its data would be delivered
# empty. flock(2) and fcntl locks are both taken, for which of them Sendmail honours is chosen when it is built.

# Gives 127, having read and said nothing, where there is no perl that can do it.
queue_vault() {
  command -v perl >/dev/null 2>&1 || return 127
  perl -e '
    use strict;
    BEGIN {
      $| = 0;
      # A batch of a big delete spends a sixth of its time on modules. So names are not imported, errors have numbers
      # (those of every Unix) in the place of Errno, and what IO and Digest::SHA want for words of theirs stays out.
      $INC{"$_.pm"} ||= 1 for "warnings", "warnings/register", "Carp";
      eval { require Fcntl; require IO; 1 } or exit 127;
    }
    binmode STDIN;
    binmode STDOUT;
    my ($verb, $files) = @ARGV;
    my $mark = $ENV{MARK};
    my $name = ".mailtui-undo";
    my ($enoent, $eexist, $einval) = (2, 17, 22);
    my $cut = "the order came only in part: the link was lost";
    my $plain_open = Fcntl::O_NONBLOCK() | (eval { Fcntl::O_NOFOLLOW() } || 0);
    my $make_new = Fcntl::O_WRONLY() | Fcntl::O_CREAT() | Fcntl::O_EXCL();
    my $lock_now = Fcntl::LOCK_EX() | Fcntl::LOCK_NB();
    my (%o, @configured, @dirs, %dirs, @handles, @held, $record, $moving);

    sub emit {
      my ($head, $body) = @_;
      $body = "" if !defined $body;
      print "$mark =", length $body, " $head\n", $body, "\n";
    }

    sub did { my ($number, $code, $word) = @_; emit("did $number $code", $word) }

    sub refuse { emit("refused", $_[0]); exit 0 }

    sub plain { my ($text) = @_; $text =~ s/[^ -~]/?/g; return substr $text, 0, 200 }

    # --- directories ---------------------------------------------------------------------------------------------

    sub expand {
      my ($path) = @_;
      my ($parent, $prefix) = $path =~ m{^(/.*)/([^/]*)\*$}s or return $path;
      opendir my $handle, "$parent/" or return;
      return map { "$parent/$_" } grep { /^\Q$prefix\E/ && !/^\./ && -d "$parent/$_" } sort readdir $handle;
    }

    # Where a vault may lie: beside the queue directory, else, where that is a file system of its own, in it. Never where
    # a pattern of the configuration would take it for a queue.
    sub place_of {
      my ($dir) = @_;
      return $dir->{place} if defined $dir->{place};
      my %devices = map { $_ => 1 } map { (stat $_)[0] } grep { -d } @$dir{"qf", "df", "xf"};
      die "control and data files lie on different file systems, so they cannot be set aside by renaming\n" if keys %devices != 1;
      my ($parent) = $dir->{top} =~ m{^(.*)/[^/]+$}s;
      for my $base ($parent eq "" ? "/" : $parent, $dir->{top}) {
        next if !$devices{(stat $base)[0]} || grep { matches($_->[2], $base) } @configured;
        return $dir->{place} = "$base/$name";
      }
      die "every place on the file system of $dir->{top} is one where sendmail would look for queues\n";
    }

    sub matches {
      my ($path, $base) = @_;
      my ($parent, $prefix) = $path =~ m{^(/.*)/([^/]*)\*$}s or return $path eq "$base/$name";
      return $parent eq $base && $name =~ /^\Q$prefix\E/;
    }

    sub own_directory {
      my ($path, $make) = @_;
      if ($make && !mkdir($path, 0700) && $! != $eexist) { die "$path cannot be made: $!\n" }
      my @stat = lstat $path or return 0;
      die "$path is no directory of ours\n" if !-d _ || -l _ || $stat[4] != $> || $stat[2] & 077;
      return 1;
    }

    sub sync_path {
      my ($path) = @_;
      open my $handle, "<", $path or die "$path cannot be synced: $!\n";
      IO::Handle::sync($handle) or $! == $einval or die "$path cannot be synced: $!\n";
    }

    # --- locks ---------------------------------------------------------------------------------------------------

    sub lock_record {
      my $type = Fcntl::F_WRLCK();
      return pack "s s x4 q q i x4", $type, 0, 0, 0, 0 if $^O eq "linux" && length pack("p", "") == 8;
      return pack "q q i s s i", 0, 0, 0, $type, 0, 0 if $^O =~ /^(?:freebsd|darwin|dragonfly)$/;
      return pack "q q i s s", 0, 0, 0, $type, 0 if $^O =~ /^(?:openbsd|netbsd)$/;
      return undef;
    }

    # Takes both kinds of lock or neither; the file is never made and never opened a second time while they are held.
    sub locked {
      my ($handle) = @_;
      $record = lock_record() if !defined $record;
      die "fcntl locks cannot be taken from here on $^O\n" if !defined $record && !$o{flockonly};
      return flock($handle, $lock_now) && (!defined $record || fcntl($handle, Fcntl::F_SETLK(), $record));
    }

    # Takes the lock of a set, or does not; nobody waits for whoever acts on it. But who lists sets takes their locks for a
    # moment, to see whether they are taken, so it is tried again.
    sub lock_soon {
      my ($handle, $how) = @_;
      for my $left (2, 1, 0) {
        return 1 if flock $handle, $how | Fcntl::LOCK_NB();
        select undef, undef, undef, 0.05 if $left;
      }
      return 0;
    }

    # --- delete --------------------------------------------------------------------------------------------------

    # Gives what is kept of a file: path, name, size, what its manifest says of it, its content where that was read. The
    # SHA-256 comes behind them.
    sub entry {
      my ($folder, $file, $s, $content) = @_;
      my $numbers = sprintf "%d %d %d %o %d %d", @$s[1, 4, 5], $s->[2] & 07777, @$s[9, 7];
      return ["$folder/$file", $file, $s->[7], $numbers, $content];
    }

    sub digest {
      my @files = @_;
      if (eval { require Digest::SHA; 1 }) {
        for my $file (@files) {
          my ($path, undef, $size, undef, $content) = @$file;
          if (defined $content) { $file->[5] = Digest::SHA::sha256_hex($content); next }
          open my $handle, "<:raw", $path or next;
          # nearly all are small, and one reading does
          my $read = $size < 65536 ? sysread $handle, $content, $size + 1 : undef;
          if (defined $read && $read == $size) { $file->[5] = Digest::SHA::sha256_hex($content); next }
          my $sum = Digest::SHA->new(256);
          sysseek $handle, 0, 0;
          $sum->add($content) while $read = sysread $handle, $content, 65536;
          $file->[5] = $sum->hexdigest if defined $read;
        }
        return;
      }
      my %named = map { $_->[0] => $_ } @files;
      for my $command (["sha256sum"], ["shasum", "-a", "256"], ["sha256", "-r"]) {
        open my $pipe, "-|", @$command, keys %named or next;
        while (<$pipe>) { $named{$2}[5] = $1 if /^([0-9a-f]{64})[ *]+(.*)$/ && $named{$2} }
        return if close $pipe;
      }
    }

    sub data_file {
      my ($dir, $id) = @_;
      for my $each ($dir, @dirs) {
        next if $each->{queue} ne $dir->{queue};
        my @stat = lstat "$each->{df}/df$id";
        return entry($each->{df}, "df$id", \@stat) if @stat && -f _;
      }
      return undef;
    }

    # Opens and locks one message and holds it against what was seen; gives what to move, or nothing and says why. What
    # it opens stays open with the rest: to close any descriptor of a file ends our fcntl lock on it.
    sub take {
      my ($number, $queue, $letter, $id, $path, $print) = @_;
      return did($number, "denied", "no queue id") if $id !~ /^[0-9A-Za-z]{12,20}$/ || $letter !~ /^[qhQ]$/;
      my $dir = $dirs{"$queue $path"} or return did($number, "denied", "no queue directory of this host");
      my $file = "${letter}f$id";
      my $control = "$dir->{qf}/$file";
      my $handle;
      if (!sysopen $handle, $control, Fcntl::O_RDWR() | $plain_open) {
        return did($number, "denied", "$!") if $! != $enoent;
        my $other = grep { -e "$dir->{qf}/${_}f$id" } "q", "h", "Q";
        return did($number, $other ? ("changed", "it is in another state now") : ("gone", "it has left the queue"));
      }
      push @handles, $handle;
      return did($number, "in-delivery", "it is being delivered now") if !locked($handle);
      my @opened = stat $handle;
      my @named = lstat $control;
      return did($number, "changed", "it was rewritten at this moment")
        if !@named || $opened[0] != $named[0] || $opened[1] != $named[1] || $opened[3] != 1 || !-f _;
      my $content = "";
      sysread $handle, $content, $opened[7] + 1;
      my ($created) = $content =~ /^(T[^\n]*)/m;
      my ($sender) = $content =~ /^(S[^\n]*)/m;
      return did($number, "changed", "its id belongs to another message now")
        if !defined $created || !defined $sender || "$created $sender" ne $print;
      my $data = data_file($dir, $id);
      return did($number, "changed", "it has no data file, so there is no whole message to set aside") if !defined $data;
      my @files = (entry($dir->{qf}, $file, \@named, $content), $data);
      push @files, entry($dir->{xf}, "xf$id", [lstat "$dir->{xf}/xf$id"]) if -f "$dir->{xf}/xf$id";
      return { number => $number, id => $id, letter => $letter, dir => $dir, files => \@files, device => $named[0] };
    }

    sub size_below {
      my ($path) = @_;
      my $sum = 0;
      opendir my $handle, $path or return 0;
      for (readdir $handle) {
        next if $_ eq "." || $_ eq "..";
        my @stat = lstat "$path/$_" or next;
        $sum += -d _ ? size_below("$path/$_") : $stat[7];
      }
      return $sum;
    }

    # Gives what a vault holds in bytes, and what is free beside it in blocks of 1024. One delete asks for it again and
    # again, so its batches keep count in its set; what others write or destroy meanwhile is missed for a minute. What
    # is free stands in a line of its own: who looks for one number finds it in the first.
    sub room_in {
      my ($place) = @_;
      my ($sum, $free);
      my @stat = stat "$place/$o{undo}/used";
      if (@stat && abs(time - $stat[9]) <= 60 && open my $handle, "<", "$place/$o{undo}/used") {
        ($sum, $free) = map { defined $_ && /^([0-9]+)$/ ? $1 : undef } scalar <$handle>, scalar <$handle>;
      }
      my ($base) = $place =~ m{^(.*)/}s;
      return (defined $sum ? $sum : size_below($place), defined $free ? $free : free_below($base eq "" ? "/" : $base));
    }

    # Adds to the count of a set, whatever other batches of it have added since it was read.
    sub note_room {
      my ($set, $room, $added) = @_;
      sysopen my $handle, "$set/used", Fcntl::O_RDWR() | Fcntl::O_CREAT(), 0600 or return;
      flock $handle, Fcntl::LOCK_EX() or return;
      my $began = (stat $handle)[9];
      my $known = abs(time - $began) <= 60 && (<$handle> || "") =~ /^([0-9]+)$/;
      $room->[0] = $1 + $added if $known;
      seek $handle, 0, 0;
      print $handle "$room->[0]\n", defined $room->[1] ? "$room->[1]\n" : "";
      IO::Handle::flush($handle);
      truncate $handle, tell $handle;  # not before: who reads it meanwhile must not find it empty
      utime $began, $began, "$set/used" if $known;  # as old as the count it began with
    }

    sub free_below {
      my ($path) = @_;
      open my $pipe, "-|", "df", "-Pk", $path or return undef;
      my @lines = <$pipe>;
      return (split " ", $lines[-1] || "")[3];
    }

    # Holds a set, with other batches of its delete, against an undo: that would see control files moved and data files
    # not yet, and put the ones back as the others go.
    sub shared {
      my ($set) = @_;
      sysopen my $lock, "$set/lock", Fcntl::O_RDWR() | Fcntl::O_CREAT(), 0600 or die "$set cannot be written: $!\n";
      return undef if !lock_soon($lock, Fcntl::LOCK_SH());
      my ($ours, $there) = ((stat $lock)[1], (stat "$set/lock")[1]);
      return defined $there && $ours == $there ? $lock : undef;  # else an undo that emptied the set took it away
    }

    sub set_aside {
      my ($place, @messages) = @_;
      own_directory($place, 1);
      die "$place lies on another file system than the queue\n" if (stat $place)[0] != $messages[0]{device};
      my $set = "$place/$o{undo}";
      own_directory($set, 1);
      push @held, shared($set) || die "somebody else is undoing or purging this delete\n";
      if (!-e "$set/manifest.0") {  # before that one was written they were synced
        my ($base) = $place =~ m{^(.*)/}s;
        sync_path($_) for $base eq "" ? "/" : $base, $place;
      }
      digest(map { @{$_->{files}} } @messages);
      my $batch = -1;
      my ($manifest, %aside);
      while (1) {  # a number that no other batch of this set has taken, may it run at the same time
        next if -e "$set/manifest." . ++$batch;
        my $new = "$set/manifest.$batch.new";
        if (!sysopen $manifest, $new, $make_new, 0600) {
          die "$set cannot be written: $!\n" if $! != $eexist;
        } elsif (-e "$set/manifest.$batch") {
          unlink $new;
        } else {
          last;
        }
      }
      my $text = "mailtui-undo 1\nundo $o{undo}\nat " . time . "\nuntil " . (time + $o{keep}) . "\nby $o{by}\nreason $o{reason}\n";
      for my $message (@messages) {
        my $dir = $message->{dir};
        my $aside = $message->{aside} = $aside{$dir->{top}} ||= "$set/$batch." . keys %aside;
        $text .= "item $message->{letter} $message->{id} $dir->{queue} " . substr($aside, length($set) + 1) . " $dir->{top}\n";
        $text .= "file " . ($_->[5] || "-") . " $_->[3] $_->[0]\n" for @{$message->{files}};
      }
      own_directory($_, 1) for values %aside;
      print $manifest $text or die "$set cannot be written: $!\n";
      IO::Handle::flush($manifest) && IO::Handle::sync($manifest) && close $manifest or die "$set cannot be written: $!\n";
      rename "$set/manifest.$batch.new", "$set/manifest.$batch" or die "$set cannot be written: $!\n";
      sync_path($set);

      $moving = 1;
      my @moved;
      for my $message (@messages) {
        my ($path, $file) = @{$message->{files}[0]};
        if (rename $path, "$message->{aside}/$file") { push @moved, $message }
        else { did($message->{number}, "failed", "it could not be moved: $!") }
      }
      sync_path($_) for values %aside, keys %{{map { $_->{dir}{qf} => 1 } @moved}};
      for my $message (@moved) {
        my ($control, @others) = @{$message->{files}};
        for (@others) {
          my ($path, $file) = @$_;
          next if rename $path, "$message->{aside}/$file";
          $message->{word} = "its " . substr($file, 0, 2) . " stayed behind: $!";
        }
      }
      my %behind = map { $_->[0] =~ m{^(.*)/}s ? ($1 => 1) : () } map { @{$_->{files}}[1 .. $#{$_->{files}}] } @moved;
      sync_path($_) for values %aside, keys %behind;
      did($_->{number}, "moved", $_->{word}) for grep { defined $_->{word} } @moved;
      $moving = 0;
      emit("all moved", join " ", map { $_->{number} } grep { !defined $_->{word} } @moved);
    }

    sub delete_messages {
      my @targets;
      while (defined(my $line = <STDIN>)) {
        chomp $line;
        defined(my $print = <STDIN>) or last;
        chomp $print or last;  # else it is cut
        push @targets, [scalar @targets, split(/ /, $line, 4), $print];
      }
      refuse($cut) if $o{count} ne "" && $o{count} ne scalar @targets;
      # Held to our end, and from here on where the set is there: who lists it knows that more of it may still go.
      push @held, grep { $_ } map { eval { shared($_) } } grep { -e "$_/lock" } map { "$_/$o{undo}" } places();
      my %room;
      my $most = $files eq "unlimited" || $files >= 700 ? 500 : 100;  # each is open while it is locked
      while (my @chunk = splice @targets, 0, $most) {
        my %by_place;
        for (@chunk) {
          my $message = take(@$_);
          next if ref $message ne "HASH";
          my $place = eval { place_of($message->{dir}) };
          if (!defined $place) { chomp(my $why = $@); did($message->{number}, "denied", $why); next }
          push @{$by_place{$place}}, $message;
        }
        for my $place (sort keys %by_place) {
          my @messages = @{$by_place{$place}};
          eval {
            my $room = $room{$place} ||= [room_in($place)];
            my $added = 0;
            $added += $_->[2] for map { @{$_->{files}} } @messages;
            $room->[0] += $added;
            my ($base) = $place =~ m{^(.*)/}s;
            die "the vault would hold more than a tenth of the free space of $base; make room: mailtui undo purge --expired\n"
              if defined $room->[1] && $room->[0] > $room->[1] * 1024 / 10;
            set_aside($place, @messages);
            note_room("$place/$o{undo}", $room, $added);
            1;
          } or do {
            chomp(my $why = $@);
            die "$why\n" if $moving;  # what is not told of is unknown: some of it is aside, and nothing more is begun
            did($_->{number}, "denied", $why) for @messages;
          };
        }
        @handles = ();
      }
    }

    # --- what the vault holds ------------------------------------------------------------------------------------

    sub places {
      my %found;
      for my $dir (@dirs) {
        my ($parent) = $dir->{top} =~ m{^(.*)/[^/]+$}s;
        $found{$_} = 1 for grep { eval { own_directory($_) } } "$parent/$name", "$dir->{top}/$name";
      }
      return sort keys %found;
    }

    sub sets {
      my @found;
      for my $place (places()) {
        opendir my $handle, $place or next;
        push @found, map { "$place/$_" } grep { /^u-[0-9A-Za-z-]{8,40}$/ } sort readdir $handle;
      }
      return @found;
    }

    sub manifests {
      my ($set) = @_;
      opendir my $handle, $set or return;
      return map { read_manifest("$set/$_") } sort { $a cmp $b } grep { /^manifest\.[0-9]+$/ } readdir $handle;
    }

    sub read_manifest {
      my ($path) = @_;
      my ($set) = $path =~ m{^(.*)/}s;
      open my $handle, "<", $path or return;
      binmode $handle;
      my %manifest = (path => $path, items => []);
      chomp(my $first = <$handle> || "");
      return if $first ne "mailtui-undo 1";
      while (<$handle>) {
        chomp;
        if (/^item ([qhQ]) ([0-9A-Za-z]{12,20}) (\S+) ([0-9]+\.[0-9]+) (\/.*)$/) {
          push @{$manifest{items}}, { letter => $1, id => $2, queue => $3, aside => "$set/$4", top => $5, files => [] };
        } elsif (/^file (\S+) ([0-9]+) [0-9]+ [0-9]+ [0-7]+ [0-9]+ [0-9]+ (\/.*)$/ && @{$manifest{items}}) {
          my ($digest, $inode, $file) = ($1, $2, $3);
          my $aside = "$manifest{items}[-1]{aside}/" . substr $file, rindex($file, "/") + 1;
          push @{$manifest{items}[-1]{files}}, { digest => $digest, inode => $inode, path => $file, aside => $aside };
        } elsif (/^(undo|at|until|by|reason) (.*)$/) {
          $manifest{$1} = $2;
        }
      }
      return \%manifest;
    }

    sub state_of {
      my ($item) = @_;
      my ($control, $data) = @{$item->{files}};
      my $aside = -e $data->{aside};
      return $aside ? "half" : "queued" if !-e $control->{aside};
      return $aside ? "kept" : -e $data->{path} ? "half" : "broken";
    }

    # Tells whether somebody acts on a set; makes nothing, and holds nothing up for long.
    sub busy {
      my ($set) = @_;
      sysopen my $lock, "$set/lock", Fcntl::O_RDWR() | $plain_open or return 0;
      return !lock_soon($lock, Fcntl::LOCK_EX());
    }

    sub describe {
      for my $set (sets()) {
        # first whether it is busy, then what it holds: where it is not, that is what has become of it
        my $busy = busy($set);
        my @manifests = manifests($set);
        my $id = substr $set, rindex($set, "/") + 1;
        emit("busy $id") if $busy;
        if ($busy && !@manifests) {  # begun, but nothing is written down yet
          my $at = (stat "$set/lock")[9] || time;
          emit("set $id $at " . ($at + 604800), "by \nreason \n");
        }
        for my $manifest (@manifests) {
          my $text = "by $manifest->{by}\nreason $manifest->{reason}\n";
          for my $item (@{$manifest->{items}}) {
            my $control = $item->{files}[0];
            my ($created, $sender) = ("-", undef);
            # in the queue of the client its group may have put a link or a pipe there
            my $from = -e $control->{aside} ? $control->{aside} : $control->{path};
            if (sysopen my $handle, $from, Fcntl::O_RDONLY() | $plain_open) {
              binmode $handle;
              while (<$handle>) {
                $created = $1 if /^T([0-9]+)/;
                if (/^S([^\n]*)/) { $sender = $1; last }
              }
            }
            my $state = state_of($item);
            $text .= "item $state $item->{letter} $item->{id} $item->{queue} $created $item->{top}\n";
            $text .= "from $sender\n" if defined $sender;
          }
          emit("set $manifest->{undo} $manifest->{at} $manifest->{until}", $text);
        }
      }
    }

    # --- undo ----------------------------------------------------------------------------------------------------

    sub back { my ($item, $code, $word) = @_; emit("back $code", "$item->{id} $item->{top}\n" . (defined $word ? $word : "")) }

    # One undo or purge of a set at a time, and none while its delete goes on; none waits.
    sub with_set {
      my ($set, $work) = @_;
      sysopen my $lock, "$set/lock", Fcntl::O_RDWR() | Fcntl::O_CREAT(), 0600 or return 0;
      return 0 if !lock_soon($lock, Fcntl::LOCK_EX());
      $work->();
      return 1;
    }

    sub bring_back {
      my ($set) = @_;
      for my $manifest (manifests($set)) {
        my %touched;
        my @ready;
        for my $item (@{$manifest->{items}}) {
          my ($control, @others) = @{$item->{files}};
          my $dir = $dirs{"$item->{queue} $item->{top}"};
          if (!$dir) { back($item, "denied", "its directory is no queue directory of this host any more"); next }
          if (!-e $control->{aside} && !-e $others[0]{aside}) { back($item, "restored", "it was back already, or never left"); next }
          my ($qf) = $control->{path} =~ m{^(.*)/}s;
          if (grep { -e "$qf/${_}f$item->{id}" && -e $control->{aside} } "q", "h", "Q") {
            back($item, "changed", "another message has its id now");
            next;
          }
          if (!-e $others[0]{aside} && !-e $others[0]{path}) { back($item, "failed", "its data file is nowhere; its control file stays aside"); next }
          my $word;
          for (grep { -e $_->{aside} } @others) {
            $word = -e $_->{path} ? "$_->{path} is there already" : rename($_->{aside}, $_->{path}) ? next : "$!";
            last;
          }
          if (defined $word) { back($item, "failed", $word); next }
          $touched{$_} = 1 for map { m{^(.*)/}s } map { $_->{path} } @others;
          push @ready, $item;
        }
        sync_path($_) for keys %touched;
        %touched = ();
        for my $item (@ready) {
          my ($control) = @{$item->{files}};
          my ($folder) = $control->{path} =~ m{^(.*)/}s;
          $touched{$folder} = 1;
          my $done = !-e $control->{aside} || ($o{held} && $item->{letter} eq "q" ? hold_back($item, $control) : rename $control->{aside}, $control->{path});
          back($item, $done ? "restored" : "failed", $done ? undef : "$!");
        }
        sync_path($_) for keys %touched;
        clear($set, $manifest);
      }
      empty($set);
    }

    # Gives a message back as held: its control file is written anew with a reason, as sendmail would have it.
    sub hold_back {
      my ($item, $control) = @_;
      open my $handle, "<", $control->{aside} or return 0;
      binmode $handle;
      my $content = do { local $/; <$handle> };
      my @stat = stat $handle;
      my $reason = $o{reason} || "restored as held";
      $content =~ s/\n/\nq$reason\n/;
      my $new = "$item->{aside}/hf$item->{id}";
      unlink $new;
      sysopen my $out, $new, $make_new, 0600 or return 0;
      binmode $out;
      print $out $content and chown $stat[4], $stat[5], $new and chmod $stat[2] & 07777, $new and IO::Handle::flush($out) and IO::Handle::sync($out) and close $out or return 0;
      my ($folder) = $control->{path} =~ m{^(.*)/}s;
      rename $new, "$folder/hf$item->{id}" or return 0;
      return unlink $control->{aside};
    }

    # Forgets a manifest of which nothing is aside any more.
    sub clear {
      my ($set, $manifest) = @_;
      return if grep { -e $_->{aside} } map { @{$_->{files}} } @{$manifest->{items}};
      unlink $manifest->{path};
      rmdir $_ for keys %{{map { $_->{aside} => 1 } @{$manifest->{items}}}};
    }

    # Removes a set that holds nothing any more but what is ours, or is left of a delete that was killed as it began.
    sub empty {
      my ($set) = @_;
      opendir my $handle, $set or return;
      my @names = grep { !/^\.\.?$/ } readdir $handle;
      return if grep { !/^(?:lock|used|manifest\.[0-9]+\.new|[0-9]+\.[0-9]+)$/ } @names;
      for (grep { -d } map { "$set/$_" } @names) { rmdir $_ or return }
      unlink "$set/$_" for grep { !/^[0-9]/ } @names;
      rmdir $set;
    }

    # --- purge ---------------------------------------------------------------------------------------------------

    sub purge {
      my ($set) = @_;
      for my $manifest (manifests($set)) {
        for my $item (@{$manifest->{items}}) { unlink map { $_->{aside} } reverse @{$item->{files}} }
        clear($set, $manifest);
      }
      empty($set);
      emit("purged " . substr $set, rindex($set, "/") + 1) if !-e $set;
    }

    # --- go ------------------------------------------------------------------------------------------------------

    %o = (keep => 604800, by => "", reason => "", undo => "", held => "", expired => "", count => "");
    my $whole;
    while (defined(my $line = <STDIN>)) {
      chomp $line;
      last if $whole = $line eq ".";
      if ($line =~ /^O (\w+) (.*)$/) { $o{$1} = plain($2) }
      elsif ($line =~ /^D (\S+) (\S+) (\/.*)$/) { push @configured, [$1, $2, $3] }
    }
    refuse($cut) if !$whole;
    $o{keep} = 604800 if $o{keep} !~ /^[0-9]{1,9}$/;
    for (@configured) {
      my ($queue, $group, $path) = @$_;
      for my $top (expand($path)) {
        next if $dirs{"$queue $top"} || grep { $_->{top} eq $top } @dirs;
        my %dir = (top => $top, queue => $queue);
        ($dir{qf}, $dir{df}, $dir{xf}) = map { -d "$top/$_" ? "$top/$_" : $top } "qf", "df", "xf";
        push @dirs, $dirs{"$queue $top"} = \%dir;
      }
    }
    umask 077;
    if ($verb eq "vault") { describe(); exit 0 }
    if ($verb eq "delete") {
      refuse("it has no undo id") if $o{undo} !~ /^u-[0-9A-Za-z-]{8,40}$/;
      delete_messages();
      exit 0;
    }
    my %wanted = map { chomp; $_ => 1 } <STDIN>;
    for my $set (sets()) {
      my $id = substr $set, rindex($set, "/") + 1;
      my ($first) = manifests($set);
      # a delete that was killed before it had written anything down may have left it
      if ($verb eq "purge" && !$wanted{$id} && !$first && ((stat $set)[9] || 0) < time - 3600) { with_set($set, sub { empty($set) }); next }
      next if !$wanted{$id} && !($verb eq "purge" && $o{expired} && $first && $first->{until} < time);
      with_set($set, sub { $verb eq "undo" ? bring_back($set) : purge($set) }) or emit("busy $id", "somebody else is at it");
    }
  ' "$@"
}
