"""Every command of the docker CLI that has a route of its own, with the words and the exit codes that people and scripts rely on."""
import json
import os
import re
import subprocess
import tarfile
import time

import pytest
from conftest import DOCKER, ENGINE, REGISTRY


@pytest.fixture
def box(cli):
    """A container that stays."""
    return cli('run', '-d', '--name', 'box', '--label', 'x=1', 'busybox', 'sh', '-c', 'echo begun; echo wrong >&2; exec sleep 600')


def test_run_exit_codes(cli):
    assert cli('run', '--rm', 'busybox', 'sh', '-c', 'exit 42', code=42) == ''
    cli('run', '--rm', 'busybox', 'nonexistent-command', code=127)
    assert 'executable file not found in $PATH' in cli.err
    cli('run', '--rm', 'busybox', '/etc', code=126)
    cli('run', '--rm', '--bogus', 'busybox', code=125)
    cli('run', '--name', 'no/slash', 'busybox', code=125)
    assert 'Invalid container name (no/slash), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed' in cli.err


def test_run_in_the_foreground(cli):
    assert cli('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2') == 'out'
    assert cli.err.strip() == 'err'
    assert cli('run', '--rm', '-i', 'busybox', 'cat', stdin='through\n') == 'through'
    assert cli('run', '--rm', '-i', 'busybox', 'wc', '-c', stdin='x' * 3_000_000) == '3000000'
    assert cli('run', '--rm', 'busybox', 'sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" y').count('y') == 3_000_000
    assert cli('ps', '-aq') == ''


def test_run_with_a_terminal(cli):
    out = subprocess.run(['script', '-qec', f'{DOCKER} run --rm -it busybox sh -c "tty; stty size"', '/dev/null'], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert '/dev/pts/0' in out.stdout, out


def test_create_start_attach(cli):
    cli('create', '--name', 'made', '-i', 'busybox', 'sh', '-c', 'read a; echo got $a; exit 3')
    assert cli('ps', '-a', '--format', '{{.Names}} {{.Status}}') == 'made Created'
    assert cli('start', '-ai', 'made', stdin='hello\n', code=3) == 'got hello'
    assert re.fullmatch(r'made Exited \(3\) (Less than a|\d+) seconds? ago', cli('ps', '-a', '--format', '{{.Names}} {{.Status}}'))


def test_ps_formats_and_filters(cli, box):
    row = cli.json('ps', '--format', '{{json .}}', '--no-trunc')
    assert (row['ID'], row['Names'], row['Image'], row['State']) == (box, 'box', 'busybox', 'running')
    assert row['Status'].startswith('Up ') and row['Labels'] == 'x=1'
    for f in ['name=box', 'label=x', 'label=x=1', f'id={box[:12]}', 'status=running', 'ancestor=busybox', 'ancestor=busybox:latest']:
        assert cli('ps', '-q', '--no-trunc', '--filter', f) == box, f
    for f in ['name=nothing', 'label=x=2', 'status=exited', 'ancestor=nginx', 'exited=0', f'before={box}', f'since={box}', 'volume=/x', 'network=none']:
        assert cli('ps', '-aq', '--filter', f) == '', f
    cli('ps', '--filter', 'bogus=1', code=1)
    assert 'nvalid filter' in cli.err
    assert cli('ps', '-s', '--format', '{{.Size}}').startswith('0B (virtual ')
    cli('run', '--name', 'done', 'busybox', 'true')
    assert cli('ps', '-n', '1', '--format', '{{.Names}}') == 'done' and cli('ps', '-l', '--format', '{{.Names}}') == 'done'
    assert cli('ps', '-a', '--filter', 'exited=0', '--format', '{{.Names}}') == 'done'


def test_exec(cli, box):
    assert cli('exec', 'box', 'echo', 'hi') == 'hi'
    cli('exec', 'box', 'sh', '-c', 'exit 5', code=5)
    assert cli('exec', '-i', 'box', 'cat', stdin='in\n') == 'in'
    assert cli('exec', '-e', 'A=b', '-w', '/tmp', '-u', '1000:1000', 'box', 'sh', '-c', 'echo $A $(pwd) $(id -u):$(id -g)') == 'b /tmp 1000:1000'
    assert subprocess.run([DOCKER, 'exec', 'box', 'no-such-thing'], capture_output=True).returncode in (126, 127)  # 126 until Docker 24
    cli('exec', '-d', 'box', 'touch', '/made')
    time.sleep(0.5)
    cli('exec', 'box', 'ls', '/made')
    cli('exec', 'nosuch', 'true', code=1)
    assert 'No such container: nosuch' in cli.err
    cli('stop', '-t', '0', 'box')
    cli('exec', 'box', 'true', code=1)
    assert 'is not running' in cli.err


def test_logs(cli, box):
    assert cli('logs', 'box') == 'begun' and cli.err.strip() == 'wrong'
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z begun', cli('logs', '-t', 'box'))
    assert cli('logs', '--tail', '0', 'box') == ''
    assert cli('logs', '--since', '1h', 'box') == 'begun'
    assert cli('logs', '--until', '1h', 'box') == ''
    cli('run', '--name', 'many', 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo $i; done')
    assert cli('logs', '-n', '2', 'many') == '4\n5'
    follow = subprocess.Popen([DOCKER, 'logs', '-f', 'box'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(0.5)
    cli('kill', 'box')
    assert sorted(follow.communicate(timeout=20)[0].split()) == ['begun', 'wrong']


def test_stop_start_restart_kill_wait(cli, box):
    assert cli('stop', '-t', '1', 'box') == 'box'
    assert cli('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'box') == 'exited 137'
    assert cli('start', 'box') == 'box'
    first = cli('inspect', '-f', '{{.State.StartedAt}}', 'box')
    assert cli('restart', '-t', '0', 'box') == 'box'
    assert cli('inspect', '-f', '{{.State.StartedAt}}', 'box') > first
    waiting = subprocess.Popen([DOCKER, 'wait', 'box'], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    assert cli('kill', '-s', 'KILL', 'box') == 'box'
    assert waiting.communicate(timeout=20)[0].strip() == '137'
    cli('kill', 'box', code=1)
    assert 'is not running' in cli.err
    assert cli('stop', 'box') == 'box'


def test_rm(cli, box):
    cli('rm', 'box', code=1)
    assert 'cannot remove' in cli.err.lower() or 'You cannot remove a running container' in cli.err
    assert cli('rm', '-f', 'box') == 'box'
    cli('rm', 'box', code=1)
    assert 'No such container: box' in cli.err
    assert cli('rm', '-f', 'box', code=None) == ''


def test_pause_rename_update_top_port(cli, box):
    assert cli('pause', 'box') == 'box'
    assert cli('ps', '--format', '{{.Status}}').endswith('(Paused)')
    cli('exec', 'box', 'true', code=1)
    assert 'is paused, unpause the container before exec' in cli.err
    cli('pause', 'box', code=1)
    assert 'is already paused' in cli.err
    assert cli('unpause', 'box') == 'box'
    cli('unpause', 'box', code=1)
    assert 'is not paused' in cli.err
    cli('rename', 'box', 'renamed')
    assert cli('ps', '--format', '{{.Names}}') == 'renamed'
    cli('create', '--name', 'other', 'busybox')
    cli('rename', 'other', 'renamed', code=1)
    assert 'is already in use by container' in cli.err
    assert cli('update', '--memory', '64m', '--memory-swap', '64m', '--pids-limit', '50', '--restart', 'on-failure:2', 'renamed') == 'renamed'
    host = cli.json('inspect', 'renamed')[0]['HostConfig']
    assert (host['Memory'], host['PidsLimit'], host['RestartPolicy']) == (64 << 20, 50, {'Name': 'on-failure', 'MaximumRetryCount': 2})
    assert 'sleep 600' in cli('top', 'renamed') and cli('top', 'renamed').split('\n')[0].split()[0] == 'UID'
    assert cli('top', 'renamed', '-o', 'pid,args').split('\n')[0].split() == ['PID', 'COMMAND']
    assert cli('port', 'renamed') == ''


def test_stats(cli, box):
    row = cli.json('stats', '--no-stream', '--format', '{{json .}}', 'box')
    assert row['Name'] == 'box' and row['PIDs'] != '0' and 'iB / ' in row['MemUsage'], row


def test_diff_commit_export_import(cli, box, tmp_path):
    cli('exec', 'box', 'sh', '-c', 'echo new >/new; echo more >>/etc/passwd; rm /etc/group')
    lines = cli('diff', 'box').split('\n')
    assert 'A /new' in lines and 'C /etc' in lines and 'C /etc/passwd' in lines and 'D /etc/group' in lines
    made = cli('commit', '-m', 'why', '-a', 'me', '-c', 'CMD ["cat", "/new"]', 'box', 'made:1')
    assert made.startswith('sha256:')
    assert cli('run', '--rm', 'made:1') == 'new'
    image = cli.json('image', 'inspect', 'made:1')[0]
    assert (image['Author'], image['Comment'], image['Config']['Cmd']) == ('me', 'why', ['cat', '/new'])
    assert len(cli('history', '-q', 'made:1').split()) >= 2
    tar = tmp_path / 'box.tar'
    cli('export', '-o', str(tar), 'box')
    with tarfile.open(tar) as t:
        assert t.extractfile('new').read() == b'new\n' and 'etc/group' not in t.getnames()
    cli('import', '-c', 'CMD cat /new', '-m', 'brought', str(tar), 'brought:1')
    assert cli('run', '--rm', 'brought:1') == 'new'
    cli('rmi', 'made:1', 'brought:1')


def test_cp(cli, box, tmp_path):
    (tmp_path / 'dir').mkdir()
    (tmp_path / 'dir' / 'f').write_text('from the host')
    cli('cp', str(tmp_path / 'dir'), 'box:/tmp')
    assert cli('exec', 'box', 'cat', '/tmp/dir/f') == 'from the host'
    cli('cp', 'box:/tmp/dir/f', str(tmp_path / 'back'))
    assert (tmp_path / 'back').read_text() == 'from the host'
    out = subprocess.run(f'{DOCKER} cp box:/tmp/dir - | tar -t', shell=True, capture_output=True, text=True).stdout
    assert out.split() == ['dir/', 'dir/f']
    cli('cp', 'box:/nothing', str(tmp_path), code=1)
    assert 'Could not find the file /nothing in container box' in cli.err
    cli('cp', str(tmp_path / 'dir' / 'f'), 'box:/no/such/dir/f', code=1)
    subprocess.run(f'tar -C {tmp_path} -c dir | {DOCKER} cp - box:/var', shell=True, check=True)
    assert cli('exec', 'box', 'cat', '/var/dir/f') == 'from the host'


def test_images(cli, tmp_path):
    assert 'busybox' in cli('images', '--format', '{{.Repository}}').split()
    cli('tag', 'busybox', 'again:v1')
    assert cli('images', '-q', 'again:v1') == cli('images', '-q', 'busybox:latest')
    cli('save', '-o', str(tmp_path / 'i.tar'), 'again:v1', 'busybox')
    assert cli('rmi', 'again:v1') == 'Untagged: again:v1'
    assert 'Loaded image: again:v1' in cli('load', '-i', str(tmp_path / 'i.tar'))
    cli('rmi', 'again:v1')
    cli('rmi', 'again:v1', code=1)
    assert 'No such image: again:v1' in cli.err
    cli('image', 'inspect', 'again:v1', code=1)
    assert 'o such image: again:v1' in cli.err
    cli('tag', 'nosuch', 'x', code=1)
    assert 'No such image: nosuch' in cli.err
    assert cli('image', 'prune', '-f').endswith('Total reclaimed space: 0B')


def test_push_and_pull(cli):
    ref = f'{REGISTRY}/team/busybox:1'
    cli('tag', 'busybox', ref)
    assert re.search(r'1: digest: sha256:[0-9a-f]{64} size: \d+', cli('push', ref))
    cli('rmi', ref)
    out = cli('pull', ref)
    assert f'Status: ' in out and ref in out and re.search(r'Digest: sha256:[0-9a-f]{64}', out)
    digest = cli('image', 'inspect', '-f', '{{index .RepoDigests 0}}', ref)
    assert digest.startswith(f'{REGISTRY}/team/busybox@sha256:')
    assert cli('pull', '-q', ref) == ref
    cli('rmi', ref)
    assert cli('run', '--rm', '--pull', 'always', '-q', ref, 'echo', 'pulled') == 'pulled'
    cli('pull', f'{REGISTRY}/team/nosuch', code=1)
    assert 'not found' in cli.err or 'manifest unknown' in cli.err
    cli('run', '--rm', f'{REGISTRY}/team/nosuch', code=125)
    assert f"Unable to find image '{REGISTRY}/team/nosuch:latest' locally" in cli.err
    cli('push', f'{REGISTRY}/team/unknown', code=1)
    cli('rmi', ref)


def test_volumes(cli):
    assert cli('volume', 'create', '--label', 'a=b', '-d', 'local', 'v1') == 'v1'
    assert cli('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=1m', 'v2') == 'v2'
    assert len(cli('volume', 'create')) == 64
    assert cli('volume', 'ls', '-q', '-f', 'label=a=b') == 'v1'
    assert cli('volume', 'ls', '-q', '-f', 'dangling=false') == ''
    assert cli('volume', 'ls', '-f', 'name=v', '--format', '{{.Name}}').split()[:1] != []
    assert cli.json('volume', 'inspect', 'v2')[0]['Options'] == {'device': 'tmpfs', 'o': 'size=1m', 'type': 'tmpfs'}
    assert 'size=1024k' in cli('run', '--rm', '-v', 'v2:/t', 'busybox', 'grep', ' /t ', '/proc/mounts')
    assert cli('volume', 'inspect', 'nosuch', code=1) == '[]'
    assert 'get nosuch: no such volume' in cli.err or 'No such volume: nosuch' in cli.err
    cli('volume', 'create', 'a', code=1)
    assert 'volume name is too short, names should be at least two alphanumeric characters' in cli.err
    cli('volume', 'create', '../x', code=1)
    assert 'includes invalid characters for a local volume name' in cli.err
    cli('volume', 'create', '-d', 'nosuch', 'v3', code=1)
    assert 'plugin "nosuch" not found' in cli.err
    if ENGINE == 'stead':  # 1.42: only anonymous ones, unless --all
        cli('volume', 'prune', '-f')
        assert set(cli('volume', 'ls', '-q').split()) == {'v1', 'v2'}
        assert 'v1' in cli('volume', 'prune', '-af')
    cli('volume', 'rm', '-f', 'nosuch')


def test_networks(cli, soon):
    net = cli('network', 'create', '--subnet', '10.77.0.0/24', '--gateway', '10.77.0.1', '--label', 'n=1', 'net1')
    assert len(net) == 64
    cli('network', 'create', 'net1', code=1)
    assert 'network with name net1 already exists' in cli.err
    assert cli('network', 'ls', '-q', '--no-trunc', '-f', 'label=n') == net
    assert {'bridge', 'host', 'none', 'net1'} <= set(cli('network', 'ls', '--format', '{{.Name}}').split())
    cli('run', '-d', '--name', 'srv', '--network', 'net1', '--ip', '10.77.0.9', '--network-alias', 'alias', '-p', '127.0.0.1:18080:80', 'nginx')
    assert cli('port', 'srv') == '80/tcp -> 127.0.0.1:18080' and cli('port', 'srv', '80') == '127.0.0.1:18080'
    assert '127.0.0.1:18080->80/tcp' in cli('ps', '--format', '{{.Ports}}')
    for host in ['srv', 'alias', '10.77.0.9']:
        soon(lambda h=host: 'Welcome to nginx' in cli('run', '--rm', '--network', 'net1', 'busybox', 'wget', '-qO-', f'http://{h}/', code=None))
    got = subprocess.run(['/usr/bin/python3', '-c', 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:18080/").read())'], capture_output=True, text=True).stdout
    assert 'Welcome to nginx' in got
    info = cli.json('network', 'inspect', 'net1')[0]
    assert info['IPAM']['Config'] == [{'Subnet': '10.77.0.0/24', 'Gateway': '10.77.0.1'}]
    assert [c['Name'] for c in info['Containers'].values()] == ['srv']
    cli('network', 'rm', 'net1', code=1)
    assert 'has active endpoints' in cli.err
    cli('network', 'create', 'net2')
    cli('network', 'connect', '--alias', 'second', 'net2', 'srv')
    assert set(cli.json('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'srv')) == {'net1', 'net2'}
    assert 'Welcome' in cli('run', '--rm', '--network', 'net2', 'busybox', 'wget', '-qO-', 'http://second/')
    cli('network', 'disconnect', 'net2', 'srv')
    assert set(cli.json('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'srv')) == {'net1'}
    assert 'net2' in cli('network', 'prune', '-f')
    cli('rm', '-f', 'srv')
    assert cli('network', 'rm', 'net1') == 'net1'
    cli('network', 'rm', 'net1', code=1)
    assert 'not found' in cli.err.lower() or 'No such network' in cli.err


def test_network_modes(cli):
    assert cli('run', '--rm', '--network', 'none', 'busybox', 'ls', '/sys/class/net') == 'lo'
    cli('run', '-d', '--name', 'base', 'busybox', 'sleep', '600')
    ours = cli('exec', 'base', 'cat', '/proc/net/fib_trie')
    assert cli('run', '--rm', '--network', 'container:base', 'busybox', 'cat', '/proc/net/fib_trie') == ours
    assert re.search(r'1.2.3.4\s+far', cli('run', '--rm', '--add-host', 'far:1.2.3.4', 'busybox', 'cat', '/etc/hosts'))
    resolv = cli('run', '--rm', '--dns', '9.9.9.9', '--dns-search', 'example.org', '--dns-option', 'ndots:2', 'busybox', 'cat', '/etc/resolv.conf')
    assert 'nameserver 9.9.9.9' in resolv and 'search example.org' in resolv and 'ndots:2' in resolv
    cli('run', '--rm', '--network', 'nosuch', 'busybox', code=125)
    assert 'network nosuch not found' in cli.err


def test_events(cli):
    began = str(int(time.time()) - 1)
    cli('run', '--rm', '--name', 'ev', '--label', 'e=1', '-v', 'evv:/v', 'busybox', 'true')
    cli('volume', 'rm', 'evv')
    time.sleep(0.3)
    rows = [json.loads(line) for line in cli('events', '--since', began, '--until', str(int(time.time()) + 1), '--format', '{{json .}}').split('\n')]
    mine = [r['Action'] for r in rows if r['Type'] == 'container' and r['Actor']['Attributes'].get('name') == 'ev']
    for action in ['create', 'attach', 'start', 'die', 'destroy']:
        assert action in mine, f'{action} not in {mine}'
    assert [a for a in mine if a in ('create', 'start', 'die', 'destroy')] == ['create', 'start', 'die', 'destroy']
    assert {'create', 'mount', 'unmount', 'destroy'} <= {r['Action'] for r in rows if r['Type'] == 'volume' and r['Actor']['ID'] == 'evv'}
    die = next(r for r in rows if r['Action'] == 'die' and r['Actor']['Attributes'].get('name') == 'ev')
    assert die['Actor']['Attributes']['exitCode'] == '0' and die['Actor']['Attributes']['e'] == '1'
    only = cli('events', '--since', began, '--until', str(int(time.time()) + 1), '--filter', 'type=volume', '--filter', 'event=create', '--format', '{{.Actor.ID}}')
    assert only == 'evv'


def test_system(cli, box):
    rows = [json.loads(line) for line in cli('system', 'df', '--format', '{{json .}}').split('\n')]
    assert [r['Type'] for r in rows] == ['Images', 'Containers', 'Local Volumes', 'Build Cache']
    cli('volume', 'create', 'keep')
    cli('run', '--name', 'done', 'busybox', 'true')
    out = cli('system', 'prune', '-f')
    assert 'Deleted Containers:' in out and 'Total reclaimed space' in out
    assert cli('volume', 'ls', '-q') == 'keep' and cli('ps', '--format', '{{.Names}}') == 'box'
    cli('run', '--name', 'done', 'busybox', 'true')
    assert 'Deleted Containers:' in cli('container', 'prune', '-f')


def test_health(cli, soon):
    cli('run', '-d', '--name', 'hc', '--health-cmd', 'test -e /ok', '--health-interval', '500ms', '--health-retries', '2', 'busybox', 'sleep', '600')
    assert '(health: starting)' in cli('ps', '--format', '{{.Status}}')
    soon(lambda: '(unhealthy)' in cli('ps', '--format', '{{.Status}}'))
    cli('exec', 'hc', 'touch', '/ok')
    soon(lambda: '(healthy)' in cli('ps', '--format', '{{.Status}}'))
    health = cli.json('inspect', '-f', '{{json .State.Health}}', 'hc')
    assert health['Status'] == 'healthy' and health['FailingStreak'] == 0 and health['Log'][-1]['ExitCode'] == 0
    assert cli('ps', '-q', '--filter', 'health=healthy') != ''


def test_restart_policies(cli, soon):
    cli('run', '-d', '--name', 'again', '--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'exit 3')
    soon(lambda: cli('inspect', '-f', '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}', 'again') == '2 exited 3')
    cli('run', '--rm', '--restart', 'always', 'busybox', code=125)
    assert 'conflicting options: cannot specify both --restart and --rm' in cli.err or 'Conflicting options: --restart and --rm' in cli.err
    cli('run', '-d', '--name', 'always', '--restart', 'always', 'busybox', 'sleep', '600')
    pid = cli('inspect', '-f', '{{.State.Pid}}', 'always')
    os.kill(int(pid), 9)
    soon(lambda: cli('inspect', '-f', '{{.State.Running}} {{.RestartCount}}', 'always') == 'true 1')
    cli('stop', '-t', '0', 'always')
    time.sleep(0.5)
    assert cli('inspect', '-f', '{{.State.Running}}', 'always') == 'false'


def test_stead_sees_the_same(cli, stead):
    cli('run', '-d', '--name', 'both', '-v', 'shared:/v', 'busybox', 'sleep', '600')
    assert stead('ps', '-aq', '--no-trunc') == cli('ps', '-aq', '--no-trunc')
    assert stead('volume', 'ls', '-q') == 'shared'
    stead('exec', 'both', 'touch', '/v/f')
    stead('rm', '-f', 'both')
    assert cli('ps', '-aq') == ''
    stead('run', '-d', '--name', 'other', 'busybox', 'sleep', '600')
    assert cli('exec', 'other', 'echo', 'in') == 'in'
    assert stead.json('inspect', 'other')[0] == cli.json('inspect', 'other')[0]


def test_clear_refusals(cli, stead):
    cli('run', '--rm', '--gpus', 'all', 'busybox', code=125)
    assert 'could not select device driver "" with capabilities: [[gpu]]' in cli.err
    cli('search', 'busybox', code=1)
    cli('swarm', 'init', code=1)
    cli('node', 'ls', code=1)
    assert 'This node is not a swarm manager' in cli.err
    assert cli('plugin', 'ls', '-q') == ''
