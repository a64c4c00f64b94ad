"""The verbs of volumes under power cuts: what `powercut.py --load volumes` does in each round, and what has to be true afterwards.

Import, snapshot, cp, clone, rollback, rename, rm, undelete, resize. Beside what was acknowledged, one thing holds at every
moment: nothing is half there. A volume or a snapshot that is listed has one of the contents it was ever told to have, whole.
"""
import io
import json
import os
import tarfile

from promises import Promises, content, read

FILES = 20


class VolumeVerbs(Promises):
    """Beside the promises, what each volume and snapshot may hold."""

    def __init__(self, rig, stead, work):
        super().__init__(rig, stead, work)
        # Name of a volume, or VOL@SNAP -> the contents it may have, each a set of (kind, round).
        self.may = {}

    def prepare(self):
        self.stead('volume', 'create', 'first')
        self.acked('volume first', lambda: self.there('first'))
        self.first = self.rig.marks

    def tar(self, kind, i):
        path = os.path.join(self.work, f'{kind}{i}.tar')
        with tarfile.open(path, 'w') as out:
            for f in range(FILES):
                info = tarfile.TarInfo(f'{kind}{f}')
                data = content(kind, i, f)
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))
        return path

    def round(self, i):
        s, v, c, r = self.stead, f'vol{i}', f'clone{i}', f'renamed{i}'
        self.control(i, content('control', i, 0))

        a, b = ('a', i), ('b', i)
        self.may[v] = [set(), {a}]
        s('volume', 'create', v)
        s('volume', 'import', v, self.tar('a', i))
        self.acked(f'import {v}', lambda: self.has(v, a))

        self.may[f'{v}@s'] = [{a}]
        s('volume', 'snapshot', 'create', v, 's')
        self.acked(f'snapshot {v}', lambda: self.has_snapshot(v, 's', a))

        # `cp` of a directory is as Docker's: file by file, so its parts may be seen before it is acknowledged.
        source = os.path.join(self.work, f'b{i}')
        os.makedirs(source)
        for f in range(FILES):
            with open(os.path.join(source, f'b{f}'), 'wb') as out:
                out.write(content('b', i, f))
        self.may[v] = None
        s('volume', 'cp', source + '/.', f'{v}:/')
        self.acked(f'cp {v}', lambda: self.has(v, a) or self.has(v, b))

        self.may[c] = [{a}]
        s('volume', 'clone', f'{v}@s', c)
        self.acked(f'clone {c}', lambda: self.has(c, a))

        self.begin(f'cp {v}')
        s('volume', 'rollback', f'{v}@s')
        self.acked(f'rollback {v}', lambda: self.has(v, a) or self.has_not(v, b))

        self.may[r] = [{a}]
        self.begin(f'clone {c}')
        s('volume', 'rename', c, r)
        self.acked(f'rename {r}', lambda: self.has(r, a) or self.gone(c))

        if i % 2:
            old = f'renamed{i - 1}'
            self.begin(f'rename {old}')
            s('volume', 'rm', old)
            self.acked(f'rm {old}', lambda: self.gone(old))
            self.begin(f'rm {old}')
            s('volume', 'undelete', old)
            self.acked(f'undelete {old}', lambda: self.has(old, ('a', i - 1)))
        else:
            q = f'sized{i}'
            s('volume', 'create', '--size', '16m', q)
            self.acked(f'size {q}', lambda: self.sized(q, 16 << 20))
            s('volume', 'resize', q, '24m')
            self.acked(f'resize {q}', lambda: self.sized(q, 24 << 20))

    def there(self, name):
        return None if name in self.now else 'is not listed'

    def gone(self, name):
        return None if name not in self.now else f'{name} is still listed'

    def has(self, name, part):
        return self.there(name) or whole(self.stead.data(name), part)

    def has_not(self, name, part):
        found = [f for f in range(FILES) if os.path.exists(os.path.join(self.stead.data(name), f'{part[0]}{f}'))]
        return f'{len(found)} files are there that were rolled back' if found else None

    def has_snapshot(self, name, snapshot, part):
        return None if name not in self.now else (f'snapshot {snapshot} is not listed' if snapshot not in self.snapshots(name) else
                                                  whole(os.path.join(self.stead.root, 'volumes', name, 'snapshots', snapshot, '_data'), part))

    def snapshots(self, name):
        listed = self.stead('volume', 'snapshot', 'ls', '-q', name, check=False)
        return [line.rsplit('@', 1)[-1] for line in listed.stdout.split()]

    def sized(self, name, least):
        found = self.stead('volume', 'inspect', name, check=False)
        if found.returncode:
            return 'is not there'
        told = json.dumps(json.loads(found.stdout)[0])
        size = json.loads(found.stdout)[0].get('Status', {}).get('SizeLimit', 0)
        return None if size >= least else f'its limit is {size}, not {least}: {told}'

    def look(self):
        """Starts stead on the crashed disk; answers what is half there."""
        self.stead.reboot()
        found = self.stead('system', 'check', '--repair', check=False)
        trouble = [] if found.returncode == 0 else [f'system check --repair: exit {found.returncode}: {found.stderr.strip()} {found.stdout.strip()}']
        self.now = self.stead('volume', 'ls', '-q').stdout.split()
        for name in self.now:
            trouble += self.torn(name, self.stead.data(name))
            for snapshot in self.snapshots(name):
                trouble += self.torn(f'{name}@{snapshot}', os.path.join(self.stead.root, 'volumes', name, 'snapshots', snapshot, '_data'))
        return trouble

    def torn(self, what, path):
        """What is listed is whole: all of the files of each part it has, and no combination that it never had."""
        allowed = self.may.get(what)
        if allowed is None:
            return []
        names = [n for n in os.listdir(path) if n != 'lost+found']
        for parts in allowed:
            if len(names) == FILES * len(parts) and not any(whole(path, part) for part in parts):
                return []
        return [f'{what} is half there: {len(names)} files']

    def goes_on(self, state):
        """After the cut every verb works on what is there."""
        if state % 5:
            return []
        steps = [('volume', 'create', 'after'), ('volume', 'import', 'after', self.tar('after', 0)), ('volume', 'snapshot', 'create', 'after', 's'),
                 ('volume', 'clone', 'after@s', 'later'), ('volume', 'rollback', 'after@s'), ('volume', 'rm', 'later'), ('volume', 'undelete', 'later')]
        for step in steps:
            done = self.stead(*step, check=False)
            if done.returncode:
                return [f'{" ".join(step[:3])} after the cut: exit {done.returncode}: {done.stderr.strip()}']
        self.now = ['after', 'later']
        return [wrong for wrong in (self.has('after', ('after', 0)), self.has('later', ('after', 0))) if wrong]


def whole(path, part):
    bad = [f for f in range(FILES) if read(os.path.join(path, f'{part[0]}{f}')) != content(part[0], part[1], f)]
    return f'{len(bad)} of {FILES} files of {part[0]} are gone or wrong' if bad else None
