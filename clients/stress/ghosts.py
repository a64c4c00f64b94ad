"""What is in no list: processes of the kernel that have no record, and what `system check` finds."""
import os
import subprocess
import time


def monitors():
    """The ids of all containers of this root that have a monitor."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if words[:2] == ['stead', 'monitor'] and words[3:4] == [os.environ['CLIENTS_ROOT']]:
            found.append(words[2])
    return found


def strays(wire):
    """Monitors without a record. One that has told its end may take a moment to leave."""
    until = time.monotonic() + 10
    while True:
        there = monitors()  # looked at first: a record is there before its monitor
        known = {c['Id'] for c in wire.get('/containers/json?all=1').json()}
        stray = [c for c in there if c not in known]
        if not stray or time.monotonic() > until:
            return stray
        time.sleep(0.1)


def none(wire):
    """After a crowd: nobody lives whom nothing can name, and nothing is held for somebody who does not live."""
    stray = strays(wire)
    assert not stray, f'monitors without a record: {stray}'
    argv = [os.environ['CLIENTS_STEAD'], '--root', os.environ['CLIENTS_ROOT'], '--run-root', os.environ['CLIENTS_RUN_ROOT'], 'system', 'check']
    until = time.monotonic() + 15
    while True:
        checked = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        # The kernel takes its time to end the interfaces of a network namespace that nobody is in any more.
        if checked.returncode == 0 or time.monotonic() > until:
            break
        time.sleep(0.5)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for what, line in running_without_files(wire):
        raise AssertionError(f'{what} is reported running and has lost its files: {line}')


def running_without_files(wire):
    for c in wire.get('/containers/json').json():
        if os.path.isdir(f'{os.environ["CLIENTS_ROOT"]}/containers/{c["Id"]}/upper'):
            continue
        again = wire.get(f'/containers/{c["Id"]}/json')
        if again.status == 200 and again.json()['State']['Running']:
            yield c['Id'], c['Status']
