# The vault of vault.sh once more, for hosts that have python3 and no perl. Part of act.sh.
#
# What is read, said and written, and in which order it is moved and synced, is the same to the byte (the tests hold one
# against the other; only what is free, which perl must have df tell, it asks for each batch and notes nowhere), so that
# either undoes what the other set aside; why it is so stands there. It runs on Python 3.6
# and newer, with nothing but its own library. Paths are bytes throughout: no name on a host need be text.

# Gives 127, having read and said nothing, where there is no python3 that can do it.
queue_vault_python() {
  python=$(command -v python3) || python=/usr/libexec/platform-python
  [ -x "$python" ] || return 127
  # neither the environment nor packages of the site have a say in it, and it leaves no compiled files behind
  "$python" -I -S -B -c '
import sys

try:
    import errno, fcntl, os, re, signal, stat, time
except ImportError:
    sys.exit(127)
if sys.version_info < (3, 6):
    sys.exit(127)

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # where nobody listens any more nothing goes on
source, out = sys.stdin.buffer, sys.stdout.buffer
mark = os.environb[b"MARK"]
name = b".mailtui-undo"
plain_open = os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
options = dict.fromkeys((b"by", b"reason", b"undo", b"held", b"expired", b"count"), b"")
options[b"keep"] = b"604800"
configured, dirs, by_name, moving, held = [], [], {}, [], []
cut = b"the order came only in part: the link was lost"
ids, undo_ids = rb"[0-9A-Za-z]{12,20}", rb"u-[0-9A-Za-z-]{8,40}"


class Denied(Exception):
    """Says in bytes why nothing was done."""


def emit(head, body=b""):
    out.write(b"%s =%d %s\n%s\n" % (mark, len(body), head, body))


def did(number, code, word=b""):
    emit(b"did %d %s" % (number, code), word)


def refuse(word):
    emit(b"refused", word)
    out.flush()
    sys.exit(0)


def why(error):
    return os.strerror(error.errno).encode("utf-8", "replace") if isinstance(error, OSError) else error.args[0]


def plain(text):
    return re.sub(rb"[^ -~]", b"?", text)[:200]


def folder(path):
    return path.rpartition(b"/")[0]


def base_name(path):
    return path.rpartition(b"/")[2]


def above(top):
    return folder(top) if base_name(top) else b""


def look(path, of=os.stat):
    try:
        return of(path)
    except OSError:
        return None


def names_in(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


# Does it, and tells whether it could be done.
def tried(what, *args):
    try:
        what(*args)
    except OSError:
        return False
    return True


# --- directories -----------------------------------------------------------------------------------------------------


class Directory:
    def __init__(self, queue, top):
        self.queue, self.top, self.place = queue, top, None
        below = (os.path.join(top, each) for each in (b"qf", b"df", b"xf"))
        self.qf, self.df, self.xf = (path if os.path.isdir(path) else top for path in below)


def expand(path):
    match = re.fullmatch(rb"(/.*)/([^/]*)\*", path, re.S)
    if not match:
        return [path]
    parent, prefix = match.groups()
    found = [b"%s/%s" % (parent, each) for each in names_in(parent) if each.startswith(prefix) and each[:1] != b"."]
    return [each for each in found if os.path.isdir(each)]


# Where a vault may lie: beside the queue directory, else, where that is a file system of its own, in it. Never where a
# pattern of the configuration would take it for a queue.
def place_of(each):
    if each.place is not None:
        return each.place
    devices = {os.stat(path).st_dev for path in (each.qf, each.df, each.xf) if os.path.isdir(path)}
    if len(devices) != 1:
        raise Denied(b"control and data files lie on different file systems, so they cannot be set aside by renaming")
    for base in (above(each.top) or b"/", each.top):
        found = look(base)
        if found and found.st_dev in devices and not any(matches(path, base) for path in configured):
            each.place = b"%s/%s" % (base, name)
            return each.place
    raise Denied(b"every place on the file system of %s is one where sendmail would look for queues" % each.top)


def matches(path, base):
    match = re.fullmatch(rb"(/.*)/([^/]*)\*", path, re.S)
    if not match:
        return path == b"%s/%s" % (base, name)
    return match.group(1) == base and name.startswith(match.group(2))


def own_directory(path, make=False):
    if make:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise Denied(b"%s cannot be made: %s" % (path, why(error))) from None
    found = look(path, os.lstat)
    if not found:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Denied(b"%s is no directory of ours" % path)
    return True


def sync_path(path):
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise Denied(b"%s cannot be synced: %s" % (path, why(error))) from None


# --- locks -----------------------------------------------------------------------------------------------------------


# Takes both kinds of lock or neither; the file is never made and never opened a second time while they are held.
def locked(handle):
    how = fcntl.LOCK_EX | fcntl.LOCK_NB
    return tried(fcntl.flock, handle, how) and tried(fcntl.lockf, handle, how)


# Takes the lock of a set, or does not; nobody waits for whoever acts on it. But who lists sets takes their locks for a
# moment, to see whether they are taken, so it is tried again.
def lock_soon(handle, how):
    for left in (2, 1, 0):
        if tried(fcntl.flock, handle, how | fcntl.LOCK_NB):
            return True
        if left:
            time.sleep(0.05)
    return False


# --- delete ----------------------------------------------------------------------------------------------------------


class Message:
    def __init__(self, number, letter, queue_id, directory, files, content):
        self.number, self.letter, self.id, self.directory = number, letter, queue_id, directory
        self.files, self.content, self.word = files, content, None  # files: (path, its lstat), the control file first


# Gives the SHA-256 of files, by path. What of them was read already comes along.
def digest(contents):
    found = {}
    try:
        import hashlib
    except ImportError:
        return found
    for path, content in contents.items():
        hashed = hashlib.sha256(content or b"")
        if content is None:
            try:
                with open(path, "rb") as handle:
                    for block in iter(lambda: handle.read(1 << 20), b""):
                        hashed.update(block)
            except OSError:
                continue
        found[path] = hashed.hexdigest().encode()
    return found


def data_file(directory, queue_id):
    for each in [directory] + [each for each in dirs if each is not directory and each.queue == directory.queue]:
        found = look(b"%s/df%s" % (each.df, queue_id), os.lstat)
        if found and stat.S_ISREG(found.st_mode):
            return b"%s/df%s" % (each.df, queue_id)
    return None


# Opens and locks one message and holds it against what was seen; gives what to move, or nothing and says why. What it
# opens comes to `handles` and stays open with the rest: to close any descriptor of a file ends our fcntl lock on it.
def take(handles, number, queue, letter, queue_id, path, seen):
    if not re.fullmatch(ids, queue_id) or not re.fullmatch(rb"[qhQ]", letter):
        return did(number, b"denied", b"no queue id")
    directory = by_name.get(b"%s %s" % (queue, path))
    if not directory:
        return did(number, b"denied", b"no queue directory of this host")
    control = b"%s/%sf%s" % (directory.qf, letter, queue_id)
    try:
        handle = os.open(control, os.O_RDWR | plain_open)
    except FileNotFoundError:
        if any(os.path.exists(b"%s/%sf%s" % (directory.qf, each, queue_id)) for each in (b"q", b"h", b"Q")):
            return did(number, b"changed", b"it is in another state now")
        return did(number, b"gone", b"it has left the queue")
    except OSError as error:
        return did(number, b"denied", why(error))
    handles.append(handle)
    if not locked(handle):
        return did(number, b"in-delivery", b"it is being delivered now")
    opened, named = os.fstat(handle), look(control, os.lstat)
    same = named and (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
    if not same or opened.st_nlink != 1 or not stat.S_ISREG(named.st_mode):
        return did(number, b"changed", b"it was rewritten at this moment")
    content = os.read(handle, opened.st_size + 1)
    created, sender = (re.search(rb"^%s[^\n]*" % each, content, re.M) for each in (b"T", b"S"))
    if not created or not sender or b"%s %s" % (created.group(), sender.group()) != seen:
        return did(number, b"changed", b"its id belongs to another message now")
    data = data_file(directory, queue_id)
    if data is None:
        return did(number, b"changed", b"it has no data file, so there is no whole message to set aside")
    others = [data] + [each for each in [b"%s/xf%s" % (directory.xf, queue_id)] if os.path.isfile(each)]
    files = [(control, named)] + [(each, os.lstat(each)) for each in others]
    return Message(number, letter, queue_id, directory, files, content)


def size_below(path):
    total = 0
    for each in names_in(path):
        below = b"%s/%s" % (path, each)
        found = look(below, os.lstat)
        if found:
            total += size_below(below) if stat.S_ISDIR(found.st_mode) else found.st_size
    return total


# Gives what a vault holds in bytes. One delete asks for it again and again, so its batches keep count in its set; what
# others set aside or destroy meanwhile is missed for a minute.
def used_in(place):
    note = b"%s/%s/used" % (place, options[b"undo"])
    try:
        if abs(int(time.time()) - os.stat(note)[stat.ST_MTIME]) <= 60:
            with open(note, "rb") as handle:
                line = handle.readline(32)
            if re.fullmatch(rb"[0-9]+\n?", line):
                return int(line)
    except OSError:
        pass
    return size_below(place)


# Adds to the count of a set, whatever other batches of it have added since it was read; gives what it is now.
def note_used(undo_set, total, added):
    try:
        with open(os.open(undo_set + b"/used", os.O_RDWR | os.O_CREAT, 0o600), "rb+", buffering=0) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            began = os.fstat(handle.fileno())[stat.ST_MTIME]
            match = re.match(rb"([0-9]+)(?:\n|\Z)", handle.read(32))
            known = match and abs(int(time.time()) - began) <= 60
            total = int(match.group(1)) + added if known else total
            handle.seek(0)
            handle.truncate(handle.write(b"%d\n" % total))  # not before: who reads it must not find it empty
            if known:  # as old as the count it began with
                os.utime(undo_set + b"/used", (began, began))
    except OSError:
        pass
    return total


# Gives what of a file system anybody may still fill, in bytes; None where that is not known.
def free_below(path):
    found = look(path, os.statvfs)
    return found and found.f_bavail * (found.f_frsize or found.f_bsize)


# Gives the number of a batch that no other of this set has taken, may it run at the same time, and its open manifest.
def new_batch(undo_set):
    batch = -1
    while True:
        batch += 1
        if os.path.exists(b"%s/manifest.%d" % (undo_set, batch)):
            continue
        new = b"%s/manifest.%d.new" % (undo_set, batch)
        try:
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        except OSError as error:
            raise Denied(b"%s cannot be written: %s" % (undo_set, why(error))) from None
        if not os.path.exists(b"%s/manifest.%d" % (undo_set, batch)):
            return batch, open(handle, "wb")
        os.close(handle)
        tried(os.unlink, new)


# Holds a set, with other batches of its delete, against an undo; gives what is to stay open so long.
def shared(undo_set):
    try:
        lock = open(os.open(undo_set + b"/lock", os.O_RDWR | os.O_CREAT, 0o600), "rb+", buffering=0)
    except OSError as error:
        raise Denied(b"%s cannot be written: %s" % (undo_set, why(error))) from None
    there = lock_soon(lock, fcntl.LOCK_SH) and look(undo_set + b"/lock", os.stat)
    if not there or there.st_ino != os.fstat(lock.fileno()).st_ino:
        lock.close()
        raise Denied(b"somebody else is undoing or purging this delete")
    return lock


def set_aside(place, messages):
    own_directory(place, True)
    if os.stat(place).st_dev != messages[0].files[0][1].st_dev:
        raise Denied(b"%s lies on another file system than the queue" % place)
    undo_set = b"%s/%s" % (place, options[b"undo"])
    own_directory(undo_set, True)
    held.append(shared(undo_set))
    if not os.path.exists(undo_set + b"/manifest.0"):  # before that one was written they were synced
        sync_all([folder(place) or b"/", place])
    contents = {path: None for message in messages for path, _ in message.files[1:]}
    contents.update((message.files[0][0], message.content) for message in messages)
    sums = digest(contents)
    batch, manifest = new_batch(undo_set)
    now, aside = int(time.time()), {}
    text = [
        b"mailtui-undo 1\nundo %s\n" % options[b"undo"],
        b"at %d\nuntil %d\n" % (now, now + int(options[b"keep"])),
        b"by %s\nreason %s\n" % (options[b"by"], options[b"reason"]),
    ]
    for message in messages:
        top = message.directory.top
        inside = aside.setdefault(top, b"%s/%d.%d" % (undo_set, batch, len(aside) + 1))
        item = (message.letter, message.id, message.directory.queue, base_name(inside), top)
        text.append(b"item %s %s %s %s %s\n" % item)
        for path, s in message.files:
            numbers = (s.st_ino, s.st_uid, s.st_gid, s.st_mode & 0o7777, s[stat.ST_MTIME], s.st_size)
            text.append(b"file %s %d %d %d %o %d %d %s\n" % ((sums.get(path, b"-"),) + numbers + (path,)))
    try:
        with manifest:
            for each in aside.values():
                own_directory(each, True)
            manifest.write(b"".join(text))
            manifest.flush()
            os.fsync(manifest.fileno())
        os.rename(b"%s/manifest.%d.new" % (undo_set, batch), b"%s/manifest.%d" % (undo_set, batch))
    except OSError as error:
        raise Denied(b"%s cannot be written: %s" % (undo_set, why(error))) from None
    sync_path(undo_set)

    moving.append(True)
    moved = []
    for message in messages:
        control = message.files[0][0]
        try:
            os.rename(control, b"%s/%s" % (aside[message.directory.top], base_name(control)))
            moved.append(message)
        except OSError as error:
            did(message.number, b"failed", b"it could not be moved: " + why(error))
    sync_all(list(aside.values()) + [message.directory.qf for message in moved])
    for message in moved:
        for path, _ in message.files[1:]:
            try:
                os.rename(path, b"%s/%s" % (aside[message.directory.top], base_name(path)))
            except OSError as error:
                message.word = b"its %s stayed behind: %s" % (base_name(path)[:2], why(error))
    behind = [folder(path) for message in moved for path, _ in message.files[1:]]
    sync_all(list(aside.values()) + behind)
    moving.clear()
    for message in moved:
        if message.word is not None:
            did(message.number, b"moved", message.word)
    emit(b"all moved", b" ".join(b"%d" % message.number for message in moved if message.word is None))


# Syncs each of them once.
def sync_all(paths):
    for path in dict.fromkeys(paths):
        sync_path(path)


def delete_messages(files):
    targets, used = [], {}
    lines = [line.rstrip(b"\n") for line in sys.stdin.buffer if line.endswith(b"\n")]  # else it is cut
    for line, seen in zip(lines[::2], lines[1::2]):
        fields = line.split(b" ", 3)
        targets.append([len(targets)] + fields + [b""] * (4 - len(fields)) + [seen])
    if options[b"count"] not in (b"", b"%d" % len(targets)):
        refuse(cut)
    # Held to our end, and from here on where the set is there: who lists it knows that more of it may still go.
    for undo_set in (b"%s/%s" % (place, options[b"undo"]) for place in places()):
        try:
            if os.path.exists(undo_set + b"/lock"):
                held.append(shared(undo_set))
        except Denied:
            pass
    many = files == "unlimited" or (files.isdigit() and int(files) >= 700)
    most = 500 if many else 100  # each is open while it is locked
    for start in range(0, len(targets), most):
        handles, by_place = [], {}
        for target in targets[start : start + most]:
            try:
                message = take(handles, *target)
                if message:
                    by_place.setdefault(place_of(message.directory), []).append(message)
            except (Denied, OSError) as error:
                did(target[0], b"denied", why(error))
        for place in sorted(by_place):
            try:
                delete_at(place, by_place[place], used)
            except (Denied, OSError) as error:
                if moving:  # what is not told of is unknown: some of it is aside, and nothing more is begun
                    raise Denied(why(error)) from None
                for message in by_place[place]:
                    did(message.number, b"denied", why(error))
        for handle in handles:
            os.close(handle)


def delete_at(place, messages, used):
    base = folder(place)
    free = free_below(base or b"/")
    if place not in used:
        used[place] = used_in(place)
    added = sum(found.st_size for message in messages for _, found in message.files)
    used[place] += added
    if free is not None and used[place] > free / 10:
        raise Denied(
            b"the vault would hold more than a tenth of the free space of %s; "
            b"make room: mailtui undo purge --expired" % base
        )
    set_aside(place, messages)
    used[place] = note_used(b"%s/%s" % (place, options[b"undo"]), used[place], added)


# --- what the vault holds --------------------------------------------------------------------------------------------


class File:
    def __init__(self, path=b"", aside=b""):
        self.path, self.aside = path, aside


class Item:
    def __init__(self, letter, queue_id, queue, aside, top):
        self.letter, self.id, self.queue, self.aside, self.top, self.files = letter, queue_id, queue, aside, top, []


class Manifest:
    def __init__(self, path):
        self.path, self.items, self.told = path, [], dict.fromkeys((b"undo", b"at", b"until", b"by", b"reason"), b"")


def places():
    found = set()
    for each in dirs:
        for place in (b"%s/%s" % (above(each.top), name), b"%s/%s" % (each.top, name)):
            try:
                if own_directory(place):
                    found.add(place)
            except Denied:
                pass
    return sorted(found)


def sets():
    return [b"%s/%s" % (place, each) for place in places() for each in names_in(place) if re.fullmatch(undo_ids, each)]


def manifests(undo_set):
    found = [b"%s/%s" % (undo_set, each) for each in names_in(undo_set) if re.fullmatch(rb"manifest\.[0-9]+", each)]
    return [each for each in map(read_manifest, found) if each]


def read_manifest(path):
    try:
        with open(path, "rb") as handle:
            lines = [line.rstrip(b"\n") for line in handle]
    except OSError:
        return None
    if lines[:1] != [b"mailtui-undo 1"]:
        return None
    manifest = Manifest(path)
    for line in lines[1:]:
        item = re.fullmatch(rb"item ([qhQ]) (%s) (\S+) ([0-9]+\.[0-9]+) (/.*)" % ids, line)
        file = re.fullmatch(rb"file \S+ [0-9]+ [0-9]+ [0-9]+ [0-7]+ [0-9]+ [0-9]+ (/.*)", line)
        told = re.fullmatch(rb"(undo|at|until|by|reason) (.*)", line)
        if item:
            letter, queue_id, queue, inside, top = item.groups()
            manifest.items.append(Item(letter, queue_id, queue, b"%s/%s" % (folder(path), inside), top))
        elif file and manifest.items:
            item = manifest.items[-1]
            item.files.append(File(file.group(1), b"%s/%s" % (item.aside, base_name(file.group(1)))))
        elif told:
            manifest.told[told.group(1)] = told.group(2)
    for item in manifest.items:
        item.files += [File()] * (2 - len(item.files))
    return manifest


def state_of(item):
    control, data = item.files[:2]
    aside = os.path.exists(data.aside)
    if not os.path.exists(control.aside):
        return b"half" if aside else b"queued"
    return b"kept" if aside else b"half" if os.path.exists(data.path) else b"broken"


# Tells whether somebody acts on a set; makes nothing, and holds nothing up for long.
def busy(undo_set):
    try:
        lock = os.open(undo_set + b"/lock", os.O_RDWR | plain_open)
    except OSError:
        return False
    try:
        return not lock_soon(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def describe():
    for undo_set in sets():
        # first whether it is busy, then what it holds: where it is not, that is what has become of it
        at_work, found = busy(undo_set), manifests(undo_set)
        if at_work:
            emit(b"busy " + base_name(undo_set))
        if at_work and not found:  # begun, but nothing is written down yet
            lock = look(undo_set + b"/lock")
            at = lock[stat.ST_MTIME] if lock else int(time.time())
            emit(b"set %s %d %d" % (base_name(undo_set), at, at + 604800), b"by \nreason \n")
        describe_all(found)


def describe_all(found):
    for manifest in found:
        told = manifest.told
        text = [b"by %s\nreason %s\n" % (told[b"by"], told[b"reason"])]
        for item in manifest.items:
            created, sender = read_front(item.files[0])
            place = (state_of(item), item.letter, item.id, item.queue, created, item.top)
            text.append(b"item %s %s %s %s %s %s\n" % place)
            if sender is not None:
                text.append(b"from %s\n" % sender)
        emit(b"set %s %s %s" % (told[b"undo"], told[b"at"], told[b"until"]), b"".join(text))


# Gives when a message was made and by whom, from its control file. In the queue of the client its group may have put a
# link or a pipe there.
def read_front(control):
    created, sender = b"-", None
    try:
        path = control.aside if os.path.exists(control.aside) else control.path
        with open(os.open(path, os.O_RDONLY | plain_open), "rb") as handle:
            for line in handle:
                match = re.match(rb"T([0-9]+)", line)
                created = match.group(1) if match else created
                if line[:1] == b"S":
                    sender = line[1:].rstrip(b"\n")
                    break
    except OSError:
        pass
    return created, sender


# --- undo ------------------------------------------------------------------------------------------------------------


def back(item, code, word=b""):
    emit(b"back " + code, b"%s %s\n%s" % (item.id, item.top, word))


# One undo or purge of a set at a time, and none while its delete goes on; none waits.
def with_set(undo_set, work):
    try:
        lock = os.open(undo_set + b"/lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return False
    try:
        if not lock_soon(lock, fcntl.LOCK_EX):
            return False
        work(undo_set)
        return True
    finally:
        os.close(lock)


def bring_back(undo_set):
    for manifest in manifests(undo_set):
        ready = [item for item in manifest.items if data_back(item)]
        sync_all(folder(file.path) for item in ready for file in item.files[1:])
        for item in ready:
            control = item.files[0]
            try:
                if os.path.exists(control.aside):
                    if options[b"held"] and item.letter == b"q":
                        hold_back(item, control)
                    else:
                        os.rename(control.aside, control.path)
                back(item, b"restored")
            except OSError as error:
                back(item, b"failed", why(error))
        sync_all(folder(item.files[0].path) for item in ready)
        clear(manifest)
    empty(undo_set)


# Brings all of a message back but its control file; tells whether that may follow.
def data_back(item):
    control, others = item.files[0], item.files[1:]
    if b"%s %s" % (item.queue, item.top) not in by_name:
        return back(item, b"denied", b"its directory is no queue directory of this host any more")
    if not os.path.exists(control.aside) and not os.path.exists(others[0].aside):
        return back(item, b"restored", b"it was back already, or never left")
    there = [b"%s/%sf%s" % (folder(control.path), each, item.id) for each in (b"q", b"h", b"Q")]
    if os.path.exists(control.aside) and any(map(os.path.exists, there)):
        return back(item, b"changed", b"another message has its id now")
    if not os.path.exists(others[0].aside) and not os.path.exists(others[0].path):
        return back(item, b"failed", b"its data file is nowhere; its control file stays aside")
    for file in others:
        if os.path.exists(file.aside):
            if os.path.exists(file.path):
                return back(item, b"failed", file.path + b" is there already")
            try:
                os.rename(file.aside, file.path)
            except OSError as error:
                return back(item, b"failed", why(error))
    return True


# Gives a message back as held: its control file is written anew with a reason, as sendmail would have it.
def hold_back(item, control):
    with open(control.aside, "rb") as handle:
        content, found = handle.read(), os.fstat(handle.fileno())
    first, end, rest = content.partition(b"\n")
    reason = b"q%s\n" % (options[b"reason"] or b"restored as held") if end else b""
    new = b"%s/hf%s" % (item.aside, item.id)
    tried(os.unlink, new)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(first + end + reason + rest)
        os.chown(handle.fileno(), found.st_uid, found.st_gid)
        os.chmod(handle.fileno(), found.st_mode & 0o7777)
        handle.flush()
        os.fsync(handle.fileno())
    os.rename(new, b"%s/hf%s" % (folder(control.path), item.id))
    os.unlink(control.aside)


# Forgets a manifest of which nothing is aside any more.
def clear(manifest):
    if any(os.path.exists(file.aside) for item in manifest.items for file in item.files):
        return
    tried(os.unlink, manifest.path)
    for aside in dict.fromkeys(item.aside for item in manifest.items):
        tried(os.rmdir, aside)


# Removes a set that holds nothing any more but what is ours, or is left of a delete that was killed as it began.
def empty(undo_set):
    names = names_in(undo_set)
    if not all(re.fullmatch(rb"lock|used|manifest\.[0-9]+\.new|[0-9]+\.[0-9]+", each) for each in names):
        return
    paths = [b"%s/%s" % (undo_set, each) for each in names]
    below = [path for path in paths if os.path.isdir(path)]
    if all([tried(os.rmdir, path) for path in below]):
        for path in paths:
            if path not in below:
                tried(os.unlink, path)
        tried(os.rmdir, undo_set)


# --- purge -----------------------------------------------------------------------------------------------------------


def purge(undo_set):
    for manifest in manifests(undo_set):
        for file in (file for item in manifest.items for file in reversed(item.files)):
            tried(os.unlink, file.aside)
        clear(manifest)
    empty(undo_set)
    if not os.path.exists(undo_set):
        emit(b"purged " + base_name(undo_set))


# --- go --------------------------------------------------------------------------------------------------------------


def read_options():
    asked = []
    for line in iter(source.readline, b""):
        line = line.rstrip(b"\n")
        if line == b".":
            break
        option, place = re.fullmatch(rb"O (\w+) (.*)", line), re.fullmatch(rb"D (\S+) (\S+) (/[^\0]*)", line)
        if option:
            options[option.group(1)] = plain(option.group(2))
        elif place:
            asked.append((place.group(1), place.group(3)))
    else:
        refuse(cut)
    if not re.fullmatch(rb"[0-9]{1,9}", options[b"keep"]):
        options[b"keep"] = b"604800"
    configured.extend(path for _, path in asked)
    for queue, path in asked:
        for top in expand(path):
            if not any(each.top == top for each in dirs):
                dirs.append(Directory(queue, top))
                by_name[b"%s %s" % (queue, top)] = dirs[-1]


def main(verb, files):
    read_options()
    os.umask(0o077)
    if verb == "vault":
        return describe()
    if verb == "delete":
        if not re.fullmatch(undo_ids, options[b"undo"]):
            refuse(b"it has no undo id")
        return delete_messages(files)
    wanted = {line.rstrip(b"\n") for line in source}
    for undo_set in sets():
        first = manifests(undo_set)[:1]
        if verb == "purge" and not first and base_name(undo_set) not in wanted:
            # a delete that was killed before it had written anything down may have left it
            found = look(undo_set)
            if found and found.st_mtime < time.time() - 3600:
                with_set(undo_set, empty)
            continue
        until = first[0].told[b"until"] if first and verb == "purge" and options[b"expired"] else b""
        if base_name(undo_set) in wanted or (until.isdigit() and int(until) < int(time.time())):
            if not with_set(undo_set, bring_back if verb == "undo" else purge):
                emit(b"busy " + base_name(undo_set), b"somebody else is at it")


try:
    main(*sys.argv[1:])
except Denied as error:
    out.flush()
    sys.exit(os.fsdecode(error.args[0]))
out.flush()
' "$@"
}
