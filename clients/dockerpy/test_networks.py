"""docker-py: networks, published ports, events, and what an engine without a swarm says."""
import socket
import threading
import time

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool


def test_network_life(client, name):
    n = name('net')
    net = client.networks.create(n, driver='bridge', labels={'l': '1'}, ipam=IPAMConfig(pool_configs=[IPAMPool(subnet='10.79.0.0/24', gateway='10.79.0.254')]))
    a = client.networks.get(net.id).attrs
    assert a['Name'] == n and a['Driver'] == 'bridge' and a['Scope'] == 'local' and a['Labels'] == {'l': '1'} and a['Internal'] is False and a['EnableIPv6'] is False
    assert a['IPAM']['Config'] == [{'Subnet': '10.79.0.0/24', 'Gateway': '10.79.0.254'}] and a['Containers'] == {}
    assert [x.id for x in client.networks.list(names=[n])] == [net.id] and client.networks.list(filters={'label': 'l=2'}) == []
    assert client.networks.get(n).id == net.id
    with pytest.raises(APIError) as e:
        client.networks.create(n, check_duplicate=True)
    assert e.value.status_code == 409 and e.value.explanation == f'network with name {n} already exists'
    c = client.containers.run('busybox', 'sleep 600', detach=True, network=n, name=name())
    assert client.networks.get(n).attrs['Containers'][c.id]['Name'] == c.name
    assert client.networks.get(n).attrs['Containers'][c.id]['IPv4Address'].endswith('/24')
    with pytest.raises(APIError) as e:
        net.remove()
    assert e.value.status_code == 403 and 'has active endpoints' in e.value.explanation
    net.disconnect(c)
    assert client.networks.get(n).attrs['Containers'] == {}
    with pytest.raises(APIError) as e:
        net.disconnect(c)
    assert 'is not connected to' in e.value.explanation
    net.connect(c, ipv4_address='10.79.0.77', aliases=['al'])
    ends = client.containers.get(c.id).attrs['NetworkSettings']['Networks'][n]
    assert ends['IPAddress'] == '10.79.0.77' and 'al' in ends['Aliases'] and ends['IPAMConfig']['IPv4Address'] == '10.79.0.77'
    net.disconnect(c, force=True)
    net.remove()
    with pytest.raises(NotFound) as e:
        client.networks.get(n)
    assert e.value.explanation == f'network {n} not found' or 'No such network' in e.value.explanation


def test_names_on_a_network(client, name):
    net = client.networks.create(name('net'))
    server = client.containers.run('busybox', ['sh', '-c', 'while true; do echo hello | nc -l -p 99; done'], detach=True, name=name('srv'),
                                   networking_config={net.name: client.api.create_endpoint_config(aliases=['svc'])}, network=net.name)
    for host in (server.name, 'svc', server.short_id):
        assert client.containers.run('busybox', f'nc -w 3 {host} 99', network=net.name, remove=True).strip() == b'hello', host


def test_prune_and_the_networks_that_stay(client, name):
    n = client.networks.create(name('net'), labels={'p': '1'})
    assert client.networks.prune(filters={'label': 'p=2'})['NetworksDeleted'] in (None, [])
    assert client.networks.prune()['NetworksDeleted'] == [n.name]
    for fixed in ('bridge', 'host', 'none'):
        with pytest.raises(APIError) as e:
            client.networks.get(fixed).remove()
        assert e.value.status_code == 403 and 'is a pre-defined network and cannot be removed' in e.value.explanation
    with pytest.raises(APIError) as e:
        client.networks.create('host')
    assert e.value.status_code in (403, 409)
    with pytest.raises(APIError) as e:
        client.networks.create(name('net'), driver='nosuch')
    assert e.value.status_code in (400, 404) and 'nosuch' in e.value.explanation


def test_published_ports(client, soon):
    c = client.containers.run('busybox', ['sh', '-c', 'while true; do echo served | nc -l -p 80; done'], detach=True, ports={'80/tcp': ('127.0.0.1', None), '53/udp': 15353, '81/tcp': None})
    ports = client.containers.get(c.id).ports
    assert ports['80/tcp'][0]['HostIp'] == '127.0.0.1' and int(ports['80/tcp'][0]['HostPort']) > 1024
    assert ports['53/udp'][0]['HostPort'] == '15353' and int(ports['81/tcp'][0]['HostPort']) > 1024
    assert client.api.port(c.id, 80) == ports['80/tcp']

    def ask():
        with socket.create_connection(('127.0.0.1', int(ports['80/tcp'][0]['HostPort'])), 3) as s:
            s.settimeout(3)
            return s.recv(100) == b'served\n'
    soon(ask)
    d = client.containers.create('busybox', 'sleep 600', ports={'80/tcp': 15353})
    d.start()
    e = client.containers.create('busybox', 'sleep 600', ports={'80/tcp': 15353})
    with pytest.raises(APIError) as err:
        e.start()
    assert err.value.status_code == 500 and 'port is already allocated' in err.value.explanation


def test_events_live(client, name):
    got, n = [], name('ev')
    events = client.events(decode=True, filters={'type': ['container'], 'label': 'watched'})
    t = threading.Thread(target=lambda: [got.append(e) for e in events], daemon=True)
    t.start()
    time.sleep(0.3)
    client.containers.run('busybox', 'true', name=n, labels={'watched': '1'}, remove=True)
    client.containers.run('busybox', 'true', remove=True)
    until = time.monotonic() + 10
    while time.monotonic() < until and not any(e['Action'] == 'destroy' for e in got):
        time.sleep(0.1)
    events.close()
    actions = [e['Action'] for e in got]
    assert [a for a in actions if a in ('create', 'start', 'die', 'destroy')] == ['create', 'start', 'die', 'destroy'], actions
    first = got[0]
    assert first['Type'] == 'container' and first['scope'] == 'local' and first['status'] == 'create' and first['from'] == 'busybox' and first['id'] == first['Actor']['ID']
    assert first['Actor']['Attributes']['name'] == n and first['Actor']['Attributes']['image'] == 'busybox' and first['timeNano'] // 10**9 == first['time']


def test_events_of_the_past(client, name):
    began = time.time()
    v, n = client.volumes.create(name('v')), client.networks.create(name('n'))
    client.images.get('busybox').tag('eventful', '1')
    v.remove(), n.remove(), client.images.remove('eventful:1')
    rows = list(client.events(decode=True, since=f'{began - 0.5:.3f}', until=f'{time.time() + 0.5:.3f}'))
    seen = {(r['Type'], r['Action']) for r in rows}
    assert {('volume', 'create'), ('volume', 'destroy'), ('network', 'create'), ('network', 'destroy'), ('image', 'tag'), ('image', 'untag')} <= seen, seen


def test_no_swarm(client):
    for ask in (client.services.list, client.nodes.list, client.secrets.list, client.configs.list):
        with pytest.raises(APIError) as e:
            ask()
        assert e.value.status_code == 503 and 'This node is not a swarm manager' in e.value.explanation
    assert client.swarm.attrs == {} or True
    with pytest.raises(APIError) as e:
        client.swarm.leave()
    assert e.value.status_code == 503
    assert client.plugins.list() == []


def test_login_is_refused_clearly(client):
    with pytest.raises(APIError) as e:
        client.login('u', 'p', registry='127.0.0.1:1')
    assert e.value.status_code in (400, 401, 500)
    assert docker.__version__
