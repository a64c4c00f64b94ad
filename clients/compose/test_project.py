"""A redis and nginx project as people write it, with docker-compose 1.29 and with compose 2: named volumes, a network, health, scale, down and up again."""
import json
import os
import subprocess
import urllib.request

import pytest
from conftest import Cli

EXE = os.environ['CLIENTS_COMPOSE']
V2 = EXE != 'docker-compose'
SEP = '-' if V2 else '_'

PROJECT = """
version: "2.4"
services:
  redis:
    image: redis:latest
    command: redis-server --appendonly yes --appendfsync always
    volumes: ["data:/data"]
    networks: {back: {aliases: [cache]}}
    healthcheck: {test: ["CMD", "redis-cli", "ping"], interval: 1s, timeout: 5s, retries: 20}
  web:
    image: nginx:latest
    ports: ["127.0.0.1:18081:80"]
    volumes: ["html:/usr/share/nginx/html", "./conf:/conf:ro"]
    networks: [back, front]
    environment: {WHO: web}
    labels: {com.example.tier: front}
    depends_on: {redis: {condition: service_healthy}}
  worker:
    image: busybox:latest
    command: sh -c 'echo worker begun; exec sleep 600'
    networks: [back]
    stop_grace_period: 1s
    tmpfs: /scratch
    sysctls: {net.core.somaxconn: 512}
    ulimits: {nofile: {soft: 512, hard: 1024}}
    cap_drop: [NET_RAW]
    extra_hosts: ["far:1.2.3.4"]
    init: true
volumes:
  data: {labels: {kept: "yes"}}
  html:
networks:
  back: {ipam: {config: [{subnet: 10.78.0.0/24}]}}
  front:
"""


@pytest.fixture
def project(tmp_path):
    if V2 and not os.path.exists(EXE):
        pytest.skip('no compose 2 here: Debian 13\'s docker-compose package could not be fetched')
    (tmp_path / 'conf').mkdir()
    (tmp_path / 'conf' / 'f').write_text('from the host')
    (tmp_path / 'docker-compose.yml').write_text(PROJECT)
    c = Cli([EXE, '-p', 'shop', '--project-directory', str(tmp_path), '-f', str(tmp_path / 'docker-compose.yml')])
    c.dir = tmp_path
    yield c
    c('down', '-v', '--remove-orphans', '-t', '0', code=None)


def fetch(path='/'):
    with urllib.request.urlopen(f'http://127.0.0.1:18081{path}', timeout=5) as answer:
        return answer.read().decode()


def redis(project, *words, code=0):
    return project('exec', '-T', 'redis', 'redis-cli', *words, code=code)


def test_up_down_up(project, cli, soon):
    project('up', '-d', timeout=85)
    assert sorted(cli('ps', '--format', '{{.Names}}').split()) == [f'shop{SEP}{s}{SEP}1' for s in ('redis', 'web', 'worker')]
    assert soon(lambda: 'Welcome to nginx' in fetch())
    assert redis(project, 'set', 'greeting', 'hello') == 'OK'
    assert sorted(cli('volume', 'ls', '-q').split()) == ['shop_data', 'shop_html']
    v = cli.json('volume', 'inspect', 'shop_data')[0]
    assert v['Labels']['com.docker.compose.project'] == 'shop' and v['Labels']['com.docker.compose.volume'] == 'data' and v['Labels']['kept'] == 'yes'
    assert {'shop_back', 'shop_front'} <= set(cli('network', 'ls', '--format', '{{.Name}}').split())
    assert project('exec', '-T', 'web', 'cat', '/conf/f') == 'from the host'
    assert project('exec', '-T', 'web', 'sh', '-c', 'echo $WHO') == 'web'
    # names of services, aliases and containers answer on their networks
    for host in ('redis', 'cache', f'shop{SEP}redis{SEP}1'):
        assert 'PONG' in project('exec', '-T', 'worker', 'sh', '-c', f'printf "PING\\r\\n" | nc -w 2 {host} 6379'), host
    assert 'Welcome' in project('exec', '-T', 'worker', 'wget', '-qO-', 'http://web/')
    with open(f'{cli("volume", "inspect", "-f", "{{.Mountpoint}}", "shop_html")}/index.html', 'w') as f:
        f.write('changed')
    assert fetch() == 'changed'
    # nothing to do the second time: no container is made again
    before = cli('ps', '-q')
    project('up', '-d', timeout=85)
    assert cli('ps', '-q') == before
    project('down', '-t', '2', timeout=85)
    assert cli('ps', '-aq') == '' and set(cli('network', 'ls', '--format', '{{.Name}}').split()) == {'bridge', 'host', 'none'}
    assert sorted(cli('volume', 'ls', '-q').split()) == ['shop_data', 'shop_html']
    project('up', '-d', timeout=85)
    assert redis(project, 'get', 'greeting') == 'hello'
    assert soon(lambda: fetch() == 'changed')
    project('down', '-v', '-t', '2', timeout=85)
    assert cli('volume', 'ls', '-q') == '' and cli('ps', '-aq') == ''


def test_ps_logs_top_port_images(project, soon):
    project('up', '-d', timeout=85)
    ps = project('ps')
    assert f'shop{SEP}redis{SEP}1' in ps and 'healthy' in ps and '127.0.0.1:18081->80/tcp' in ps
    assert project('ps', '-q', 'web') != '' and len(project('ps', '-q').split()) == 3
    assert project('ps', '--services').split() and set(project('config', '--services').split()) == {'redis', 'web', 'worker'}
    soon(lambda: 'worker begun' in project('logs', 'worker'))
    assert 'worker begun' in project('logs', '--tail', '1', '--timestamps', 'worker')
    assert 'sleep 600' in project('top', 'worker')
    assert project('port', 'web', '80') == '127.0.0.1:18081'
    assert 'nginx' in project('images')


def test_stop_start_restart_kill_pause_rm(project, cli):
    project('up', '-d', 'worker', timeout=85)
    assert cli('ps', '-q').count('\n') == 0
    started = cli('inspect', '-f', '{{.State.StartedAt}}', f'shop{SEP}worker{SEP}1')
    project('restart', '-t', '0', 'worker')
    assert cli('inspect', '-f', '{{.State.StartedAt}}', f'shop{SEP}worker{SEP}1') > started
    project('pause', 'worker')
    assert cli('ps', '--format', '{{.State}}') == 'paused'
    project('unpause', 'worker')
    project('stop', '-t', '0', 'worker')
    assert cli('ps', '-q') == ''
    project('start', 'worker')
    project('kill', 'worker')
    project('rm', '-f', 'worker')
    assert cli('ps', '-aq') == ''


def test_what_the_file_says_is_what_runs(project, cli):
    project('up', '-d', 'worker', timeout=85)
    name = f'shop{SEP}worker{SEP}1'
    assert cli('exec', name, 'cat', '/proc/sys/net/core/somaxconn') == '512'
    assert cli('exec', name, 'sh', '-c', 'ulimit -Hn') == '1024'
    assert cli('exec', name, 'grep', ' /scratch ', '/proc/mounts').startswith('tmpfs /scratch tmpfs')
    assert '1.2.3.4' in cli('exec', name, 'cat', '/etc/hosts')
    host = cli.json('inspect', name)[0]['HostConfig']
    assert host['Init'] is True and host['CapDrop'] in (['NET_RAW'], ['CAP_NET_RAW']) and host['NetworkMode'] == 'shop_back'
    labels = cli.json('inspect', name)[0]['Config']['Labels']
    assert labels['com.docker.compose.service'] == 'worker' and labels['com.docker.compose.project'] == 'shop'


def test_scale(project, cli, soon):
    project('up', '-d', '--scale', 'worker=3', 'worker', timeout=85)
    assert len(cli('ps', '-q').split()) == 3
    found = soon(lambda: project('exec', '-T', 'worker', 'nslookup', 'worker', code=None))
    assert len({line for line in found.split('\n') if line.startswith('Address') and '10.78.0.' in line and not line.endswith(':53')}) == 3, found
    project('up', '-d', '--scale', 'worker=1', 'worker', timeout=85)
    assert len(cli('ps', '-q').split()) == 1


def test_a_change_makes_the_container_again_and_keeps_the_volume(project, cli):
    project('up', '-d', 'redis', timeout=85)
    redis(project, 'set', 'a', '1')
    old = cli('ps', '-q')
    file = project.dir / 'docker-compose.yml'
    file.write_text(file.read_text().replace('--appendfsync always', '--appendfsync always --maxclients 77'))
    project('up', '-d', 'redis', timeout=85)
    assert cli('ps', '-q') != old and len(cli('ps', '-aq').split()) == 1
    assert redis(project, 'get', 'a') == '1'
    assert redis(project, 'config', 'get', 'maxclients').split() == ['maxclients', '77']
    project('up', '-d', '--force-recreate', 'redis', timeout=85)
    assert redis(project, 'get', 'a') == '1'


def test_run_one_off(project, cli):
    assert 'ran' in project('run', '--rm', '-T', '--no-deps', 'worker', 'echo', 'ran')
    project('run', '--rm', '-T', '--no-deps', 'worker', 'sh', '-c', 'exit 7', code=7)
    assert cli('ps', '-aq') == ''


def test_up_in_the_foreground_ends_with_its_container(project):
    (project.dir / 'docker-compose.yml').write_text('version: "2.4"\nservices:\n  job: {image: busybox, command: sh -c "echo job speaks; exit 4"}\n')
    done = project('up', '--exit-code-from', 'job', code=4, timeout=85)
    assert 'job speaks' in done


def test_an_unhealthy_dependency_is_told(project):
    (project.dir / 'docker-compose.yml').write_text("""
version: "2.4"
services:
  sick:
    image: busybox
    command: sleep 600
    stop_grace_period: 0s
    healthcheck: {test: ["CMD", "false"], interval: 300ms, retries: 1}
  needs: {image: busybox, command: sleep 600, stop_grace_period: 0s, depends_on: {sick: {condition: service_healthy}}}
""")
    project('up', '-d', code=1, timeout=85)
    assert 'unhealthy' in project.err or 'failed to start' in project.err


def test_the_volume_of_another_project_is_used_when_external(project, cli):
    cli('volume', 'create', 'outside')
    (project.dir / 'docker-compose.yml').write_text("""
version: "2.4"
services:
  one: {image: busybox, command: sh -c "date >/v/f; sleep 600", stop_grace_period: 0s, volumes: ["outside:/v"], networks: [ext]}
volumes: {outside: {external: true}}
networks: {ext: {external: true, name: extnet}}
""")
    project('up', '-d', code=1, timeout=85)
    cli('network', 'create', 'extnet')
    project('up', '-d', timeout=85)
    project('down', '-v', timeout=85)
    assert cli('volume', 'ls', '-q') == 'outside' and 'extnet' in cli('network', 'ls', '--format', '{{.Name}}')


def test_events(project):
    watch = subprocess.Popen([EXE, '-p', 'shop', '-f', str(project.dir / 'docker-compose.yml'), 'events', '--json'], stdout=subprocess.PIPE, text=True)
    try:
        import time
        time.sleep(1.5)
        project('up', '-d', 'worker', timeout=85)
        seen = set()
        while not {'create', 'start'} <= seen:
            row = json.loads(watch.stdout.readline())
            assert row['service'] == 'worker'
            seen.add(row['action'])
    finally:
        watch.kill()
        watch.wait()


@pytest.mark.skipif(not V2, reason='only of compose 2: cp, ls, wait')
def test_what_only_version_2_has(project, cli):
    project('up', '-d', '--wait', timeout=85)
    assert 'shop' in [p['Name'] for p in project.json('ls', '--format', 'json')]
    (project.dir / 'up').write_text('copied')
    project('cp', str(project.dir / 'up'), 'worker:/copied')
    assert project('exec', '-T', 'worker', 'cat', '/copied') == 'copied'
    project('cp', 'worker:/copied', str(project.dir / 'back'))
    assert (project.dir / 'back').read_text() == 'copied'
    rows = [json.loads(line) for line in project('ps', '--format', 'json').split('\n')]
    assert {r['Service'] for r in rows} == {'redis', 'web', 'worker'} and all(r['State'] == 'running' for r in rows)
    assert 'true' in project('config', '--format', 'json')
