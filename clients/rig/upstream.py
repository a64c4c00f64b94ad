"""The integration tests that client libraries publish themselves, run from their downloaded packages. Nothing of them is kept here.

docker-py: the source package of 7.0.0 is the last that has them. bollard: its crate has them; 0.19 is the last whose own version of the API (1.49) Docker 28 serves.
dockerode's npm package has none. What fails for want of the internet, of a swarm, of plugins or of a builder is named with its reason, and fails all the same."""
import glob
import os
import re
import shutil
import subprocess
import tarfile
import xml.etree.ElementTree as ElementTree

from . import tools
from .machine import REGISTRY

PYPI = 'docker==7.0.0'
CRATE = '0.19.4'
# What the engine does not have by decision, and what this rig does not have: by a word in the test's name or in what it said.
REASONS = [
    ('a swarm', r'swarm|service|secret|config_test|ConfigAPI|node'), ('managed plugins', r'plugin'), ('a builder', r'[Bb]uild'),
    ('the internet', r'dial tcp|no such host|lookup |Temporary failure|registry-1\.docker\.io|network is unreachable|timed? ?out.*docker\.io'), ('gpg and pass', r'credentials|StoreTest'),
]


def fetch_pypi():
    home = f'{tools.CACHE}/upstream'
    if not glob.glob(f'{home}/docker-7*/tests/integration'):
        os.makedirs(home, exist_ok=True)
        tools.run(tools.PYTHON, '-m', 'pip', '-q', 'download', '--no-binary', 'docker', '--no-deps', PYPI, '-d', home)
        with tarfile.open(glob.glob(f'{home}/docker-7*.tar.gz')[0]) as t:
            t.extractall(home, filter='data') if hasattr(tarfile, 'data_filter') else t.extractall(home)
    venv = f'{home}/venv'
    if not os.path.exists(f'{venv}/done'):
        shutil.rmtree(venv, ignore_errors=True)
        tools.run('/usr/bin/python3', '-m', 'venv', venv)
        # the versions of its time: later ones of requests do not know docker-py 7.0's way to the socket
        tools.run(f'{venv}/bin/python', '-m', 'pip', '-q', 'install', PYPI, 'requests==2.31.0', 'urllib3<2', 'pytest<8', 'pytest-timeout', 'websocket-client', 'setuptools')
        open(f'{venv}/done', 'w').close()
    return glob.glob(f'{home}/docker-7*/tests')[0], f'{venv}/bin/python'


def fetch_crate():
    home = f'{tools.CACHE}/upstream/bollard'
    if not os.path.exists(f'{home}/src/Cargo.toml'):
        shutil.rmtree(home, ignore_errors=True)
        os.makedirs(f'{home}/get/src')
        open(f'{home}/get/src/lib.rs', 'w').close()
        with open(f'{home}/get/Cargo.toml', 'w') as f:
            f.write(f'[package]\nname = "get"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nbollard = "={CRATE}"\n[workspace]\n')
        tools.run(tools.cargo(), 'fetch', '--quiet', cwd=f'{home}/get')
        cargo_home = os.environ.get('CARGO_HOME', os.path.expanduser('~/.cargo'))
        shutil.copytree(glob.glob(f'{cargo_home}/registry/src/*/bollard-{CRATE}')[0], f'{home}/src')
        with open(f'{home}/src/Cargo.toml', 'a') as f:
            f.write('\n[workspace]\n')
    return f'{home}/src'


def reason(name, said):
    return next((why for why, pattern in REASONS if re.search(pattern, name) or (why == 'the internet' and re.search(pattern, said))), '')


def prepare(machine):
    """The images that those tests want, by the names they want them by."""
    m = machine.docker
    for name in ('hello-world:linux', 'alpine:latest', 'busybox:latest'):
        m('tag', name.replace(':linux', ':latest'), f'localhost:{REGISTRY.split(":")[1]}/{name}')
    m('run', '--name', 'uhttpd', 'busybox', 'sh', '-c',
      'mkdir -p /etc/config /usr/sbin /www; printf "\\nconfig uhttpd main\\n" >/etc/config/uhttpd; echo hello >/www/index.html; '
      'printf "#!/bin/sh\\nexec httpd \\"\\$@\\"\\n" >/usr/sbin/run_uhttpd; chmod 755 /usr/sbin/run_uhttpd')
    m('commit', 'uhttpd', 'localhost:5000/fussybeaver/uhttpd')
    m('rm', '-v', 'uhttpd')
    for name in ('hello-world:linux', 'alpine:latest', 'busybox:latest', 'fussybeaver/uhttpd:latest'):
        subprocess.run(machine.inside_argv('docker', '-H', machine.host, 'push', '-q', f'localhost:5000/{name}'), capture_output=True)


def docker_py(machine, only, tally):
    from .suites import suite_process
    tests, python = fetch_pypi()
    report = f'{machine.dir}/upstream.xml'
    argv = [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--timeout', '60', '--tb=short', f'--junitxml={report}', 'tests/integration', *(['-k', only] if only else [])]
    code, out = suite_process(machine, argv, 1500, cwd=os.path.dirname(tests))
    tally.output += out
    if not os.path.exists(report):
        tally.failed.append(('docker-py as a whole', out[-2000:]))
        return
    for case in ElementTree.parse(report).iter('testcase'):
        name = f'docker-py {case.get("classname", "").rsplit(".", 1)[-1]}::{case.get("name")}'
        wrong = case.find('failure') if case.find('failure') is not None else case.find('error')
        if wrong is not None:
            said = wrong.text or ''
            why = reason(case.get('classname', '') + name, said)
            tally.failed.append((name + (f' [wants {why}]' if why else ''), '\n'.join(said.splitlines()[-8:])))
        elif case.find('skipped') is not None:
            tally.skipped.append((name, case.find('skipped').get('message', '')))
        else:
            tally.passed += 1
    assert code is not None


def bollard(machine, only, tally):
    from .suites import Tally, read_libtest, suite_process
    src = fetch_crate()
    code, out = suite_process(machine, [tools.cargo(), 'test', '--no-fail-fast', '--tests', '--', '--test-threads', '2', *([only] if only else [])], 1500, cwd=src,
                              CARGO_TARGET_DIR=f'{tools.CACHE}/upstream/target', REGISTRY_HTTP_ADDR='localhost:5000', RUST_BACKTRACE='0',
                              CARGO_HOME=os.environ.get('CARGO_HOME', os.path.expanduser('~/.cargo')), RUSTUP_HOME=os.environ.get('RUSTUP_HOME', os.path.expanduser('~/.rustup')))
    part = Tally()
    read_libtest(out, part)
    tally.output += out
    tally.passed += part.passed
    tally.skipped += [(f'bollard {n}', why) for n, why in part.skipped]
    for name, said in part.failed:
        why = reason(name, said)
        tally.failed.append((f'bollard {name}' + (f' [wants {why}]' if why else ''), '\n'.join(said.splitlines()[:6])))
    if code and not part.failed:
        tally.failed.append(('bollard as a whole', out[-2500:]))


def run(machine, only):
    from .suites import Tally
    tally = Tally()
    prepare(machine)
    docker_py(machine, only, tally)
    bollard(machine, only, tally)
    return tally
