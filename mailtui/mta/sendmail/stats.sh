# Samples service and resources until it is ended. Data: interval, how many samples lie between two slow readings and
# between two countings of the queue, spool directory, PidFile, ControlSocketName, perl, users that Sendmail runs as
# besides root; then queue directory patterns.
# A sample is: sample N, proc (or uptime, sysctl, netstat), ps, now and then the slow sections, eos.
input interval
input slow_every
input count_every
input spool
input pid_file
input control
input perl
input users
patterns=
while input line; do
    patterns="$patterns$line
"
done

newline='
'
blanks=$IFS
root=${MAILTUI_PROC:-/proc}
linux=
[ -r "$root/stat" ] && [ -r "$root/meminfo" ] && linux=1

a=
printf 'x\n' | grep -a x >/dev/null 2>&1 && a=-a

until [ "$spool" = / ] || df -P "$spool" >/dev/null 2>&1; do
    spool=${spool%/*}
    spool=${spool:-/}
done

mailstats=$(command -v mailstats)
# Debian's mailstats on PATH is a wrapper that runs the real one twice.
[ "$mailstats" = /usr/sbin/mailstats ] && [ -x /usr/libexec/sendmail/mailstats ] &&
    mailstats=/usr/libexec/sendmail/mailstats

# Anybody may give a process the title of a daemon: only root's count, and those of the users that Sendmail runs as.
uids=0
for user in $users; do
    case $user in *[!0-9]*) user=$(id -u "$user" 2>/dev/null) || continue ;; esac
    uids="$uids|$user"
done

# One awk reads all of the small files: a second process would cost more than the reading.
resources() {
    if [ -n "$linux" ]; then
        section proc
        set --
        for file in stat meminfo loadavg uptime net/dev; do
            [ -r "$root/$file" ] && set -- "$@" "$root/$file"
        done
        awk '
            FNR == 1 { tag = FILENAME; sub(/.*\//, "", tag) }
            tag == "stat" {
                if (/^cpu /) print tag, $0
                else if (/^cpu[0-9]/) cpus++
                next
            }
            tag == "meminfo" && !/^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal|SwapFree):/ { next }
            { print tag, $0 }
            END { print "cpus", cpus + 0 }
        ' "$@" 2>/dev/null
    else
        section uptime
        uptime 2>/dev/null
        section sysctl
        sysctl hw.ncpu hw.physmem hw.pagesize kern.cp_time kern.boottime vm.stats.vm.v_free_count \
            vm.stats.vm.v_inactive_count 2>/dev/null
    fi
}

# Sendmail tells its state in its process titles. The files of /proc cost a fifth of ps.
processes() {
    if [ -n "$linux" ]; then
        seen=own
        if [ -r "$root/1/cmdline" ] || [ -n "${MAILTUI_PROC:-}" ]; then seen=all; fi
        set -- "$root"/[0-9]*
        section ps proc "$seen" "$#"
        found=$(grep -l $a -e sendmail -e sm-mta -e sm-msp -e '^cron' -e '/f*cron' "$root"/[0-9]*/cmdline 2>/dev/null)
        set --
        IFS=$newline
        for file in $found; do
            set -- "$@" "${file%cmdline}status"
        done
        [ "$#" -gt 0 ] && found=$(grep -l -E "^Uid:[[:blank:]]*($uids)[[:blank:]]" "$@" 2>/dev/null)
        set --
        for file in $found; do
            set -- "$@" "${file%status}cmdline" "${file%us}"
        done
        IFS=$blanks
        # Of stat only the parent matters, the third word behind the name.
        [ "$#" -gt 0 ] && grep $a '' "$@" 2>/dev/null | sed 's/\() [A-Za-z] [0-9]* \)[0-9-][ 0-9-]*$/\1/'
    else
        section ps table
        {
            ps -A -o pid,ppid,user,args 2>/dev/null || ps -o pid,ppid,user,args 2>/dev/null || ps 2>/dev/null
        } | awk -v "users= root $users " '
            NR == 1 { for (i = 1; i <= NF; i++) if ($i == "USER") place = i }
            NR == 1 || $1 == 1 { print; next }
            /sendmail|sm-m|cron/ && (!place || index(users, " " $place " ")) { print }
            END { print "total", NR - 1 }
        '
    fi
}

# /proc/net/tcp is a walk through the kernel's whole hash table: not for each sample.
sockets() {
    if [ -r "$root/net/tcp" ]; then
        section tcp
        set -- "$root/net/tcp"
        [ -r "$root/net/tcp6" ] && set -- "$@" "$root/net/tcp6"
        awk '
            $2 !~ /:(0019|024B|01D1)$/ { next }
            $4 == "0A" { print "listen", $2 }
            $4 == "01" { open++ }
            END { print "open", open + 0 }
        ' "$@" 2>/dev/null
    else
        section netstat
        netstat -an 2>/dev/null | grep -E '^tcp.*[.:](25|465|587) .*(LISTEN|ESTABLISHED)'
    fi
}

alive() {
    [ -d "$root/$1" ] && return 0
    [ -n "${MAILTUI_PROC:-}" ] && return 1
    kill -0 "$1" 2>/dev/null && return 0
    case $(LC_ALL=C kill -0 "$1" 2>&1) in
    *ermitted* | *ermission*) return 0 ;;
    esac
    return 1
}

pid_state() {
    [ -n "$pid_file" ] || return 0
    if [ -r "$pid_file" ]; then
        pid=
        read -r pid <"$pid_file"
        case $pid in
        '' | *[!0-9]*) section pid unknown ;;
        *) if alive "$pid"; then section pid alive; else section pid dead; fi ;;
        esac
        cat "$pid_file" 2>/dev/null
    elif [ -x "${pid_file%/*}" ] && [ ! -e "$pid_file" ]; then
        section pid missing
    fi
}

# Root or the socket's group only; it alone knows the number of children without ps.
ask_control() {
    [ -S "$control" ] && [ -w "$control" ] || return 0
    section control
    if [ -n "$perl" ]; then
        "$perl" -MIO::Socket::UNIX -e 'alarm 3; $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit;
            print $s "mstat\n"; print while <$s>' "$control" 2>/dev/null
    elif command -v nc >/dev/null && command -v timeout >/dev/null; then
        printf 'mstat\n' | timeout 3 nc -U "$control" 2>/dev/null
    fi
}

# The client queue may be worked off by cron (Debian's MSP_MODE=Cron) instead of a runner of its own.
cron_entries() {
    section cron
    grep -hsE '^[^#].*sendmail.* (cron-msp|-Ac .*-q|-q.* -Ac)' /etc/crontab /etc/cron.d/* 2>/dev/null
}

slow() {
    sockets
    section space
    df -Pk "$spool" 2>/dev/null
    section inodes
    df -Pi "$spool" 2>/dev/null || df -i "$spool" 2>/dev/null
    section blocks
    stat -f -c '%s %a' "$spool" 2>/dev/null
    pid_state
    cron_entries
    ask_control
    [ -n "$mailstats" ] && section mailstats && "$mailstats" -P 2>/dev/null
}

count_queues() {
    section queue
    IFS=$newline
    # Unquoted on purpose: QueueDirectory may end in a star. Without IFS nothing is split, only matched.
    for pattern in $patterns; do
        IFS=
        for directory in $pattern; do
            [ -d "$directory/qf" ] && directory=$directory/qf
            if [ -d "$directory" ] && [ -r "$directory" ]; then
                { ls -f "$directory" || ls "$directory"; } 2>/dev/null |
                    awk '/^qf/ { q++ } /^hf/ { h++ } /^Qf/ { l++ } END { print "count", q + 0, h + 0, l + 0 }'
            else
                printf 'unreadable\n'
            fi
        done
        IFS=$newline
    done
    IFS=$blanks
}

n=0
while :; do
    section sample "$n"
    resources
    processes
    [ $((n % slow_every)) -eq 0 ] && slow
    [ $((n % count_every)) -eq 0 ] && count_queues
    section eos
    # The second sample comes soon, so that rates are there at once. Not every sleep takes fractions.
    if [ "$n" -eq 0 ] && [ "${interval%%.*}" -gt 1 ]; then
        sleep 1
    else
        sleep "$interval" 2>/dev/null || sleep 1
    fi
    n=$((n + 1))
done
