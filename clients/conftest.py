"""What every Python suite has: the engine's version, clean slates, names, and the docker CLI."""
import json
import os
import subprocess
import time
import uuid

import docker
import pytest

from wire import Wire

ENGINE = os.environ['CLIENTS_ENGINE']
SOCK = os.environ['CLIENTS_SOCK']
DOCKER = os.environ['CLIENTS_DOCKER']
REGISTRY = os.environ['CLIENTS_REGISTRY']


@pytest.fixture(scope='session')
def version():
    """The engine's API version as a pair."""
    answer = Wire(SOCK).get('/version')
    return tuple(int(n) for n in answer.json()['ApiVersion'].split('.'))


@pytest.fixture
def since(version):
    """since((1, 44)): the test needs that version; an older peer is left out, Stead never is."""
    def check(wanted, why='a newer API'):
        if version < wanted:
            assert ENGINE != 'stead', f'stead serves {version}, which is less than {wanted}'
            pytest.skip(f'{ENGINE} serves {version[0]}.{version[1]}: {why} came with {wanted[0]}.{wanted[1]}')
    return check


@pytest.fixture
def stead_only():
    def check(why):
        if ENGINE != 'stead':
            pytest.skip(f'only of stead: {why}')
    if ENGINE != 'stead':
        return check
    return check


@pytest.fixture
def wire():
    return Wire(SOCK)


@pytest.fixture
def client():
    c = docker.from_env(version='auto', timeout=60)
    yield c
    c.close()


@pytest.fixture
def name():
    """Makes names that nothing else has."""
    return lambda what='c': f'{what}-{uuid.uuid4().hex[:10]}'


@pytest.fixture(autouse=True)
def clean():
    """Every test begins and ends with no container, no volume, no network of a user."""
    yield
    w = Wire(SOCK)
    for c in w.get('/containers/json?all=1').json():
        if c['State'] == 'paused':
            w.post(f'/containers/{c["Id"]}/unpause')
        w.delete(f'/containers/{c["Id"]}?force=1&v=1')
    for _ in range(50):
        if not w.get('/containers/json?all=1').json():
            break
        time.sleep(0.1)
    networks = w.get('/networks')
    for n in networks.json() if networks.status == 200 else []:
        if n['Name'] not in ('bridge', 'host', 'none'):
            w.delete(f'/networks/{n["Id"]}')
    for v in w.get('/volumes').json()['Volumes'] or []:
        w.delete(f'/volumes/{v["Name"]}?force=1')


class Cli:
    """The docker CLI, pointed at the engine by DOCKER_HOST alone."""

    def __init__(self, exe=(DOCKER,)):
        self.exe = list(exe)

    def __call__(self, *args, code=0, stdin=None, cwd=None, timeout=80, env=None):
        done = subprocess.run([*self.exe, *args], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True, timeout=timeout,
                              cwd=cwd, env={**os.environ, **(env or {})}, errors='replace')
        if code is not None:
            assert done.returncode == code, f'{" ".join(args)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}'
        self.err = done.stderr
        return done.stdout.strip()

    def json(self, *args, **kw):
        return json.loads(self(*args, **kw))


@pytest.fixture
def cli():
    return Cli()


@pytest.fixture
def stead():
    """The stead CLI on the same root."""
    if ENGINE != 'stead':
        pytest.skip('only of stead: its own command line beside the socket')
    return Cli([os.environ['CLIENTS_STEAD'], '--root', os.environ['CLIENTS_ROOT'], '--run-root', os.environ['CLIENTS_RUN_ROOT']])


@pytest.fixture
def soon():
    """soon(lambda: ...): waits until it holds, and answers its value."""
    def wait(what, seconds=20):
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            try:
                value = what()
                if value:
                    return value
                last = value
            except AssertionError as e:
                last = e
            except (OSError, docker.errors.APIError) as e:
                last = e
            time.sleep(0.1)
        raise AssertionError(f'not within {seconds} s; last: {last!r}')
    return wait
