"""How the API is spoken: versions, filters in both forms, bad bodies, big bodies, wrong types, framing, hijacking, and clients that leave."""
import json
import os
import socket
import threading
import time
from urllib.parse import quote

import pytest
from scene import STEAD, begin, exec_in, make
from wire import Wire, frames, read_all, stream

JSON = {'Content-Type': 'application/json'}


def test_every_version_is_served(wire, version):
    for minor in range(24, version[1] + 1):
        w = wire.version(f'1.{minor}')
        assert w.get('/version').status == 200 and w.get('/containers/json').status == 200 and w.get('/_ping').status == 200, minor
    assert wire.version('99.0').get('/info').status == 400
    for odd in ('/v1/info', '/vX/info', '/v1.41.2/info', '//info', '/v1.41//info'):
        assert wire.get(odd).status in (301, 400, 404), odd
    assert wire.get('/v1.41/containers/json?all=1').status == 200


def test_headers_of_every_answer(wire):
    for answer in (wire.get('/version'), wire.get('/volumes/nosuch'), wire.get('/containers/nosuch/json')):
        assert answer.headers['Api-Version'] and answer.headers['Server'] and answer.headers['Ostype'] == 'linux'


def test_filters_in_both_forms(wire):
    c = make(wire, 'filtered', Labels={'k': 'v', 'other': ''})
    make(wire, 'unfiltered')
    for f in ({'label': ['k=v']}, {'label': {'k=v': True}}, {'label': {'k=v': True, 'other': True}}, {'label': ['k=v', 'other']}, {'name': ['filtered'], 'label': ['k']}, {'id': {c[:12]: True}}):
        got = wire.get('/containers/json?all=1&filters=' + quote(json.dumps(f))).json()
        assert [x['Id'] for x in got] == [c], f
    for f in ('{}', ''):
        assert len(wire.get('/containers/json?all=1&filters=' + quote(f)).json()) == 2
    for f in ('[]', '[1]', '"x"', '5', '{', '{"label":5}', '{"label":"k"}', '{"label":[5]}', 'null null', '{"label":{"k":"v"}}'):
        answer = wire.get('/containers/json?all=1&filters=' + quote(f))
        assert answer.status in ((200, 400) if STEAD else (200, 400, 500)), (f, answer)
    if STEAD:
        assert wire.get('/containers/json?filters=' + quote('{"label":5}')).status == 400
    for path in ('/images/json', '/volumes', '/networks', '/events?until=1'):
        for f in ({'label': ['a']}, {'label': {'a': True}}):
            sep = '&' if '?' in path else '?'
            assert wire.get(f'{path}{sep}filters=' + quote(json.dumps(f))).status == 200, path


def test_booleans(wire):
    make(wire)
    for yes in ('1', 'true', 'True', 'TRUE', 'yes', 'on', 'anything'):
        assert len(wire.get(f'/containers/json?all={yes}').json()) == 1, yes
    for no in ('0', 'false', 'False', 'no', 'none', ''):
        assert wire.get(f'/containers/json?all={no}').json() == [], no


POSTS = ['/containers/create', '/volumes/create', '/networks/create', '/containers/{c}/exec', '/containers/{c}/update', '/exec/{e}/start']


def paths(wire):
    c = begin(wire)
    e = wire.post(f'/containers/{c}/exec', {'Cmd': ['true']}).json()['Id']
    return [p.format(c=c, e=e) for p in POSTS]


@pytest.mark.parametrize('bad', [b'{', b'{"Image":', b'not json', b'[1,2]', b'"text"', b'{"Image":"busybox"} trailing', b'\xff\xfe\x00', b'{"Image":"\xff"}', b'[' * 100_000, b'{"a":' * 50_000,
                                 b'{"Cmd":{"a":1}}', b'{"Image":5,"Name":5,"Cmd":5,"Memory":"x","Detach":"x"}', b'{"HostConfig":[]}', b'\x00' * 100, b'5', b'true'], ids=lambda b: repr(b[:24]))
def test_malformed_bodies_are_400(wire, bad):
    for path in paths(wire):
        answer = wire('POST', path, raw=bad, headers=JSON)
        if STEAD:
            ok = {'{"HostConfig":[]}', '{"Cmd":{"a":1}}', '{"Image":5,"Name":5,"Cmd":5,"Memory":"x","Detach":"x"}', '{"Image":"\ufffd"}'}
            allowed = (400,) if bad.decode(errors='replace') not in ok else (200, 201, 400, 404)
            assert answer.status in allowed, (path, answer)
        assert answer.status < 600
        if answer.status >= 400:
            assert answer.message
    assert wire.get('/_ping').status == 200


def test_wrong_content_types(wire):
    c = begin(wire)
    for path, body in [('/containers/create', b'{"Image":"busybox"}'), ('/volumes/create', b'{}'), ('/networks/create', b'{"Name":"x"}'), (f'/containers/{c}/exec', b'{"Cmd":["true"]}')]:
        answer = wire('POST', path, raw=body, headers={'Content-Type': 'text/plain'})
        assert answer.status in ((400,) if STEAD else (400, 500)), (path, answer)
        if STEAD:
            assert answer.message == "unsupported Content-Type header (text/plain): must be 'application/json'"
        answer = wire('POST', path, raw=body, headers={'Content-Type': 'application/json; charset=utf-8'})
        assert answer.status in (200, 201), (path, answer)
        answer = wire('POST', path, raw=b'', headers={'Content-Type': 'application/json'})
        assert answer.status < 500 or not STEAD, (path, answer)


def test_huge_bodies_are_refused(wire):
    """A body of any size is answered, with 4xx, and costs the engine no memory to speak of."""
    if not STEAD:
        pytest.skip('only of stead: dockerd has no limit on bodies')
    huge = b'{"Image":"' + b'x' * (64 << 20) + b'"}'
    for path in ('/containers/create', '/volumes/create', '/networks/create'):
        try:
            answer = wire('POST', path, raw=huge, headers=JSON)
            assert 400 <= answer.status < 500, answer
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent
    assert wire.get('/_ping').status == 200


def test_long_urls_and_odd_headers(wire):
    assert wire.get('/containers/' + 'x' * 4000 + '/json').status in (404, 414, 400)
    assert wire.get('/containers/json?filters=' + quote(json.dumps({'label': ['x' * 20000]}))).status in (200, 400, 414, 431)
    for evil in ('/containers/..%2f..%2fetc/json', '/containers/%00/json', '/volumes/..%2f..', '/images/..%2f..%2fx/json', '/containers/%zz/json', '/containers/a%0ab/json'):
        assert 300 <= wire.get(evil).status < 500, evil


@pytest.mark.parametrize('junk', [b'', b'\r\n\r\n', b'GET', b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'GET /_ping HTTP/1.1\r\n' + b'A: ' + b'x' * 2_000_000 + b'\r\n\r\n',
                                  b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
                                  b'POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', b'GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'], ids=lambda b: repr(b[:40]))
def test_junk_on_the_socket(wire, junk):
    got = wire.raw(junk, half_close=True)
    assert got == b'' or got.startswith(b'HTTP/1.1 4') or got.startswith(b'HTTP/1.1 505') or got.startswith(b'HTTP/1.0') or b'200 OK' in got, got[:100]
    assert wire.get('/_ping').status == 200


def test_http_1_0_and_keep_alive_and_pipelines(wire):
    got = wire.raw(b'GET /_ping HTTP/1.0\r\n\r\n')
    assert b' 200 ' in got.split(b'\r\n')[0] and got.endswith(b'OK')
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(os.environ['CLIENTS_SOCK'])
    for _ in range(50):
        s.sendall(b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n')
        got = b''
        while not got.endswith(b'OK'):
            got += s.recv(4096)
    s.sendall(b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n' * 3)
    got = b''
    while got.count(b'HTTP/1.1 200') < 3 or not got.endswith(b'OK'):
        got += s.recv(4096)
    s.close()


def test_chunked_and_expect_continue(wire):
    body = b'{"Image":"busybox"}'
    chunked = b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' + \
        b''.join(b'1\r\n' + bytes([b]) + b'\r\n' for b in body) + b'0\r\n\r\n'
    assert b' 201 ' in wire.raw(chunked).split(b'\r\n')[0]
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(os.environ['CLIENTS_SOCK'])
    s.sendall(b'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n' % len(body))
    assert s.recv(100).startswith(b'HTTP/1.1 100')
    s.sendall(body)
    assert b' 201 ' in read_all(s).split(b'\r\n')[0]


def test_wait_sends_its_headers_at_once(wire):
    c = make(wire, Cmd=['true'])
    for condition in ('next-exit', 'removed'):
        answer, connection = wire.open('POST', f'/containers/{c}/wait?condition={condition}')
        assert answer.status == 200
        connection.close()
    answer, connection = wire.open('POST', f'/containers/{c}/wait?condition=next-exit')
    wire.post(f'/containers/{c}/start')
    assert json.loads(answer.read())['StatusCode'] == 0
    connection.close()


def test_attach_is_hijacked_and_framed(wire):
    c = make(wire, Cmd=['sh', '-c', 'read x; echo out $x; echo err >&2'], OpenStdin=True, StdinOnce=True, AttachStdin=True)
    head, s, rest = wire.hijack(f'/containers/{c}/attach?stream=1&stdin=1&stdout=1&stderr=1')
    assert head.startswith('HTTP/1.1 101 UPGRADED') and 'Connection: Upgrade' in head and 'Upgrade: tcp' in head
    assert 'application/vnd.docker.multiplexed-stream' in head or not STEAD
    wire.post(f'/containers/{c}/start')
    s.sendall(b'hello\n')
    data = read_all(s, rest)
    assert (stream(data, 1), stream(data, 2)) == (b'out hello\n', b'err\n')
    # an older client gets the older name of the type
    head, s, _ = wire.version('1.41').hijack(f'/containers/{c}/attach?stream=0&stdout=1&logs=1')
    assert 'application/vnd.docker.raw-stream' in head
    s.close()
    # without Upgrade: 200, and the stream comes all the same
    head, s, rest = wire.hijack(f'/containers/{c}/attach?stdout=1&stderr=1&logs=1', upgrade=False)
    assert head.startswith('HTTP/1.1 200 OK')
    if STEAD:
        assert sorted(b for _, b in frames(read_all(s, rest))) == [b'err\n', b'out hello\n']


def test_attach_with_a_terminal_is_raw(wire):
    c = make(wire, Cmd=['sh', '-c', 'read x; echo got $x'], OpenStdin=True, Tty=True)
    head, s, rest = wire.hijack(f'/containers/{c}/attach?stream=1&stdin=1&stdout=1')
    assert 'application/vnd.docker.raw-stream' in head
    wire.post(f'/containers/{c}/start')
    s.sendall(b'hello\n')
    assert b'got hello\r\n' in read_all(s, rest)


def test_detach_keys(wire):
    c = begin(wire, Cmd=['cat'], OpenStdin=True, Tty=True)
    _, s, _ = wire.hijack(f'/containers/{c}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,d')
    s.sendall(b'\x01d')
    read_all(s)
    assert wire.get(f'/containers/{c}/json').json()['State']['Running'] is True
    assert wire.post(f'/containers/{c}/attach?stream=1&stdin=1&detachKeys=bogus-keys').status == 400


def test_exec_is_hijacked_and_framed(wire):
    c = begin(wire)
    e = wire.post(f'/containers/{c}/exec', {'Cmd': ['sh', '-c', 'cat; echo err >&2; exit 3'], 'AttachStdin': True, 'AttachStdout': True, 'AttachStderr': True}).json()['Id']
    head, s, rest = wire.hijack(f'/exec/{e}/start', {'Detach': False, 'Tty': False})
    assert head.startswith('HTTP/1.1 101 UPGRADED')
    s.sendall(b'x' * 300_000)
    s.shutdown(socket.SHUT_WR)
    data = read_all(s, rest)
    assert (len(stream(data, 1)), stream(data, 2)) == (300_000, b'err\n')
    time.sleep(0.2)
    assert wire.get(f'/exec/{e}/json').json()['ExitCode'] == 3
    assert wire.post(f'/exec/{e}/start', {'Detach': True}).status == 409
    _, out = exec_in(wire, c, 'echo', 'unhijacked')
    assert stream(out, 1) == b'unhijacked\n'


def test_logs_are_framed_and_follow(wire):
    c = make(wire, Cmd=['sh', '-c', 'echo one; echo two >&2; sleep 1; echo three'])
    wire.post(f'/containers/{c}/start')
    answer, connection = wire.open('GET', f'/containers/{c}/logs?follow=1&stdout=1&stderr=1')
    data = answer.read()
    connection.close()
    assert (stream(data, 1), stream(data, 2)) == (b'one\nthree\n', b'two\n')
    data = wire.get(f'/containers/{c}/logs?stdout=1&timestamps=1&tail=1').body
    assert stream(data, 1).endswith(b'Z three\n')
    if STEAD:
        assert wire.get(f'/containers/{c}/logs?stdout=1').headers['Content-Type'] == 'application/vnd.docker.multiplexed-stream'
    tty = begin(wire, Cmd=['echo', 'raw'], Tty=True)
    wire.post(f'/containers/{tty}/wait')
    answer = wire.get(f'/containers/{tty}/logs?stdout=1')
    assert answer.body == b'raw\r\n'


def test_clients_that_leave_hold_nothing(wire):
    """Followers that go away without a word: their threads and descriptors go too, and the container goes on."""
    c = begin(wire, Cmd=['cat'], OpenStdin=True)
    w = Wire(os.environ['CLIENTS_SOCK'])
    for _ in range(30):
        for path in (f'/containers/{c}/logs?follow=1&stdout=1', f'/containers/{c}/stats', '/events'):
            _, connection = w.open('GET', path)
            connection.close()
        _, connection = w.open('POST', f'/containers/{c}/wait')
        connection.close()
        _, s, _ = w.hijack(f'/containers/{c}/attach?stream=1&stdout=1&stderr=1')
        s.close()
    assert wire.get(f'/containers/{c}/json').json()['State']['Running'] is True
    assert wire.get('/_ping').status == 200


def test_many_slow_connections_do_not_stop_others(wire):
    slow = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.connect(os.environ['CLIENTS_SOCK'])
        s.sendall(b'GET /_ping HTTP/1.1\r\n')
        slow.append(s)
    assert wire.get('/_ping').status == 200 and wire.get('/containers/json').status == 200
    for s in slow:
        s.close()


def test_many_waiters(wire):
    c = begin(wire, Cmd=['sh', '-c', 'sleep 1.5; exit 5'])
    got = []
    threads = [threading.Thread(target=lambda: got.append(wire.post(f'/containers/{c}/wait').json()['StatusCode'])) for _ in range(100)]
    for t in threads:
        t.start()
    assert wire.get('/_ping').status == 200
    for t in threads:
        t.join(30)
    assert got == [5] * 100


def test_version_gates(wire):
    """What older clients are told, as each version changed it."""
    if not STEAD:
        pytest.skip('only of stead: the gates are of API 1.42 and later')
    image = wire.version('1.43').get('/images/busybox/json').json()
    assert 'VirtualSize' in image and 'VirtualSize' not in wire.version('1.44').get('/images/busybox/json').json()
    body = {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'volume', 'Source': 'gate', 'Target': '/v', 'VolumeOptions': {'Subpath': 'x'}}]}}
    answer = wire.version('1.44').post('/containers/create', body)
    assert (answer.status, answer.message) == (400, 'VolumeOptions.Subpath needs API v1.45 or newer')
    body = {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'image', 'Source': 'busybox', 'Target': '/v'}]}}
    answer = wire.version('1.47').post('/containers/create', body)
    assert (answer.status, answer.message) == (400, 'Mount type "Image" needs API v1.48 or newer')
    body = {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'bind', 'Source': '/etc', 'Target': '/v', 'ReadOnly': True, 'BindOptions': {'ReadOnlyForceRecursive': True}}]}}
    answer = wire.version('1.43').post('/containers/create', body)
    assert (answer.status, answer.message) == (400, 'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer')
    body = {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'bind', 'Source': '/etc', 'Target': '/v', 'VolumeOptions': {'NoCopy': True}}]}}
    answer = wire.version('1.42').post('/containers/create', body)
    assert answer.status == 400 and 'VolumeOptions must not be specified on mount type "bind"' in answer.message
    assert wire.version('1.41').post('/containers/create', body).status == 201
    # 1.42: only anonymous volumes are pruned
    wire.post('/volumes/create', {'Name': 'gate-named'})
    assert 'gate-named' not in (wire.version('1.42').post('/volumes/prune').json()['VolumesDeleted'] or [])
    assert 'gate-named' in wire.version('1.41').post('/volumes/prune').json()['VolumesDeleted']


def test_old_start_with_a_host_config(wire):
    c = make(wire)
    answer = wire.version('1.24').post(f'/containers/{c}/start', {'Binds': ['/etc:/x']})
    assert answer.status == 400 and 'starting container with non-empty request body was deprecated' in answer.message
