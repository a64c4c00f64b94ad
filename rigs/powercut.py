#!/usr/bin/env python3
"""Power cuts under stead: what was acknowledged is there afterwards.

On an ext4 whose every write is recorded, stead creates volumes, fills them from an image (50 files of 4 KiB each), copies
files into a volume with `cp`, creates and removes containers and volumes; each acknowledgement is marked in the log. Then
the power is cut at random places, stead is started on each crashed disk, and everything acknowledged is looked for.

A control runs along: one file a round, written without fsync. If the cuts do not lose it, they prove nothing, and the run fails.

With --load volumes the verbs of volumes (powercut_volumes.py) are what is done: import, snapshot, clone, rollback, rename, rm, undelete, resize.

usage: powercut.py [--load engine|volumes] [--states 100] [--rounds 12] [--fs ext4|xfs|btrfs] [--seed 1] [--stead PATH]
"""
import argparse
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crashrig import Rig  # noqa: E402
from powercut_volumes import VolumeVerbs  # noqa: E402
from promises import Promises, content, read  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = 50
SIZES = {'ext4': 160 << 20, 'xfs': 400 << 20, 'btrfs': 256 << 20}


class Stead:
    """The engine on the recorded disk. Its run root lies elsewhere and is a new one after each cut, as at a reboot."""

    def __init__(self, exe, root, work):
        self.exe, self.root, self.work = exe, root, work
        self.boot = 0
        self.run_root = os.path.join(work, 'run0')

    def reboot(self):
        self.boot += 1
        self.run_root = os.path.join(self.work, f'run{self.boot}')

    def __call__(self, *args, check=True):
        done = subprocess.run([self.exe, '--root', self.root, '--run-root', self.run_root, *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, env={'PATH': os.environ['PATH'], 'HOME': self.work})
        if check and done.returncode:
            raise RuntimeError(f'{" ".join(args)}: exit {done.returncode}: {done.stderr}')
        return done

    def data(self, volume):
        return os.path.join(self.root, 'volumes', volume, '_data')


def seed_image(path):
    """An image: a root file system with a shell and FILES files in /seed."""
    with tarfile.open(path, 'w') as out, tarfile.open(os.path.join(images(), 'busybox.tar')) as box:
        layer = next(m for m in box.getmembers() if m.name.endswith('layer.tar'))
        with tarfile.open(fileobj=box.extractfile(layer)) as root:
            for member in root:
                out.addfile(member, root.extractfile(member) if member.isreg() else None)
        directory = tarfile.TarInfo('seed')
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        out.addfile(directory)
        for f in range(FILES):
            info = tarfile.TarInfo(f'seed/{f}')
            data = content('seed', 0, f)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))


def images():
    return os.environ.get('STEAD_IMAGES', '/var/cache/stead-images')


class Workload(Promises):
    """What is done, and for each mark what has to be true from then on: name -> a check that answers what is wrong, or None."""

    def prepare(self):
        tar = os.path.join(self.work, 'seed.tar')
        seed_image(tar)
        # The very first command on a fresh root: the root itself has to last.
        self.stead('volume', 'create', 'first')
        self.acked('volume first', lambda: self.listed('volume', 'first') or self.is_dir(self.stead.data('first')))
        self.first = self.rig.marks
        self.stead('import', tar, 'seed:1')
        self.acked('image seed:1', lambda: None if self.has_image() else 'is not there')
        self.stead('create', '--name', 'holder', '-v', 'copied:/copied', 'seed:1', '/bin/true')
        self.acked('container holder', lambda: self.listed('container', 'holder'))

    def round(self, i):
        s = self.stead
        self.control(i, content('control', i, 0))

        s('volume', 'create', '--label', f'round={i}', f'made{i}')
        self.acked(f'event create made{i}', lambda: self.told(f'volume create made{i}'))
        self.acked(f'volume made{i}', lambda: self.listed('volume', f'made{i}') or self.is_dir(s.data(f'made{i}')))

        s('run', '--rm', '--network', 'none', '-v', f'filled{i}:/seed', 'seed:1', '/bin/true')
        self.acked(f'copy-up filled{i}', lambda: self.listed('volume', f'filled{i}') or self.whole(s.data(f'filled{i}'), 'seed', 0))

        source = os.path.join(self.work, f'n{i}')
        os.makedirs(source)
        for f in range(FILES):
            with open(os.path.join(source, str(f)), 'wb') as out:
                out.write(content('cp', i, f))
        s('cp', source, 'holder:/copied/')
        self.acked(f'cp n{i}', lambda: self.whole(os.path.join(s.data('copied'), f'n{i}'), 'cp', i))

        s('create', '--name', f'kept{i}', '-v', f'made{i}:/d', 'seed:1', '/bin/true')
        self.acked(f'container kept{i}', lambda: self.listed('container', f'kept{i}'))
        self.acked(f'event create kept{i}', lambda: self.told(f'container create kept{i}'))

        if i % 3 == 2:
            self.begin(f'copy-up filled{i - 1}')
            s('volume', 'rm', f'filled{i - 1}')
            self.acked(f'volume rm filled{i - 1}', lambda: None if self.listed('volume', f'filled{i - 1}') else 'is still listed')
            self.acked(f'event destroy filled{i - 1}', lambda: self.told(f'volume destroy filled{i - 1}'))
            self.begin(f'container kept{i - 1}')
            s('rm', f'kept{i - 1}')
            self.acked(f'event destroy kept{i - 1}', lambda: self.told(f'container destroy kept{i - 1}'))
            self.acked(f'rm kept{i - 1}', lambda: None if self.listed('container', f'kept{i - 1}') else 'is still listed')

    def has_image(self):
        return self.stead('image', 'inspect', 'seed:1', check=False).returncode == 0

    def listed(self, kind, name):
        return None if name in self.now[kind] else 'is not listed'

    def told(self, event):
        return None if event in self.events else 'is not in the journal'

    @staticmethod
    def is_dir(path):
        return None if os.path.isdir(path) else f'{path} is no directory'

    @staticmethod
    def whole(path, kind, i):
        bad = [f for f in range(FILES) if read(os.path.join(path, str(f))) != content(kind, i, f)]
        return f'{len(bad)} of {FILES} files are gone or wrong' if bad else None

    def look(self):
        """Starts stead on the crashed disk and reads what it says there is."""
        self.stead.reboot()
        found = self.stead('system', 'check', '--repair', check=False)
        trouble = [] if found.returncode == 0 else [f'system check --repair: exit {found.returncode}: {found.stderr.strip()} {found.stdout.strip()}']
        self.now = {'volume': self.stead('volume', 'ls', '-q').stdout.split(),
                    'container': self.stead('ps', '-a', '--format', '{{.Names}}').stdout.split()}
        told = self.stead('events', '--since', '1', '--until', '0s', '--format', '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}')
        words = [line.split() for line in told.stdout.splitlines()]
        self.events = {' '.join([w[0], w[1], w[3] if w[0] == 'container' else w[2]]) for w in words if len(w) == 4} | {
            ' '.join(w[:3]) for w in words if w[0] == 'volume'}
        return trouble

    def goes_on(self, state):
        """After the cut the engine goes on: a volume whose copy-up was cut is filled whole by the next run."""
        if state % 5 or not self.has_image():
            return []
        done = self.stead('run', '--rm', '--network', 'none', '-v', 'after:/seed', 'seed:1', '/bin/ls', '/seed', check=False)
        return [] if done.returncode == 0 and len(done.stdout.split()) == FILES else [f'the next run: exit {done.returncode}: {done.stderr}']


LOADS = {'engine': Workload, 'volumes': VolumeVerbs}


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument('--load', default='engine', choices=sorted(LOADS))
    parse.add_argument('--states', type=int, default=100)
    parse.add_argument('--rounds', type=int, default=12)
    parse.add_argument('--seed', type=int, default=1)
    parse.add_argument('--fs', default='ext4', choices=sorted(SIZES))
    parse.add_argument('--stead', default=os.environ.get('STEAD', os.path.join(HERE, '../target/debug/stead')))
    args = parse.parse_args()
    fast = '/dev/shm' if os.path.isdir('/dev/shm') and os.statvfs('/dev/shm').f_bavail * os.statvfs('/dev/shm').f_frsize > 2 << 30 else '/var/tmp'
    with tempfile.TemporaryDirectory(prefix='stead-powercut-', dir=fast) as work:
        rig = Rig(os.path.join(work, 'rig'), args.fs, SIZES[args.fs])
        try:
            return cut(args, rig, work)
        finally:
            rig.close()


def cut(args, rig, work):
    mnt = rig.start()
    stead = Stead(os.path.abspath(args.stead), os.path.join(mnt, 'root'), work)
    load = LOADS[args.load](rig, stead, work)
    load.prepare()
    for i in range(args.rounds):
        load.round(i)
    rig.stop()

    log = rig.entries()
    first = next(k for k, entry in enumerate(log) if rig.mark_of(entry) == load.first)
    points = sorted(random.Random(args.seed).sample(range(first, len(log)), min(args.states, len(log) - first)))
    print(f'powercut: {args.load} on {args.fs}, {load.rig.marks} marks, {len(log)} writes, {len(points)} cuts', flush=True)
    lost = controls = unmountable = 0
    for state, (k, mark, image) in enumerate(rig.states(log, points, args.seed)):
        if not rig.mount(image):
            unmountable += 1
            continue
        try:
            trouble = load.look()
            control, bad = load.broken(mark)
            bad = trouble + bad + load.goes_on(state)
        except (RuntimeError, subprocess.TimeoutExpired) as e:
            control, bad = [], [str(e)]
        rig.umount()
        controls += bool(control)
        if bad:
            lost += 1
            print(f'FAIL cut before write {k} (mark {mark}): ' + '; '.join(bad[:6]), flush=True)
    print(f'powercut: {lost} of {len(points)} states lost something acknowledged; the control (no fsync) was lost in {controls}; '
          f'{unmountable} did not mount, which is the file system\'s affair')
    sure = controls > 0
    if not sure:
        print('FAIL the control was never lost: the cuts prove nothing')
    good = len(points) - unmountable - lost
    print(f'{good} passed, {lost + (not sure)} failed, 0 skipped')
    return 1 if lost or not sure else 0


if __name__ == '__main__':
    sys.exit(main())
