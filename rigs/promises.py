"""What a workload was told, and from which mark on: the part that all workloads under power cuts share."""
import os


class Promises:
    """Promises are (mark, what, check, undone): from `mark` on `check` answers None, until a later entry names `what` as `undone`."""

    def __init__(self, rig, stead, work):
        self.rig, self.stead, self.work = rig, stead, work
        self.promises = []

    def acked(self, what, check, undone=None):
        """From here on `check` holds. `undone` names an earlier promise that this one ends."""
        self.promises.append((self.rig.mark(), what, check, undone))

    def begin(self, what):
        """What was promised under `what` may be broken from this moment on."""
        self.promises.append((self.rig.mark(), None, None, what))

    def control(self, i, data):
        """One file that nobody flushes: where no cut loses it, the cuts prove nothing."""
        path = os.path.join(os.path.dirname(self.stead.root), f'control{i}')
        with open(path, 'wb') as f:
            f.write(data)
        self.acked(f'control{i}', lambda: None if read(path) == data else 'lost')

    def broken(self, mark):
        """What was acknowledged at `mark` or before and is not so: (controls, others)."""
        over = {undone for m, _, _, undone in self.promises if undone and m <= mark}
        held = [(what, check) for m, what, check, _ in self.promises if m <= mark and what and what not in over]
        bad = [f'{what}: {wrong}' for what, wrong in ((what, check()) for what, check in held) if wrong]
        return [b for b in bad if b.startswith('control')], [b for b in bad if not b.startswith('control')]


def content(kind, i, f):
    """4 KiB that belong to one file of one round and to no other."""
    return (f'{kind} {i} {f} '.encode() * 1024)[:4096]


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except OSError:
        return None
