"""The suites, what each wants, and how its results are counted."""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from . import tools, upstream
from .machine import Broken

HERE = tools.HERE


@dataclass
class Wants:
    images: tuple = ('busybox',)
    registry: bool = False


@dataclass
class Tally:
    passed: int = 0
    failed: list = field(default_factory=list)   # (name, what it said)
    skipped: list = field(default_factory=list)  # (name, reason)
    output: str = ''

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def show(self, name, seconds):
        lines = [f'{"ok    " if not self.failed else "FAILED"} {name}: {self.passed} ok, {len(self.failed)} wrong, {len(self.skipped)} left out ({seconds:.0f}s)']
        for test, said in self.failed:
            lines += [f'FAIL {name}: {test}'] + ['       ' + line for line in said.strip().splitlines()[-25:]]
        by_reason = {}
        for test, reason in self.skipped:
            by_reason.setdefault(reason, []).append(test)
        for reason, tests in by_reason.items():
            lines += [f'SKIPPED {name}: {test}: {reason}' for test in tests]
        print('\n'.join(lines), flush=True)


def suite_process(machine, argv, timeout, cwd=HERE, **env):
    """Runs a suite inside the machine; what is left of it after the time is ended with its whole group."""
    child = subprocess.Popen(machine.inside_argv(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                             cwd=cwd, env={**machine.env(), **env}, start_new_session=True)
    try:
        out, _ = child.communicate(timeout=timeout)
        return child.returncode, out
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        out, _ = child.communicate()
        return -9, out + f'\nnot done after {timeout} s'


def pytest(machine, only, folder, timeout=400, **env):
    report = f'{machine.dir}/report.xml'
    argv = [tools.PYTHON, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--timeout', '90', '--tb=short', f'--junitxml={report}', f'--rootdir={HERE}', '-c', '/dev/null', folder]
    if only:
        argv += ['-k', only]
    code, out = suite_process(machine, argv, timeout, **env)
    tally = Tally(output=out)
    if not os.path.exists(report):
        tally.failed.append(('the suite as a whole', out[-3000:]))
        return tally
    for case in ElementTree.parse(report).iter('testcase'):
        name = f'{case.get("classname", "").rsplit(".", 1)[-1]}::{case.get("name")}'
        wrong = case.find('failure') if case.find('failure') is not None else case.find('error')
        if wrong is not None:
            tally.failed.append((name, wrong.text or wrong.get('message', '')))
        elif case.find('skipped') is not None:
            tally.skipped.append((name, case.find('skipped').get('message', 'no reason')))
        else:
            tally.passed += 1
    if code not in (0, 1):
        tally.failed.append(('pytest itself', f'exit {code}\n{out[-1500:]}'))
    return tally


def dockerode(machine, only):
    tally = Tally()
    for test in ('containers', 'streams', 'storage'):
        argv = ['node', '--test-reporter=tap', f'{HERE}/dockerode/{test}.test.js'] + ([f'--test-name-pattern={only}'] if only else [])
        code, out = suite_process(machine, argv, 240, NODE_PATH=f'{tools.CACHE}/node/node_modules')
        tally.output += out
        read_tap(out, tally)
        if code and not tally.failed:
            tally.failed.append((f'{test}.test.js', out[-2000:]))
    return tally


def read_tap(out, tally):
    for match in re.finditer(r'^(not )?ok \d+ - ([^\n#]*)(# (?:SKIP|TODO)([^\n]*))?\n((?:  [^\n]*\n)*)', out, re.M):
        bad, name, skipped, reason, said = match.groups()
        if skipped:
            tally.skipped.append((name.strip(), (reason or '').strip()))
        elif bad:
            tally.failed.append((name.strip(), said))
        else:
            tally.passed += 1


def bollard(machine, only):
    code, out = suite_process(machine, [tools.cargo(), 'test', '--locked', '--manifest-path', f'{HERE}/bollard/Cargo.toml', '--', '--test-threads', '4', *([only] if only else [])],
                              400, RUST_BACKTRACE='0', CARGO_TARGET_DIR=f'{tools.CACHE}/bollard', CARGO_HOME=os.environ.get('CARGO_HOME', os.path.expanduser('~/.cargo')),
                              RUSTUP_HOME=os.environ.get('RUSTUP_HOME', os.path.expanduser('~/.rustup')))
    tally = Tally(output=out)
    read_libtest(out, tally)
    if code and not tally.failed:
        tally.failed.append(('cargo test', out[-3000:]))
    return tally


def read_libtest(out, tally):
    for match in re.finditer(r'^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored(?:, .*)?)', out, re.M):
        name, how = match.groups()
        if how == 'ok':
            if f'\nSKIPPED {name}: ' in '\n' + out:
                continue
            tally.passed += 1
        elif how == 'FAILED':
            said = re.search(rf'^---- {re.escape(name)} stdout ----\n(.*?)(?=^----|^failures:)', out, re.M | re.S)
            tally.failed.append((name, said.group(1) if said else ''))
        else:
            tally.skipped.append((name, how))
    for name, reason in re.findall(r'^SKIPPED (\S+): (.*)$', out, re.M):
        tally.skipped.append((name, reason))


def compose(version):
    def act(machine, only):
        exe = 'docker-compose' if version == 1 else tools.COMPOSE2
        missing = tools.compose_missing(version)
        if missing:
            return Tally(skipped=[('all of it', missing)])
        return pytest(machine, only, 'compose', CLIENTS_COMPOSE=exe)
    return act


def folder(name, **kw):
    return lambda machine, only: pytest(machine, only, name, **kw)


SERVERS = ('busybox', 'redis', 'nginx')
# What is slowest comes first.
ALL = {
    'bollard': (Wants(('busybox', 'hello-world'), True), bollard),
    'compose2': (Wants(SERVERS), compose(2)),
    'compose1': (Wants(SERVERS), compose(1)),
    'dockerpy': (Wants(('busybox', 'redis', 'hello-world'), True), folder('dockerpy')),
    'api': (Wants(('busybox', 'hello-world', 'nginx'), True), folder('api')),
    'stress': (Wants(), folder('stress')),
    'cli': (Wants(SERVERS + ('postgres',), True), folder('cli')),
    'dockerode': (Wants(('busybox', 'redis'), True), dockerode),
    'testcontainers': (Wants(SERVERS + ('postgres',)), folder('testcontainers')),
    'upstream': (Wants(('busybox', 'hello-world', 'alpine', 'alpine-3.10', 'nginx', 'ubuntu'), True), upstream.run),
}
QUICK = [name for name in ALL if name != 'upstream']


def run(name, machine_for, only, verbose):
    wants, act = ALL[name]
    machine = None
    try:
        machine = machine_for(wants)
        with machine:
            tally = act(machine, only)
            log = machine.log('engine')
            if verbose:
                print(tally.output, file=sys.stderr)
                print(f'--- {name}: the engine said:\n{log}', file=sys.stderr)
    except (Broken, OSError, subprocess.TimeoutExpired, RuntimeError) as e:
        tally = Tally(failed=[('the engine and its images', str(e)[-3000:])])
    if machine is not None:
        tally.failed += [('nothing is left', left) for left in machine.left]
        if not machine.left and tally.passed:
            tally.passed += 1
    return tally
