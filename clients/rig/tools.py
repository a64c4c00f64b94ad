"""Gets the clients by the ordinary package managers, once, into a cache: $STEAD_CLIENTS or /var/cache/stead-clients."""
import fcntl
import glob
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPO = os.path.dirname(HERE)
IMAGES = os.environ.get('STEAD_IMAGES', '/var/cache/stead-images')
CACHE = os.environ.get('STEAD_CLIENTS', '/var/cache/stead-clients')
PYTHON = f'{CACHE}/venv/bin/python'
COMPOSE2 = f'{CACHE}/compose2/usr/libexec/docker/cli-plugins/docker-compose'


def run(*argv, **kw):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if done.returncode:
        raise RuntimeError(f'{" ".join(argv)}: exit {done.returncode}\n{done.stdout[-3000:]}')
    return done.stdout


def install(names):
    """Tells, and goes on, when something cannot be had: the suites that need it then fail or say why they are skipped."""
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for what, get, needed in [('python', venv, True), ('npm', dockerode, 'dockerode' in names), ('compose v1', compose1, 'compose1' in names),
                                  ('compose v2', compose2, 'compose2' in names), ('bollard', bollard, 'bollard' in names)]:
            if not needed:
                continue
            try:
                get()
            except (RuntimeError, OSError) as e:
                print(f'clients: cannot install {what}: {e}', file=sys.stderr)


def same(a, b):
    return os.path.exists(a) and open(a).read() == open(b).read()


def venv():
    wanted, got = f'{HERE}/requirements.txt', f'{CACHE}/venv/requirements.txt'
    if same(got, wanted) and os.path.exists(PYTHON):
        return
    shutil.rmtree(f'{CACHE}/venv', ignore_errors=True)
    run('/usr/bin/python3', '-m', 'venv', f'{CACHE}/venv')
    run(PYTHON, '-m', 'pip', '-q', '--disable-pip-version-check', 'install', '-r', wanted)
    shutil.copy(wanted, got)


def dockerode():
    os.makedirs(f'{CACHE}/node', exist_ok=True)
    if same(f'{CACHE}/node/installed.json', f'{HERE}/dockerode/package-lock.json'):
        return
    for f in ('package.json', 'package-lock.json'):
        shutil.copy(f'{HERE}/dockerode/{f}', f'{CACHE}/node/{f}')
    run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', cwd=f'{CACHE}/node')
    shutil.copy(f'{HERE}/dockerode/package-lock.json', f'{CACHE}/node/installed.json')


def compose1():
    """Debian's and Ubuntu's docker-compose 1.29, where the release still has it."""
    if shutil.which('docker-compose'):
        return
    run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'docker-compose', env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})


def compose_missing(version):
    """Why there is no compose of that version; empty when there is one."""
    if version == 2:
        return '' if os.path.exists(COMPOSE2) else "Debian 13's docker-compose package could not be fetched"
    if not shutil.which('docker-compose'):
        return 'this release has no docker-compose 1.29'
    said = subprocess.run(['docker-compose', 'version', '--short'], capture_output=True, text=True).stdout.strip()
    return '' if said.startswith('1.') else f'the docker-compose of this release is {said}, not 1.29'


def images(names):
    """Makes the images that are not there yet from the distribution's packages."""
    if any(not os.path.exists(f'{IMAGES}/{n}.tar') for n in names):
        run('bash', f'{REPO}/images/build.sh')


def compose2():
    """Debian 13's docker-compose is version 2. Its package is fetched with a source list of our own and unpacked into the cache: the machine's apt stays as it is."""
    if os.path.exists(COMPOSE2):
        return
    apt = f'{CACHE}/apt'
    shutil.rmtree(apt, ignore_errors=True)
    os.makedirs(f'{apt}/lists/partial')
    os.makedirs(f'{apt}/cache/archives/partial')
    with open(f'{apt}/status', 'w'), open(f'{apt}/debian.sources', 'w') as f:
        f.write('Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n')
    options = []
    for key, value in [('Dir::Etc::sourceparts', '/dev/null'), ('Dir::Etc::sourcelist', f'{apt}/debian.sources'), ('Dir::State::lists', f'{apt}/lists'),
                       ('Dir::Cache', f'{apt}/cache'), ('Dir::State::status', f'{apt}/status'), ('APT::Sandbox::User', 'root')]:
        options += ['-o', f'{key}={value}']
    run('apt-get', *options, 'update', '-qq')
    run('apt-get', *options, 'download', 'docker-compose', cwd=apt)
    run('dpkg-deb', '-x', glob.glob(f'{apt}/docker-compose_2*.deb')[0], f'{CACHE}/compose2')
    shutil.rmtree(apt)


def bollard():
    """Compiled with the target folder in the cache: the crate is outside the workspace, so that its dependencies never touch Stead's own."""
    run(cargo(), 'test', '--quiet', '--locked', '--no-run', '--manifest-path', f'{HERE}/bollard/Cargo.toml', env={**os.environ, 'CARGO_TARGET_DIR': f'{CACHE}/bollard'})


def cargo():
    return shutil.which('cargo') or os.path.expanduser('~/.cargo/bin/cargo')


def build_stead():
    run(cargo(), 'build', '--locked', '--quiet', '-p', 'stead-cli', cwd=REPO)
    target = os.environ.get('CARGO_TARGET_DIR', f'{REPO}/target')
    return f'{target}/debug/stead'
