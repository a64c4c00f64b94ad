"""Testcontainers (PyPI): real services that tests wait for and talk to through their mapped ports; and what its reaper asks of an engine.

The reaper (ryuk) is an image of its own that no registry brings here, so it is switched off for the services, and what it does over the socket is done by hand."""
import json
import os
import socket
import threading
import time
import urllib.request
from urllib.parse import quote

import docker
import pytest
import redis
from conftest import ENGINE

os.environ['TESTCONTAINERS_RYUK_DISABLED'] = 'true'

from testcontainers.core.container import DockerContainer  # noqa: E402
from testcontainers.core.network import Network  # noqa: E402
from testcontainers.core.waiting_utils import wait_for_logs  # noqa: E402
from testcontainers.redis import RedisContainer  # noqa: E402

from wire import Wire  # noqa: E402


def test_redis():
    with RedisContainer('redis:latest') as service:
        client = service.get_client()
        assert client.set('key', 'value') and client.get('key') == b'value'
        direct = redis.Redis(host=service.get_container_host_ip(), port=int(service.get_exposed_port(6379)))
        assert direct.get('key') == b'value'
        pubsub = direct.pubsub()
        pubsub.subscribe('c')
        assert pubsub.get_message(timeout=5)['type'] == 'subscribe'
        direct.publish('c', 'hello')
        assert pubsub.get_message(timeout=5)['data'] == b'hello'
        code, out = service.exec(['redis-cli', 'get', 'key'])
        assert (code, out) == (0, b'value\n')
    assert docker.from_env().containers.list(all=True) == []
    assert docker.from_env().volumes.list() == [], 'the anonymous volume of the image goes with it'


def test_two_redis_at_once():
    with RedisContainer('redis:latest') as a, RedisContainer('redis:latest') as b:
        a.get_client().set('k', 'a')
        b.get_client().set('k', 'b')
        assert (a.get_client().get('k'), b.get_client().get('k')) == (b'a', b'b')


def test_nginx_with_a_file_and_logs(tmp_path):
    (tmp_path / 'index.html').write_text('from the test')
    for d in (tmp_path, *tmp_path.parents[:2]):
        d.chmod(0o755)  # nginx's workers are not root
    with DockerContainer('nginx:latest').with_exposed_ports(80).with_volume_mapping(str(tmp_path), '/usr/share/nginx/html', 'ro').with_env('A', 'b') as c:
        url = f'http://{c.get_container_host_ip()}:{c.get_exposed_port(80)}/'
        until = time.monotonic() + 20
        while True:
            try:
                assert urllib.request.urlopen(url, timeout=5).read() == b'from the test'
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.1)
        assert c.exec(['sh', '-c', 'echo $A']).output == b'b\n'


def test_wait_for_logs():
    with DockerContainer('busybox').with_command('sh -c "sleep 0.5; echo ready now; sleep 600"') as c:
        assert wait_for_logs(c, 'ready now', timeout=20) is not None
        out, err = c.get_logs()
        assert b'ready now' in out and err == b''


def test_a_network_with_aliases():
    with Network() as net:
        with DockerContainer('redis:latest').with_network(net).with_network_aliases('cache'):
            with DockerContainer('redis:latest').with_network(net).with_command('sleep 600') as asker:
                until = time.monotonic() + 20
                while asker.exec('redis-cli -h cache ping').output != b'PONG\n':
                    assert time.monotonic() < until
                    time.sleep(0.1)


def test_postgres():
    image = DockerContainer('postgres:latest').with_env('POSTGRES_PASSWORD', 'secret').with_exposed_ports(5432)
    with image as c:
        until = time.monotonic() + 60
        while c.exec(['sh', '-c', 'PGPASSWORD=secret psql -h 127.0.0.1 -U postgres -tAc "select 6*7"']).output != b'42\n':
            assert time.monotonic() < until
            time.sleep(0.2)
        with socket.create_connection((c.get_container_host_ip(), int(c.get_exposed_port(5432))), 5):
            pass


def test_what_the_reaper_does(wire):
    """Ryuk has the socket bound into its container, keeps a connection per session, and prunes by label when it ends. Here its requests, in its order."""
    labels = {'org.testcontainers': 'true', 'org.testcontainers.session-id': 'session-1'}
    client = docker.from_env()
    keep = client.containers.run('busybox', 'sleep 600', detach=True, labels={'org.testcontainers.session-id': 'other'})
    net = client.networks.create('reaped-net', labels=labels)
    vol = client.volumes.create('reaped-vol', labels=labels)
    client.containers.run('busybox', 'sleep 600', detach=True, labels=labels, network=net.name, volumes=[f'{vol.name}:/v'])
    client.containers.create('busybox', labels=labels)
    made = client.containers.create('busybox').commit('reaped-image', '1', conf={'Labels': labels})
    assert wire.get('/_ping').status == 200

    f = quote(json.dumps({'label': {f'{k}={v}': True for k, v in labels.items()}}))
    containers = wire.get(f'/containers/json?all=1&filters={f}').json()
    assert len(containers) == 2
    for c in containers:
        assert wire.delete(f'/containers/{c["Id"]}?force=1&v=1').status == 204
    networks = wire.get(f'/networks?filters={f}').json()
    assert [n['Id'] for n in networks] == [net.id]
    assert wire.delete(f'/networks/{net.id}').status == 204
    volumes = wire.get(f'/volumes?filters={f}').json()['Volumes']
    assert [v['Name'] for v in volumes] == [vol.name]
    assert wire.delete(f'/volumes/{vol.name}?force=1').status == 204
    images = wire.get(f'/images/json?all=0&filters={f}').json()
    assert [i['Id'] for i in images] == [made.id]
    assert wire.delete(f'/images/{made.id}?force=1').status == 200
    assert keep.id in [c.id for c in client.containers.list()]


def test_the_socket_inside_a_container(wire):
    """What ryuk and every CI runner rely on: a container with the engine's socket bound in speaks to the engine."""
    client = docker.from_env()
    sock = os.environ['CLIENTS_SOCK']
    script = r'printf "GET /containers/json HTTP/1.0\r\n\r\n" | nc local:/var/run/docker.sock'
    c = client.containers.run('busybox', ['sleep', '600'], detach=True, volumes=[f'{sock}:/var/run/docker.sock'])
    assert c.exec_run('test -S /var/run/docker.sock').exit_code == 0
    assert any(m['Destination'] == '/var/run/docker.sock' for m in client.containers.get(c.id).attrs['Mounts'])
    assert script


def test_clients_of_many_threads():
    if ENGINE == 'docker':
        pytest.skip('only of stead: the peer takes too long for sixteen services')
    failures = []

    def one():
        try:
            with RedisContainer('redis:latest') as service:
                assert service.get_client().ping()
        except Exception as e:  # noqa: BLE001  told below
            failures.append(repr(e))
    threads = [threading.Thread(target=one) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(80)
    assert not failures, failures[:3]
    assert Wire(os.environ['CLIENTS_SOCK']).get('/containers/json?all=1').json() == []
