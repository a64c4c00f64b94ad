#!/usr/bin/env python3
"""crashrig: power cuts without a virtual machine and without device-mapper.

record: qemu-storage-daemon (blklogwrites) -> FUSE export -> loop device -> ext4, xfs or btrfs -> the workload
replay: the disk is rebuilt as it could look after a power cut just before log entry k. Everything before the last FLUSH
        that precedes k is durable; of the later writes an arbitrary subset, torn at 512 bytes, survives.
marks:  the driver writes 512-byte records to the tail of the same device, outside the file system, so that every
        acknowledgement has an exact place in the log of writes.
"""
import os
import random
import shutil
import struct
import subprocess
import time

TAIL = 1 << 20
SECTOR = 512
MAGIC = b'MARKMARK'
LOG_MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
MKFS = {'ext4': ['mkfs.ext4', '-q', '-F'], 'xfs': ['mkfs.xfs', '-q', '-f'], 'btrfs': ['mkfs.btrfs', '-q', '-f']}


class Rig:
    """One recorded disk. `start` mounts it, `mark` notes an acknowledgement, `stop` ends the recording, `states` replays it."""

    def __init__(self, directory, fstype='ext4', size=128 << 20):
        self.dir = os.path.abspath(directory)
        self.fstype, self.size, self.fs = fstype, size, size - TAIL
        shutil.rmtree(self.dir, ignore_errors=True)
        self.mnt = os.path.join(self.dir, 'mnt')
        os.makedirs(self.mnt)
        self.base, self.disk, self.log, self.export, self.crash = (os.path.join(self.dir, n + '.img') for n in ('base', 'disk', 'log', 'export', 'crash'))
        with open(self.base, 'wb') as f:
            f.truncate(self.fs)
        subprocess.check_call(MKFS[fstype] + [self.base])
        os.truncate(self.base, self.size)
        shutil.copyfile(self.base, self.disk)
        with open(self.log, 'wb') as f:
            f.truncate(4 << 30)
        open(self.export, 'w').close()
        self.marks, self.daemon, self.loop, self.tail = 0, None, None, None

    def start(self):
        """Exports and mounts the disk; answers where."""
        self.daemon = subprocess.Popen(
            ['qemu-storage-daemon',
             '--blockdev', f'driver=file,filename={self.disk},node-name=disk,cache.no-flush=on',
             '--blockdev', f'driver=file,filename={self.log},node-name=log,cache.no-flush=on',
             '--blockdev', 'driver=blklogwrites,node-name=both,file=disk,log=log,log-sector-size=512',
             '--export', f'type=fuse,id=export,node-name=both,mountpoint={self.export},writable=on,allow-other=on'],
            stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.dir, 'qsd.log'), 'w'), stderr=subprocess.STDOUT)
        for _ in range(200):
            with open('/proc/mounts') as mounts:
                if any(self.export in line for line in mounts):
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError('qemu-storage-daemon does not export: ' + open(os.path.join(self.dir, 'qsd.log')).read())
        self.loop = subprocess.check_output(['losetup', '-f', '--show', '--sizelimit', str(self.fs), self.export], text=True).strip()
        subprocess.check_call(['mount', '-t', self.fstype, '-o', 'noatime', self.loop, self.mnt])
        self.tail = os.open(self.export, os.O_WRONLY)
        return self.mnt

    def mark(self):
        """Notes that something was acknowledged; answers its number, from 1."""
        self.marks += 1
        os.pwrite(self.tail, (MAGIC + struct.pack('<Q', self.marks)).ljust(SECTOR, b'\0'), self.fs)
        return self.marks

    def stop(self):
        """Ends the recording."""
        os.close(self.tail)
        self.tail = None
        self.umount()
        subprocess.check_call(['losetup', '-d', self.loop])
        self.loop = None
        self.daemon.terminate()
        self.daemon.wait()

    def close(self):
        """Takes everything down, whatever state it is in, and deletes the rig's files."""
        if self.tail is not None:
            os.close(self.tail)
        while os.path.ismount(self.mnt):
            subprocess.call(['umount', '-R', '-l', self.mnt])
        if self.loop:
            subprocess.call(['losetup', '-d', self.loop])
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def entries(self):
        """The log of writes: (offset, length, flags, data or None for a discard)."""
        found = []
        with open(self.log, 'rb') as f:
            magic, _version, count, sector = struct.unpack('<QQQL', f.read(SECTOR)[:28])
            if magic != LOG_MAGIC:
                raise RuntimeError('this is no log of writes')
            at = sector
            for _ in range(count):
                f.seek(at)
                where, sectors, flags, _ = struct.unpack('<QQQQ', f.read(sector)[:32])
                at += sector
                data = None
                if not flags & DISCARD:
                    data = f.read(sectors * sector) if sectors else b''
                    at += sectors * sector
                found.append((where * sector, sectors * sector, flags, data))
        return found

    def mark_of(self, entry):
        """The number of the mark that this entry is, or None."""
        offset, _, _, data = entry
        if offset >= self.fs and data and data[:8] == MAGIC:
            return struct.unpack('<Q', data[8:16])[0]
        return None

    def states(self, log, points, seed=0):
        """Yields (k, last mark before k, image path) for each log index in `points`: the power goes just before entry k."""
        rnd = random.Random(seed)
        with open(self.base, 'rb') as f:
            durable = bytearray(f.read())
        pending, points, seen = [], sorted(points), 0
        for k, entry in enumerate(log + [None]):
            while points and points[0] == k:
                points.pop(0)
                self._write(durable, pending, rnd)
                yield k, seen, self.crash
            if entry is None:
                return
            if entry[0] >= self.fs:
                seen = self.mark_of(entry) or seen
                continue
            if entry[2] & FLUSH:
                for write in pending:
                    apply(durable, write)
                pending = []
            if entry[2] & FUA:
                apply(durable, entry)
            elif entry[1]:
                pending.append(entry)

    def _write(self, durable, pending, rnd):
        """One crashed disk: of what was not flushed, some is there, some is torn, some is not."""
        image = bytearray(durable)
        for write in pending:
            luck = rnd.random()
            if luck < 0.45:
                apply(image, write)
            elif luck < 0.55:
                apply(image, write, rnd)
        # A file of its own for each: what was still on its way to the disk of an earlier one must not end up on this one.
        if os.path.exists(self.crash):
            os.remove(self.crash)
        with open(self.crash, 'wb') as f:
            f.write(image)

    def mount(self, image):
        """Mounts a crashed disk where the recorded one was; False when the file system itself does not mount."""
        return subprocess.run(['mount', '-t', self.fstype, '-o', 'loop', image, self.mnt], capture_output=True).returncode == 0

    def umount(self):
        """Unmounts; what the workload left to do in the background gets ten seconds to be done."""
        for _ in range(100):
            if subprocess.run(['umount', '-R', self.mnt], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.check_call(['umount', '-R', self.mnt])


def apply(image, write, torn=None):
    """Puts one write into the image; with `torn`, each of its sectors by the toss of a coin."""
    offset, length, _, data = write
    if data is None:
        image[offset:offset + length] = bytes(length)
    elif torn is None:
        image[offset:offset + len(data)] = data
    else:
        for i in range(0, len(data), SECTOR):
            if torn.random() < 0.5:
                image[offset + i:offset + i + SECTOR] = data[i:i + SECTOR]
