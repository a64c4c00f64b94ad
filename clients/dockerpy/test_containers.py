"""docker-py: a container's life, exec in all its forms, logs, attach, archives, and the errors by class and text."""
import io
import os
import re
import tarfile
import threading
import time

import docker
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from docker.types import Healthcheck, LogConfig, Mount, Ulimit
from docker.utils.socket import consume_socket_output, demux_adaptor, frames_iter


@pytest.fixture
def box(client, name):
    return client.containers.run('busybox', ['sh', '-c', 'echo begun; echo wrong >&2; exec sleep 600'], detach=True, name=name(), labels={'suite': 'py'})


def test_version_ping_info(client):
    assert client.ping() is True
    v = client.version()
    assert {'ApiVersion', 'MinAPIVersion', 'Version', 'Os', 'Arch', 'KernelVersion', 'GoVersion', 'GitCommit', 'Components'} <= set(v)
    info = client.info()
    assert isinstance(info['Containers'], int) and isinstance(info['Plugins']['Volume'], list) and 'local' in info['Plugins']['Volume']
    assert info['Swarm']['LocalNodeState'] == 'inactive'


@pytest.mark.parametrize('v', ['1.24', '1.30', '1.35', '1.40', '1.41'])
def test_old_clients_work(v):
    c = docker.DockerClient(base_url='unix://' + os.environ['CLIENTS_SOCK'], version=v)
    assert c.ping() and c.version()['ApiVersion']
    assert c.containers.run('busybox', 'echo hi', remove=True) == b'hi\n'


def test_run(client):
    assert client.containers.run('busybox', 'echo hello', remove=True) == b'hello\n'
    assert client.containers.run('busybox', ['sh', '-c', 'echo out; echo err >&2'], remove=True, stdout=True, stderr=False) == b'out\n'
    assert client.containers.run('busybox', ['sh', '-c', 'echo out; echo err >&2'], remove=True, stdout=False, stderr=True) == b'err\n'
    assert list(client.containers.run('busybox', ['sh', '-c', 'echo 1; echo 2'], remove=True, stream=True))
    with pytest.raises(ContainerError) as e:
        client.containers.run('busybox', ['sh', '-c', 'echo no >&2; exit 3'], remove=True)
    assert e.value.exit_status == 3 and e.value.stderr == b'no\n'
    assert client.containers.list(all=True) == []


def test_errors(client, box, name):
    with pytest.raises(ImageNotFound) as e:
        client.api.create_container('nosuch:tag')
    assert e.value.status_code == 404 and e.value.explanation == 'No such image: nosuch:tag'
    with pytest.raises(NotFound) as e:
        client.containers.get('nosuch')
    assert e.value.explanation == 'No such container: nosuch' and e.value.is_client_error()
    with pytest.raises(APIError) as e:
        client.containers.create('busybox', name=box.name)
    assert e.value.status_code == 409
    assert e.value.explanation == (f'Conflict. The container name "/{box.name}" is already in use by container "{box.id}". '
                                   'You have to remove (or rename) that container to be able to reuse that name.')
    with pytest.raises(APIError) as e:
        box.remove()
    assert e.value.status_code == 409 and box.id in e.value.explanation or box.name in e.value.explanation
    with pytest.raises(APIError) as e:
        client.containers.create('busybox', name='bad/name')
    assert e.value.status_code == 400 and e.value.explanation == 'Invalid container name (bad/name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'
    with pytest.raises(APIError) as e:
        client.containers.run('busybox', 'nosuchcommand', name=name('bad'))
    assert e.value.status_code in (400, 404) and 'executable file not found in $PATH' in e.value.explanation
    box.stop(timeout=0)
    for act, said in [(lambda: box.kill(), 'is not running'), (lambda: box.exec_run('true'), 'is not running'), (lambda: box.pause(), 'is not running')]:
        with pytest.raises(APIError) as e:
            act()
        assert e.value.status_code == 409 and said in e.value.explanation, e.value
    box.stop()  # 304 is no error


def test_inspect_has_the_fields(client, box):
    a = client.containers.get(box.id).attrs
    for key, kind in {'Id': str, 'Created': str, 'Path': str, 'Args': list, 'State': dict, 'Image': str, 'ResolvConfPath': str, 'HostnamePath': str, 'HostsPath': str,
                      'LogPath': str, 'Name': str, 'RestartCount': int, 'Driver': str, 'Platform': str, 'MountLabel': str, 'ProcessLabel': str, 'AppArmorProfile': str,
                      'HostConfig': dict, 'Mounts': list, 'Config': dict, 'NetworkSettings': dict}.items():
        assert isinstance(a[key], kind), key
    assert a['Name'] == '/' + box.name and a['Path'] == 'sh' and a['Image'].startswith('sha256:')
    state = a['State']
    assert (state['Status'], state['Running'], state['Paused'], state['Restarting'], state['Dead'], state['OOMKilled'], state['Error']) == ('running', True, False, False, False, False, '')
    assert state['FinishedAt'] == '0001-01-01T00:00:00Z' and re.match(r'\d{4}-.*\.\d+Z', state['StartedAt'])
    assert a['ExecIDs'] is None
    assert box.status == 'created' or box.status == 'running'
    net = a['NetworkSettings']['Networks']['bridge']
    assert re.match(r'\d+\.\d+\.\d+\.\d+$', net['IPAddress']) and net['Gateway'] and net['IPPrefixLen'] > 0 and len(net['EndpointID']) == 64


def test_list_and_filters(client, box):
    got = client.containers.list(filters={'label': 'suite=py', 'status': ['running', 'exited'], 'name': box.name})
    assert [c.id for c in got] == [box.id]
    row = client.api.containers(all=True, size=True)[0]
    assert row['Names'] == ['/' + box.name] and row['ImageID'].startswith('sha256:') and row['State'] == 'running' and isinstance(row['Created'], int)
    assert 'SizeRootFs' in row and row['HostConfig']['NetworkMode'] in ('default', 'bridge') and row['NetworkSettings']['Networks']['bridge']['IPAddress']
    assert client.containers.list(filters={'label': ['suite=py', 'other']}) == []
    with pytest.raises(APIError) as e:
        client.containers.list(filters={'bogus': '1'})
    assert e.value.status_code == 400
    assert client.api.containers(limit=1) and client.api.containers(quiet=True)
    assert client.containers.list(sparse=True)[0].attrs['Id'] == box.id


def test_exec_forms(client, box):
    assert box.exec_run('echo hi') == (0, b'hi\n')
    code, out = box.exec_run(['sh', '-c', 'echo o; echo e >&2; exit 4'], demux=True)
    assert (code, out) == (4, (b'o\n', b'e\n'))
    assert b''.join(box.exec_run(['sh', '-c', 'echo 1; echo 2'], stream=True).output) == b'1\n2\n'
    assert [o for o, e in box.exec_run(['sh', '-c', 'echo 1'], stream=True, demux=True).output if o] == [b'1\n']
    assert box.exec_run('tty', tty=True).output.strip() == b'/dev/pts/0'
    assert box.exec_run('id -u', user='1000').output == b'1000\n'
    assert box.exec_run('pwd', workdir='/tmp').output == b'/tmp\n'
    assert box.exec_run('env', environment={'A': 'b c'}).output.find(b'A=b c\n') >= 0
    assert box.exec_run(['sh', '-c', 'touch /made'], detach=True).output in ('', b'')
    assert len(box.exec_run(['sh', '-c', 'head -c 2000000 /dev/zero']).output) == 2_000_000


def test_exec_by_parts(client, box, soon):
    made = client.api.exec_create(box.id, ['sh', '-c', 'cat; exit 6'], stdin=True)
    before = client.api.exec_inspect(made['Id'])
    assert (before['Running'], before['ExitCode'], before['ContainerID'], before['OpenStdin']) == (False, None, box.id, True)
    assert before['ProcessConfig']['entrypoint'] == 'sh' and before['ProcessConfig']['arguments'] == ['-c', 'cat; exit 6'] and before['ProcessConfig']['tty'] is False
    sock = client.api.exec_start(made['Id'], socket=True)
    raw = getattr(sock, '_sock', sock)
    raw.sendall(b'through the socket\n')
    soon(lambda: client.api.exec_inspect(made['Id'])['Pid'] > 0)
    assert client.api.exec_inspect(made['Id'])['Running'] is True
    assert made['Id'] in client.containers.get(box.id).attrs['ExecIDs']
    raw.shutdown(1)
    out = consume_socket_output((demux_adaptor(s, d) for s, d in frames_iter(sock, tty=False)), demux=True)
    assert out[0] == b'through the socket\n'
    time.sleep(0.3)
    after = client.api.exec_inspect(made['Id'])
    assert after['Running'] is False and after['ExitCode'] == 6
    with pytest.raises(APIError) as e:
        client.api.exec_start(made['Id'], detach=True)
    assert e.value.status_code == 409
    with pytest.raises(NotFound):
        client.api.exec_start('0' * 64)
    with pytest.raises(NotFound):
        client.api.exec_inspect('0' * 64)
    made = client.api.exec_create(box.id, 'sh', tty=True, stdin=True)
    sock = client.api.exec_start(made['Id'], tty=True, socket=True)
    client.api.exec_resize(made['Id'], height=33, width=77)
    raw = getattr(sock, '_sock', sock)
    raw.settimeout(10)
    raw.sendall(b'stty size; exit\n')
    got = b''
    while b'33 77' not in got:
        more = raw.recv(1000)
        assert more, got
        got += more


def test_logs(client, box):
    time.sleep(0.3)
    assert sorted(box.logs().split()) == [b'begun', b'wrong']
    assert box.logs(stdout=True, stderr=False) == b'begun\n' and box.logs(stdout=False, stderr=True) == b'wrong\n'
    assert re.match(rb'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z begun\n$', box.logs(stderr=False, timestamps=True))
    assert box.logs(tail=0) == b''
    assert box.logs(since=int(time.time()) + 100) == b'' and box.logs(until=1) == b''
    assert len(box.logs(since=int(time.time()) - 100).split()) == 2
    many = client.containers.run('busybox', ['sh', '-c', 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done'], detach=True)
    assert list(many.logs(stream=True, follow=True)) == [b'1\n', b'2\n', b'3\n', b'4\n', b'5\n']
    assert many.logs(tail=2) == b'4\n5\n'
    with pytest.raises(NotFound):
        client.api.logs('nosuch')
    tty = client.containers.run('busybox', ['sh', '-c', 'echo to the tty'], tty=True, detach=True)
    tty.wait()
    assert tty.logs() == b'to the tty\r\n'


def test_log_drivers(client, name):
    none = client.containers.run('busybox', 'echo x', detach=True, log_config=LogConfig(type='none'), name=name())
    none.wait()
    with pytest.raises(APIError) as e:
        none.logs()
    assert 'configured logging driver does not support reading' in e.value.explanation
    c = client.containers.create('busybox', log_config=LogConfig(type=LogConfig.types.JSON, config={'max-size': '1k', 'max-file': '2'}))
    assert c.attrs['HostConfig']['LogConfig'] == {'Type': 'json-file', 'Config': {'max-size': '1k', 'max-file': '2'}}
    with pytest.raises(APIError) as e:
        client.containers.create('busybox', log_config=LogConfig(type='nosuch'))
    assert e.value.status_code in (400, 500) and 'nosuch' in e.value.explanation


def test_attach(client, name):
    c = client.containers.create('busybox', ['sh', '-c', 'read a; echo got $a; echo err >&2'], stdin_open=True, name=name())
    sock = c.attach_socket(params={'stdin': 1, 'stdout': 1, 'stderr': 1, 'stream': 1})
    c.start()
    raw = getattr(sock, '_sock', sock)
    raw.sendall(b'hello\n')
    out = consume_socket_output((demux_adaptor(s, d) for s, d in frames_iter(sock, tty=False)), demux=True)
    assert out == (b'got hello\n', b'err\n')
    assert c.wait()['StatusCode'] == 0
    assert sorted(c.logs().split(b'\n')) == [b'', b'err', b'got hello']
    c = client.containers.create('busybox', ['sh', '-c', 'sleep 0.5; echo streamed'])
    got = []
    stream = c.attach(stream=True, stdout=True, stderr=True)
    t = threading.Thread(target=lambda: got.extend(stream))
    t.start()
    c.start()
    t.join(20)
    assert got == [b'streamed\n']


def test_attach_to_a_terminal(client):
    c = client.containers.create('busybox', 'sh', tty=True, stdin_open=True)
    sock = c.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})
    c.start()
    c.resize(40, 100)
    raw = getattr(sock, '_sock', sock)
    raw.settimeout(10)
    raw.sendall(b'stty size\n')
    got = b''
    while b'40 100' not in got:
        more = raw.recv(1000)
        assert more, got
        got += more
    raw.sendall(b'exit 9\n')
    assert c.wait()['StatusCode'] == 9


def test_archives(client, box):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as t:
        for path, text in [('d/f', b'content'), ('g', b'x' * 300_000)]:
            info = tarfile.TarInfo(path)
            info.size, info.uid, info.mode = len(text), 1000, 0o640
            t.addfile(info, io.BytesIO(text))
    assert box.put_archive('/tmp', data.getvalue()) is True
    assert box.exec_run('cat /tmp/d/f').output == b'content'
    assert box.exec_run('stat -c %u:%a /tmp/d/f').output == b'1000:640\n'
    bits, stat = box.get_archive('/tmp/d')
    assert stat['name'] == 'd' and isinstance(stat['size'], int) and isinstance(stat['mode'], int) and stat['linkTarget'] == '' and stat['mtime']
    with tarfile.open(fileobj=io.BytesIO(b''.join(bits))) as t:
        assert t.getnames() == ['d', 'd/f'] and t.extractfile('d/f').read() == b'content'
    with pytest.raises(NotFound) as e:
        box.get_archive('/nothing')
    assert e.value.explanation == f'Could not find the file /nothing in container {box.id}'
    with pytest.raises(NotFound):
        box.put_archive('/no/such', data.getvalue())
    with pytest.raises(APIError) as e:
        box.put_archive('/etc/passwd', data.getvalue())
    assert e.value.status_code in (400, 500) and 'not a directory' in e.value.explanation
    box.stop(timeout=0)
    assert b'content' in b''.join(box.get_archive('/tmp/d/f')[0])
    assert b''.join(box.export())[257:262] == b'ustar'


def test_pause_rename_update_restart_top_stats_diff(client, box, name):
    box.pause()
    assert client.containers.get(box.id).status == 'paused'
    with pytest.raises(APIError) as e:
        box.pause()
    assert e.value.status_code == 409 and 'already paused' in e.value.explanation
    box.unpause()
    with pytest.raises(APIError) as e:
        box.unpause()
    assert 'is not paused' in e.value.explanation
    new = name('renamed')
    box.rename(new)
    assert client.containers.get(new).id == box.id
    other = client.containers.create('busybox', name=name())
    with pytest.raises(APIError) as e:
        other.rename(new)
    assert e.value.status_code == 409
    with pytest.raises(APIError) as e:
        other.rename('bad/name')
    assert e.value.status_code == 400 or e.value.status_code == 500
    assert box.update(mem_limit='64m', memswap_limit='64m', cpu_shares=512)['Warnings'] in (None, [])
    host = client.containers.get(box.id).attrs['HostConfig']
    assert (host['Memory'], host['CpuShares']) == (64 << 20, 512)
    top = box.top()
    assert 'PID' in top['Titles'] and any('sleep 600' in p[-1] for p in top['Processes'])
    assert box.top(ps_args='-o pid,args')['Titles'] == ['PID', 'COMMAND']
    with pytest.raises(APIError):
        other.top()
    one = box.stats(stream=False)
    assert one['id'] == box.id and one['memory_stats']['usage'] > 0 and one['cpu_stats']['cpu_usage']['total_usage'] > 0 and one['pids_stats']['current'] >= 1
    assert one['precpu_stats']['system_cpu_usage'] > 0 and 'eth0' in one['networks'] and one['read'] > one['preread']
    it = box.stats(decode=True)
    assert next(it)['name'] == '/' + new and next(it)['memory_stats']
    box.exec_run(['sh', '-c', 'echo x >/added; rm /etc/group'])
    changes = {c['Path']: c['Kind'] for c in box.diff()}
    assert changes['/added'] == 1 and changes['/etc'] == 0 and changes['/etc/group'] == 2
    started = client.containers.get(box.id).attrs['State']['StartedAt']
    box.restart(timeout=0)
    assert client.containers.get(box.id).attrs['State']['StartedAt'] > started


def test_commit(client, box):
    box.exec_run(['sh', '-c', 'echo kept >/kept'])
    image = box.commit('made', 'v1', message='why', author='me', changes='ENV A=b', conf={'Labels': {'l': '1'}})
    assert 'made:v1' in image.tags and image.attrs['Comment'] == 'why' and image.attrs['Author'] == 'me'
    assert 'A=b' in image.attrs['Config']['Env'] and image.labels.get('l') == '1'
    assert client.containers.run('made:v1', 'cat /kept', remove=True) == b'kept\n'
    client.images.remove('made:v1')


def test_wait_conditions(client):
    c = client.containers.create('busybox', ['sh', '-c', 'sleep 0.5; exit 7'])
    got = {}
    threads = [threading.Thread(target=lambda k=k: got.__setitem__(k, c.wait(condition=k))) for k in ('next-exit', 'removed')]
    for t in threads:
        t.start()
    time.sleep(0.3)
    c.start()
    assert c.wait(condition='not-running')['StatusCode'] == 7
    threads[0].join(20)
    c.remove()
    threads[1].join(20)
    assert got['next-exit']['StatusCode'] == 7 and got['removed']['StatusCode'] == 7
    with pytest.raises(NotFound):
        client.api.wait('nosuch')


def test_auto_remove_and_prune(client, soon):
    c = client.containers.run('busybox', 'sleep 0.3', auto_remove=True, detach=True)
    soon(lambda: not client.containers.list(all=True))
    with pytest.raises(NotFound):
        client.containers.get(c.id)
    c = client.containers.run('busybox', 'true', detach=True, labels={'p': '1'})
    c.wait()
    assert client.containers.prune(filters={'label': 'p=2'})['ContainersDeleted'] in (None, [])
    got = client.containers.prune(filters={'label': 'p'})
    assert got['ContainersDeleted'] == [c.id] and isinstance(got['SpaceReclaimed'], int)


def test_options_reach_the_container(client):
    c = client.containers.run(
        'busybox', 'sleep 600', detach=True, hostname='host1', domainname='example.org', environment=['A=1', 'B=2'], working_dir='/tmp', user='1000:1000',
        cap_drop=['ALL'], cap_add=['NET_BIND_SERVICE'], read_only=True, tmpfs={'/t': 'size=1m'}, shm_size='1m', pids_limit=77, mem_limit='100m', cpu_period=100000, cpu_quota=50000,
        ulimits=[Ulimit(name='nofile', soft=100, hard=200)], sysctls={'net.core.somaxconn': '256'}, extra_hosts={'far': '1.2.3.4'}, dns=['9.9.9.9'], init=True,
        security_opt=['no-new-privileges'], stop_signal='SIGKILL', devices=['/dev/null:/dev/nothing:rwm'], group_add=['99'], labels=['a', 'b'],
        healthcheck=Healthcheck(test=['CMD', 'true'], interval=1_000_000_000), mounts=[Mount('/m', 'mvol'), Mount('/b', '/etc', type='bind', read_only=True)])
    run = lambda cmd: c.exec_run(['sh', '-c', cmd]).output.decode().strip()  # noqa: E731
    assert run('hostname') == 'host1' and run('echo $A$B') == '12' and run('pwd') == '/tmp' and run('id -u; id -G') == '1000\n1000 99'
    assert run('ulimit -n; ulimit -Hn') == '100\n200' and run('cat /proc/sys/net/core/somaxconn') == '256'
    assert 'size=1024k' in run('grep " /t " /proc/mounts') and 'size=1024k' in run('grep /dev/shm /proc/mounts')
    assert run('grep NoNewPrivs /proc/1/status').endswith('1') and run('ls /dev/nothing') == '/dev/nothing'
    assert '9.9.9.9' in run('cat /etc/resolv.conf') or '127.0.0.11' in run('cat /etc/resolv.conf')
    assert run('touch /x 2>&1').endswith('Read-only file system')
    a = client.containers.get(c.id).attrs
    assert a['Config']['Labels'] == {'a': '', 'b': ''} and a['Config']['StopSignal'] == 'SIGKILL' and a['HostConfig']['PidsLimit'] == 77
    assert {m['Destination']: (m['Type'], m['RW']) for m in a['Mounts']} == {'/m': ('volume', True), '/b': ('bind', False)}
    assert a['State']['Health']['Status'] in ('starting', 'healthy')


def test_health(client, soon):
    c = client.containers.run('busybox', 'sleep 600', detach=True, healthcheck={'test': ['CMD-SHELL', 'echo said; exit 0'], 'interval': 300_000_000, 'retries': 1})
    soon(lambda: client.containers.get(c.id).health == 'healthy')
    log = client.containers.get(c.id).attrs['State']['Health']['Log'][-1]
    assert log['ExitCode'] == 0 and log['Output'] == 'said\n' and log['Start'] < log['End']
