"""The whole tutorial with the docker CLI: bind, tmpfs, volumes, Redis and nginx, kill -9, population, what inspect shows."""
import os
import signal

import pytest
from conftest import ENGINE

REDIS = ['redis:latest', 'redis-server', '--appendonly', 'yes', '--appendfsync', 'always']


@pytest.fixture
def work(tmp_path):
    (tmp_path / 'target').mkdir()
    return tmp_path


def mount_at(info, where):
    return next(m for m in info['Mounts'] if m['Destination'] == where)


def test_version_and_info(cli):
    v = cli.json('version', '--format', '{{json .}}')
    assert v['Client']['ApiVersion'] == v['Server']['ApiVersion'] or v['Server']['ApiVersion'] < '1.50'
    if ENGINE == 'stead':
        assert (v['Server']['ApiVersion'], v['Server']['MinAPIVersion']) == ('1.50', '1.24')
    assert v['Server']['Os'] == 'linux'
    info = cli.json('info', '--format', '{{json .}}')
    assert info['OSType'] == 'linux' and info['Images'] >= 3 and info['NCPU'] > 0 and info['MemTotal'] > 0
    assert not info.get('ServerErrors')
    for word in ['Server Version', 'Storage Driver', 'Docker Root Dir', 'Swarm: inactive', 'Cgroup Driver']:
        assert word in cli('info'), word


def test_bind_mount_of_the_working_directory(cli, work):
    shell = cli.__class__(['sh', '-c'])
    docker = cli.exe[0]
    shell(f'{docker} run -d -it --name devtest --mount type=bind,source="$(pwd)"/target,target=/app redis:latest', cwd=work)
    info = cli.json('inspect', 'devtest')[0]
    m = mount_at(info, '/app')
    assert (m['Type'], m['Source'], m['Mode'], m['RW'], m['Propagation']) == ('bind', str(work / 'target'), '', True, 'rprivate')
    assert info['HostConfig']['Mounts'] == [{'Type': 'bind', 'Source': str(work / 'target'), 'Target': '/app'}]
    assert info['HostConfig']['Binds'] is None
    assert mount_at(info, '/data')['Type'] == 'volume'
    cli('exec', 'devtest', 'sh', '-c', 'echo "written in the container" >/app/note')
    assert (work / 'target' / 'note').read_text() == 'written in the container\n'
    cli('container', 'stop', 'devtest')
    cli('container', 'rm', '-v', 'devtest')
    assert cli('volume', 'ls', '-q') == ''


def test_read_only_bind(cli, work):
    cli('run', '-d', '--name', 'devtest', '--mount', f'type=bind,source={work}/target,target=/app,readonly', 'busybox', 'sleep', '600')
    assert mount_at(cli.json('inspect', 'devtest')[0], '/app')['RW'] is False
    cli('exec', 'devtest', 'touch', '/app/x', code=1)
    assert 'Read-only file system' in cli.err


def test_a_missing_bind_source(cli, work):
    cli('run', '--rm', '--mount', f'type=bind,source={work}/none,target=/app', 'busybox', 'true', code=125)
    assert f'invalid mount config for type "bind": bind source path does not exist: {work}/none' in cli.err
    assert not (work / 'none').exists()
    cli('run', '--rm', '-v', f'{work}/made:/app', 'busybox', 'touch', '/app/f')
    assert os.listdir(work / 'made') == ['f']


def test_tmpfs_both_ways(cli):
    cli('run', '-d', '-it', '--name', 'tmptest', '--mount', 'type=tmpfs,destination=/app', 'nginx:latest')
    cli('run', '-d', '-it', '--name', 'tmptest2', '--tmpfs', '/app', 'nginx:latest')
    for c in ['tmptest', 'tmptest2']:
        assert cli('exec', c, 'grep', ' /app ', '/proc/mounts').startswith('tmpfs /app tmpfs rw,nosuid,nodev,noexec,relatime')
        cli('exec', c, 'sh', '-c', 'echo secret >/app/f')
        cli('stop', '-t', '2', c)
        cli('start', c)
        assert cli('exec', c, 'ls', '/app') == ''
    m = mount_at(cli.json('inspect', 'tmptest')[0], '/app')
    assert (m['Type'], m['Source'], m['RW']) == ('tmpfs', '', True)
    assert cli.json('inspect', 'tmptest2')[0]['HostConfig']['Tmpfs'] == {'/app': ''}
    assert cli('container', 'inspect', '-f', '{{.Mounts}}', 'tmptest2') == '[]'


def test_tmpfs_options(cli):
    out = cli('run', '--rm', '--mount', 'type=tmpfs,destination=/app,tmpfs-size=2m,tmpfs-mode=1770', 'busybox', 'grep', ' /app ', '/proc/mounts')
    assert 'size=2048k' in out and 'mode=1770' in out
    out = cli('run', '--rm', '--tmpfs', '/app:size=1m,mode=1770,exec', 'busybox', 'grep', ' /app ', '/proc/mounts')
    assert out.startswith('tmpfs /app tmpfs rw,nosuid,nodev,relatime,size=1024k,mode=1770')


def test_redis_keeps_its_data(cli, soon):
    assert cli('volume', 'create', 'data') == 'data'
    cli('run', '-d', '--name', 'r1', '-v', 'data:/data', *REDIS)
    soon(lambda: cli('exec', 'r1', 'redis-cli', 'ping', code=None) == 'PONG')
    assert cli('exec', 'r1', 'redis-cli', 'set', 'greeting', 'hello from r1') == 'OK'
    assert [v['Name'] for v in [cli.json('volume', 'ls', '--format', '{{json .}}')]] == ['data']
    v = cli.json('volume', 'inspect', 'data')[0]
    assert v['Driver'] == 'local' and v['Scope'] == 'local' and v['Labels'] in (None, {}) and os.path.exists(f'{v["Mountpoint"]}/appendonlydir')
    long = cli('ps', '-aq', '--no-trunc')
    cli('volume', 'rm', 'data', code=1)
    assert f'remove data: volume is in use - [{long}]' in cli.err
    cli('rm', '-f', 'r1')
    cli('run', '-d', '--name', 'r2', '-v', 'data:/data', *REDIS)
    soon(lambda: cli('exec', 'r2', 'redis-cli', 'get', 'greeting', code=None) == 'hello from r1')
    # kill -9
    cli('exec', 'r2', 'redis-cli', 'set', 'before', 'the kill')
    os.kill(int(cli('inspect', '-f', '{{.State.Pid}}', 'r2')), signal.SIGKILL)
    assert cli('wait', 'r2') == '137'
    assert cli('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}', 'r2') == 'exited 137 false'
    cli('start', 'r2')
    soon(lambda: cli('exec', 'r2', 'redis-cli', 'get', 'before', code=None) == 'the kill')
    cli('rm', '-f', 'r2')
    assert cli('volume', 'ls', '-q', '-f', 'name=data') == 'data'
    assert cli('volume', 'rm', 'data') == 'data'
    assert cli('volume', 'ls', '-q') == ''


def test_a_new_volume_is_filled_from_the_image(cli, soon):
    cli('run', '-d', '--name', 'web', '-v', 'html:/usr/share/nginx/html', 'nginx:latest')
    where = cli('volume', 'inspect', '-f', '{{.Mountpoint}}', 'html')
    assert sorted(os.listdir(where)) == ['50x.html', 'index.html']
    soon(lambda: 'Welcome to nginx' in cli('exec', 'web', 'wget', '-qO-', 'http://127.0.0.1/', code=None))
    with open(f'{where}/index.html', 'w') as f:
        f.write('changed on the host')
    cli('run', '-d', '--name', 'web2', '--mount', 'source=html,target=/usr/share/nginx/html,readonly', 'nginx:latest')
    soon(lambda: cli('exec', 'web2', 'wget', '-qO-', 'http://127.0.0.1/', code=None) == 'changed on the host')
    cli('exec', 'web2', 'touch', '/usr/share/nginx/html/x', code=1)
    assert 'Read-only file system' in cli.err
    info = cli.json('inspect', 'web', 'web2')
    assert info[0]['HostConfig']['Binds'] == ['html:/usr/share/nginx/html']
    m = mount_at(info[0], '/usr/share/nginx/html')
    assert (m['Type'], m['Name'], m['Driver'], m['Mode'], m['RW'], m['Propagation']) == ('volume', 'html', 'local', 'z', True, '')
    assert mount_at(info[1], '/usr/share/nginx/html')['RW'] is False
    cli('rm', '-f', 'web', 'web2')
    cli('volume', 'rm', 'html')
    assert 'Total reclaimed space: 0B' in cli('volume', 'prune', '-f')


def test_volumes_from_and_anonymous_volumes(cli):
    cli('run', '-d', '--name', 'aa', '-v', '/anon', '-v', 'named:/named', 'busybox', 'sleep', '600')
    cli('exec', 'aa', 'sh', '-c', 'echo 1 >/anon/f; echo 2 >/named/f')
    assert cli('run', '--rm', '--volumes-from', 'aa:ro', 'busybox', 'cat', '/anon/f', '/named/f') == '1\n2'
    assert len(cli('volume', 'ls', '-q').split()) == 2
    cli('rm', '-f', '-v', 'aa')
    assert cli('volume', 'ls', '-q') == 'named'


def test_postgres_starts_on_a_volume(cli, soon):
    cli('run', '-d', '--name', 'pg', '-e', 'POSTGRES_PASSWORD=secret', '-v', 'pg:/var/lib/postgresql/data', 'postgres:latest')
    ask = ['exec', '-e', 'PGPASSWORD=secret', 'pg', 'psql', '-h', '127.0.0.1', '-U', 'postgres', '-tAc']
    soon(lambda: cli(*ask, 'select 1', code=None) == '1', 60)
    cli(*ask, 'create table t(x int); insert into t values (42)')
    cli('rm', '-f', 'pg')
    cli('run', '-d', '--name', 'pg', '-v', 'pg:/var/lib/postgresql/data', 'postgres:latest')
    soon(lambda: cli(*ask, 'select x from t', code=None) == '42', 60)
