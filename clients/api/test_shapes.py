"""The keys and types of every answer with a body: what generated clients (bollard, Go's, Java's) fail on when it is not so."""
import base64
import json
import re
import time

import pytest
from scene import STEAD, begin, exec_in, make
from shape import Each, Maybe, Nullable, fits

HEX = re.compile(r'^[0-9a-f]{64}$')
SHA = re.compile(r'^sha256:[0-9a-f]{64}$')
TIME = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$')

ENDPOINT = {'IPAMConfig': Nullable(dict), 'Links': Nullable([str]), 'Aliases': Nullable([str]), 'NetworkID': str, 'EndpointID': str, 'Gateway': str, 'IPAddress': str,
            'IPPrefixLen': int, 'IPv6Gateway': str, 'GlobalIPv6Address': str, 'GlobalIPv6PrefixLen': int, 'MacAddress': str, 'DriverOpts': Nullable(dict), 'DNSNames': Maybe([str])}
MOUNT = {'Type': str, 'Name': Maybe(str), 'Source': str, 'Destination': str, 'Driver': Maybe(str), 'Mode': str, 'RW': bool, 'Propagation': str}
PORT = {'PrivatePort': int, 'Type': str, 'PublicPort': Maybe(int), 'IP': Maybe(str)}
LISTED = {'Id': HEX, 'Names': [re.compile('^/')], 'Image': str, 'ImageID': SHA, 'Command': str, 'Created': int, 'Ports': [PORT], 'Labels': Each(str), 'State': str, 'Status': str,
          'HostConfig': {'NetworkMode': str}, 'NetworkSettings': {'Networks': Each(ENDPOINT)}, 'Mounts': [MOUNT], 'SizeRw': Maybe(int), 'SizeRootFs': Maybe(int)}
HOST = {
    'Binds': Nullable([str]), 'ContainerIDFile': str, 'LogConfig': {'Type': str, 'Config': Nullable(Each(str))}, 'NetworkMode': str, 'PortBindings': Nullable(dict),
    'RestartPolicy': {'Name': str, 'MaximumRetryCount': int}, 'AutoRemove': bool, 'VolumeDriver': str, 'VolumesFrom': Nullable([str]), 'CapAdd': Nullable([str]),
    'CapDrop': Nullable([str]), 'CgroupnsMode': str, 'Dns': Nullable([str]), 'DnsOptions': Nullable([str]), 'DnsSearch': Nullable([str]), 'ExtraHosts': Nullable([str]),
    'GroupAdd': Nullable([str]), 'IpcMode': str, 'Cgroup': str, 'Links': Nullable([str]), 'OomScoreAdj': int, 'PidMode': str, 'Privileged': bool, 'PublishAllPorts': bool,
    'ReadonlyRootfs': bool, 'SecurityOpt': Nullable([str]), 'UTSMode': str, 'UsernsMode': str, 'ShmSize': int, 'Runtime': Maybe(str), 'Isolation': str, 'CpuShares': int, 'Memory': int,
    'NanoCpus': int, 'CgroupParent': str, 'BlkioWeight': int, 'BlkioWeightDevice': Nullable(list), 'BlkioDeviceReadBps': Nullable(list), 'CpuPeriod': int, 'CpuQuota': int,
    'CpuRealtimePeriod': int, 'CpuRealtimeRuntime': int, 'CpusetCpus': str, 'CpusetMems': str, 'Devices': Nullable(list), 'DeviceCgroupRules': Nullable(list),
    'DeviceRequests': Nullable(list), 'MemoryReservation': int, 'MemorySwap': int, 'MemorySwappiness': Nullable(int), 'OomKillDisable': Nullable(bool), 'PidsLimit': Nullable(int),
    'Ulimits': Nullable(list), 'CpuCount': int, 'CpuPercent': int, 'IOMaximumIOps': int, 'IOMaximumBandwidth': int, 'MaskedPaths': Nullable([str]), 'ReadonlyPaths': Nullable([str]),
    'ConsoleSize': [int], 'Mounts': Maybe(list), 'Tmpfs': Maybe(Each(str)), 'Init': Maybe(bool), 'Sysctls': Maybe(dict)}
CONFIG = {'Hostname': str, 'Domainname': str, 'User': str, 'AttachStdin': bool, 'AttachStdout': bool, 'AttachStderr': bool, 'Tty': bool, 'OpenStdin': bool, 'StdinOnce': bool,
          'Env': Nullable([str]), 'Cmd': Nullable([str]), 'Image': str, 'Volumes': Nullable(dict), 'WorkingDir': str, 'Entrypoint': Nullable([str]), 'OnBuild': Maybe([str]),
          'Labels': Nullable(Each(str)), 'ExposedPorts': Maybe(dict), 'StopSignal': Maybe(str), 'StopTimeout': Maybe(int)}
INSPECTED = {
    'Id': HEX, 'Created': TIME, 'Path': str, 'Args': [str], 'Image': SHA, 'ResolvConfPath': str, 'HostnamePath': str, 'HostsPath': str, 'LogPath': str, 'Name': re.compile('^/'),
    'RestartCount': int, 'Driver': str, 'Platform': 'linux', 'MountLabel': str, 'ProcessLabel': str, 'AppArmorProfile': str, 'ExecIDs': Nullable([HEX]), 'HostConfig': HOST,
    'GraphDriver': {'Name': str, 'Data': Nullable(dict)}, 'Mounts': [MOUNT], 'Config': CONFIG, 'SizeRw': Maybe(int), 'SizeRootFs': Maybe(int),
    'State': {'Status': str, 'Running': bool, 'Paused': bool, 'Restarting': bool, 'OOMKilled': bool, 'Dead': bool, 'Pid': int, 'ExitCode': int, 'Error': str, 'StartedAt': TIME,
              'FinishedAt': TIME, 'Health': Maybe({'Status': str, 'FailingStreak': int, 'Log': Nullable([{'Start': TIME, 'End': TIME, 'ExitCode': int, 'Output': str}])})},
    'NetworkSettings': {'SandboxID': str, 'SandboxKey': str, 'Ports': Nullable(Each(Nullable([{'HostIp': str, 'HostPort': str}]))), 'Networks': Each(ENDPOINT)}}
VOLUME = {'Name': str, 'Driver': 'local', 'Mountpoint': str, 'CreatedAt': TIME, 'Labels': Nullable(Each(str)), 'Options': Nullable(Each(str)), 'Scope': 'local'}
NETWORK = {'Name': str, 'Id': HEX, 'Created': TIME, 'Scope': str, 'Driver': str, 'EnableIPv6': bool,
           'IPAM': {'Driver': str, 'Options': Nullable(dict), 'Config': Nullable([{'Subnet': Maybe(str), 'Gateway': Maybe(str)}])},
           'Internal': bool, 'Attachable': bool, 'Ingress': bool, 'ConfigFrom': {'Network': str}, 'ConfigOnly': bool, 'Containers': Maybe(dict), 'Options': Nullable(dict), 'Labels': Nullable(dict)}
IMAGE_ROW = {'Id': SHA, 'ParentId': str, 'RepoTags': Nullable([str]), 'RepoDigests': Nullable([str]), 'Created': int, 'Size': int, 'SharedSize': int, 'Labels': Nullable(dict), 'Containers': int}
IMAGE = {'Id': SHA, 'RepoTags': [str], 'RepoDigests': [str], 'Comment': str, 'Created': TIME, 'Author': str, 'Config': dict, 'Architecture': str, 'Os': str, 'Size': int,
         'GraphDriver': {'Name': str, 'Data': Nullable(dict)}, 'RootFS': {'Type': 'layers', 'Layers': [SHA]}, 'Metadata': {'LastTagTime': str}}


def test_container_list_and_inspect(wire):
    made = begin(wire, 'shape', HostConfig={'Binds': ['shapes:/v'], 'Tmpfs': {'/t': ''}, 'PortBindings': {'80/tcp': [{'HostPort': '18099'}]}}, ExposedPorts={'80/tcp': {}, '81/udp': {}},
                 Labels={'a': 'b'}, Healthcheck={'Test': ['CMD', 'true']})
    rows = wire.get('/containers/json?size=1').json()
    fits(rows, [LISTED])
    row = rows[0]
    assert row['Names'] == ['/shape'] and row['Labels'] == {'a': 'b'} and row['State'] == 'running' and row['Status'].startswith('Up ') and row['Command'] == 'sleep 600'
    assert {(p['PrivatePort'], p['Type'], p.get('PublicPort')) for p in row['Ports']} >= {(80, 'tcp', 18099), (81, 'udp', None)}
    info = wire.get(f'/containers/{made}/json?size=true').json()
    fits(info, INSPECTED)
    assert info['SizeRw'] >= 0 and info['SizeRootFs'] > 0
    assert info['NetworkSettings']['Ports']['81/udp'] is None
    assert ('HostIp', '0.0.0.0') in info['NetworkSettings']['Ports']['80/tcp'][0].items()
    assert info['HostConfig']['NetworkMode'] in ('default', 'bridge') and info['HostConfig']['Tmpfs'] == {'/t': ''} and info['HostConfig']['ShmSize'] == 64 << 20
    if STEAD:
        # 1.44: names that a container answers to; before that the list was in Aliases.
        assert 'DNSNames' in info['NetworkSettings']['Networks']['bridge']


def test_container_states(wire):
    a = make(wire, 'st')
    info = wire.get(f'/containers/{a}/json').json()
    fits(info, INSPECTED)
    assert (info['State']['Status'], info['State']['StartedAt'], info['State']['Pid']) == ('created', '0001-01-01T00:00:00Z', 0)
    fits(wire.get('/containers/json?all=1').json(), [LISTED])
    assert wire.get('/containers/json?all=1').json()[0]['Status'] == 'Created'
    wire.post(f'/containers/{a}/start')
    wire.post(f'/containers/{a}/pause')
    info = wire.get(f'/containers/{a}/json').json()
    assert (info['State']['Status'], info['State']['Running'], info['State']['Paused']) == ('paused', True, True)
    assert wire.get('/containers/json').json()[0]['Status'].endswith('(Paused)')
    wire.post(f'/containers/{a}/unpause')
    wire.post(f'/containers/{a}/kill')
    wire.post(f'/containers/{a}/wait')
    info = wire.get(f'/containers/{a}/json').json()
    fits(info, INSPECTED)
    assert (info['State']['Status'], info['State']['ExitCode'], info['State']['Pid']) == ('exited', 137, 0) and info['State']['FinishedAt'] > info['State']['StartedAt']


def test_create_wait_top_changes_prune(wire):
    answer = wire.post('/containers/create', {'Image': 'busybox', 'Cmd': ['sh', '-c', 'echo x >/x; sleep 600']})
    fits(answer.json(), {'Id': HEX, 'Warnings': [str] if STEAD else Nullable([str])})
    c = answer.json()['Id']
    wire.post(f'/containers/{c}/start')
    fits(wire.get(f'/containers/{c}/top').json(), {'Titles': [str], 'Processes': [[str]]})
    time.sleep(0.3)
    fits(wire.get(f'/containers/{c}/changes').json(), [{'Path': re.compile('^/'), 'Kind': int}])
    fits(wire.post(f'/containers/{c}/update', {'CpuShares': 300}).json(), {'Warnings': Nullable([str])})
    wire.post(f'/containers/{c}/kill')
    fits(wire.post(f'/containers/{c}/wait').json(), {'StatusCode': 137})
    fits(wire.post('/containers/prune').json(), {'ContainersDeleted': [c], 'SpaceReclaimed': int})
    fits(wire.post('/containers/prune').json(), {'ContainersDeleted': Nullable([HEX]), 'SpaceReclaimed': 0})


def test_exec(wire):
    c = begin(wire)
    e, _ = exec_in(wire, c, 'sh', '-c', 'exit 4', Env=['A=b'], User='0')
    time.sleep(0.2)
    fits(wire.get(f'/exec/{e}/json').json(), {
        'ID': HEX, 'Running': False, 'ExitCode': 4, 'ProcessConfig': {'tty': False, 'entrypoint': 'sh', 'arguments': [str], 'privileged': bool, 'user': Maybe(str)},
        'OpenStdin': False, 'OpenStderr': True, 'OpenStdout': True, 'CanRemove': bool, 'ContainerID': c, 'DetachKeys': Nullable(str), 'Pid': int})


def test_stats(wire):
    c = begin(wire)
    s = wire.get(f'/containers/{c}/stats?stream=false').json()
    cpu = {'cpu_usage': {'total_usage': int, 'usage_in_kernelmode': int, 'usage_in_usermode': int}, 'system_cpu_usage': Maybe(int), 'online_cpus': Maybe(int),
           'throttling_data': {'periods': int, 'throttled_periods': int, 'throttled_time': int}}
    fits(s, {'read': TIME, 'preread': TIME, 'pids_stats': {'current': int}, 'blkio_stats': dict, 'num_procs': int, 'storage_stats': dict, 'cpu_stats': cpu, 'precpu_stats': cpu,
             'memory_stats': {'usage': int, 'limit': int, 'stats': Each(int)}, 'name': re.compile('^/'), 'id': c,
             'networks': Each({'rx_bytes': int, 'rx_packets': int, 'rx_errors': int, 'rx_dropped': int, 'tx_bytes': int, 'tx_packets': int, 'tx_errors': int, 'tx_dropped': int})})
    assert s['cpu_stats']['system_cpu_usage'] > s['precpu_stats']['system_cpu_usage'] > 0
    one = wire.get(f'/containers/{c}/stats?stream=0&one-shot=1').json()
    assert one['precpu_stats']['cpu_usage']['total_usage'] == 0
    wire.post(f'/containers/{c}/kill')
    off = wire.get(f'/containers/{c}/stats?stream=0').json()
    assert off['read'] == '0001-01-01T00:00:00Z' and off['id'] == c


def test_archive_header(wire):
    c = begin(wire, Cmd=['sh', '-c', 'ln -s /etc/passwd /l; sleep 600'])
    time.sleep(0.3)
    answer = wire.head(f'/containers/{c}/archive?path=/l')
    stat = json.loads(base64.b64decode(answer.headers['X-Docker-Container-Path-Stat']))
    fits(stat, {'name': 'l', 'size': int, 'mode': int, 'mtime': TIME, 'linkTarget': re.compile('/etc/passwd$')})
    assert stat['mode'] & (1 << 27), 'Go\'s bit for a symbolic link'
    answer = wire.get(f'/containers/{c}/archive?path=/etc')
    assert answer.headers['Content-Type'] == 'application/x-tar' and json.loads(base64.b64decode(answer.headers['X-Docker-Container-Path-Stat']))['mode'] & (1 << 31)


def test_images(wire):
    fits(wire.get('/images/json?all=1').json(), [IMAGE_ROW])
    image = wire.get('/images/busybox/json').json()
    fits(image, IMAGE)
    assert image['Metadata']['LastTagTime']
    fits(wire.get('/images/busybox/history').json(), [{'Id': str, 'Created': int, 'CreatedBy': str, 'Tags': Nullable([str]), 'Size': int, 'Comment': str}])
    wire.post('/images/busybox/tag?repo=shape&tag=1')
    fits(wire.delete('/images/shape:1').json(), [{'Untagged': 'shape:1'}])
    fits(wire.post('/images/prune').json(), {'ImagesDeleted': Nullable([dict]), 'SpaceReclaimed': int})
    rows = wire.get('/images/json?filters=%7B%22reference%22%3A%5B%22busybox%22%5D%7D').json()
    assert rows and all(any(t.startswith('busybox:') for t in r['RepoTags']) for r in rows)


def test_volumes(wire):
    v = wire.post('/volumes/create', {'Name': 'shape-v', 'Labels': {'a': ''}, 'DriverOpts': {}}).json()
    fits(v, VOLUME)
    fits(wire.get('/volumes/shape-v').json(), VOLUME)
    fits(wire.get('/volumes').json(), {'Volumes': [VOLUME], 'Warnings': Nullable([str])})
    wire.delete('/volumes/shape-v')
    fits(wire.get('/volumes').json(), {'Volumes': [VOLUME], 'Warnings': Nullable([str])})
    anonymous = wire.post('/volumes/create', {}).json()
    fits(anonymous, {**VOLUME, 'Name': HEX})
    if STEAD:
        assert anonymous['Labels'] == {'com.docker.volume.anonymous': ''}
    fits(wire.post('/volumes/prune').json(), {'VolumesDeleted': [anonymous['Name']], 'SpaceReclaimed': int})


def test_networks(wire):
    rows = wire.get('/networks').json()
    fits(rows, [NETWORK])
    assert {('bridge', 'bridge'), ('host', 'host'), ('none', 'null')} <= {(r['Name'], r['Driver']) for r in rows}
    made = wire.post('/networks/create', {'Name': 'shape-n', 'Internal': True, 'Attachable': True, 'Labels': {'a': 'b'}, 'Options': {'com.docker.network.bridge.name': 'br-shape'}})
    fits(made.json(), {'Id': HEX, 'Warning': str})
    c = begin(wire, 'inet', HostConfig={'NetworkMode': 'shape-n'})
    net = wire.get('/networks/shape-n').json()
    fits(net, NETWORK)
    assert net['Internal'] and net['Attachable'] and net['Options'] == {'com.docker.network.bridge.name': 'br-shape'}
    fits(net['Containers'], {c: {'Name': 'inet', 'EndpointID': HEX, 'MacAddress': re.compile('^..:..:..:..:..:..$'), 'IPv4Address': re.compile(r'/\d+$'), 'IPv6Address': str}})
    fits(wire.get(f'/containers/{c}/json').json()['NetworkSettings']['Networks'], {'shape-n': ENDPOINT})
    bridge = wire.get('/networks/bridge').json()
    assert bridge['Options'].get('com.docker.network.bridge.default_bridge') == 'true' and bridge['Options'].get('com.docker.network.bridge.name')


def test_system(wire):
    v = wire.get('/version').json()
    fits(v, {'Platform': {'Name': str}, 'Components': [{'Name': str, 'Version': str, 'Details': Maybe(dict)}], 'Version': str, 'ApiVersion': re.compile(r'^1\.\d+$'),
             'MinAPIVersion': re.compile(r'^1\.\d+$'), 'GitCommit': str, 'GoVersion': str, 'Os': 'linux', 'Arch': str, 'KernelVersion': str, 'BuildTime': Maybe(str)})
    i = wire.get('/info').json()
    fits(i, {'ID': str, 'Containers': int, 'ContainersRunning': int, 'ContainersPaused': int, 'ContainersStopped': int, 'Images': int, 'Driver': str, 'DriverStatus': Nullable([[str]]),
             'Plugins': {'Volume': [str], 'Network': [str], 'Authorization': Nullable([str]), 'Log': [str]}, 'MemoryLimit': bool, 'SwapLimit': bool, 'CpuCfsPeriod': bool,
             'CpuCfsQuota': bool, 'CPUShares': bool, 'CPUSet': bool, 'PidsLimit': bool, 'IPv4Forwarding': bool, 'Debug': bool, 'NFd': int, 'OomKillDisable': bool, 'NGoroutines': int,
             'SystemTime': TIME, 'LoggingDriver': str, 'CgroupDriver': str, 'CgroupVersion': re.compile('^[12]$'), 'NEventsListener': int, 'KernelVersion': str, 'OperatingSystem': str,
             'OSVersion': str, 'OSType': 'linux', 'Architecture': str, 'IndexServerAddress': str, 'RegistryConfig': {'IndexConfigs': dict, 'InsecureRegistryCIDRs': Nullable([str]), 'Mirrors': Nullable([str])},
             'NCPU': int, 'MemTotal': int, 'GenericResources': Nullable(list), 'DockerRootDir': str, 'HttpProxy': str, 'HttpsProxy': str, 'NoProxy': str, 'Name': str,
             'Labels': Nullable([str]), 'ExperimentalBuild': bool, 'ServerVersion': str, 'Runtimes': Each(dict), 'DefaultRuntime': str,
             'Swarm': {'NodeID': '', 'NodeAddr': '', 'LocalNodeState': 'inactive', 'ControlAvailable': False, 'Error': '', 'RemoteManagers': Nullable(list)},
             'LiveRestoreEnabled': bool, 'Isolation': str, 'InitBinary': str, 'ContainerdCommit': {'ID': str}, 'RuncCommit': {'ID': str}, 'InitCommit': {'ID': str},
             'SecurityOptions': Nullable([str]), 'Warnings': Nullable([str])})
    begin(wire, HostConfig={'Binds': ['shape-df:/v']})
    df = wire.get('/system/df').json()
    fits(df, {'LayersSize': int, 'Images': [{**IMAGE_ROW, 'Containers': int}], 'Containers': [{**LISTED, 'SizeRootFs': int}],
              'Volumes': [{**VOLUME, 'UsageData': {'Size': int, 'RefCount': int}}], 'BuildCache': Nullable(list)})
    assert next(x for x in df['Volumes'] if x['Name'] == 'shape-df')['UsageData']['RefCount'] == 1
    if STEAD:
        only = wire.get('/system/df?type=volume&type=container').json()
        assert only['Volumes'] and only['Containers'] and not only.get('Images')
        assert wire.get('/system/df?type=bogus').status == 400


def test_ping_headers(wire):
    for answer in (wire.get('/_ping'), wire.head('/_ping')):
        h = answer.headers
        assert re.match(r'1\.\d+$', h['Api-Version']) and h['Ostype'] == 'linux' and h['Docker-Experimental'] in ('true', 'false') and h['Server'] and 'no-cache' in h['Cache-Control']
        assert h['Content-Type'].startswith('text/plain')
    assert wire.get('/_ping').body == b'OK' and wire.get('/v1.41/_ping').body == b'OK'
    if STEAD:
        assert wire.get('/_ping').headers['Swarm'] == 'inactive'


def test_events(wire):
    since = time.time()
    c = begin(wire, 'evs', Labels={'l': '1'}, Cmd=['true'])
    wire.post(f'/containers/{c}/wait')
    wire.delete(f'/containers/{c}')
    rows = wire.get(f'/events?since={since - 1:.9f}&until={time.time() + 0.5:.9f}').lines()
    assert rows
    for row in rows:
        fits(row, {'Type': str, 'Action': str, 'Actor': {'ID': str, 'Attributes': Each(str)}, 'scope': 'local', 'time': int, 'timeNano': int})
    mine = [r for r in rows if r['Type'] == 'container' and r['Actor']['ID'] == c]
    assert [r['Action'] for r in mine if r['Action'] != 'attach'] == ['create', 'start', 'die', 'destroy']
    assert all(r['Actor']['Attributes']['image'] == 'busybox' and r['Actor']['Attributes']['name'] == 'evs' and r['Actor']['Attributes']['l'] == '1' for r in mine)
    assert all(r['status'] == r['Action'] and r['id'] == c and r['from'] == 'busybox' for r in mine)
    nets = [r for r in rows if r['Type'] == 'network' and r['Actor']['Attributes'].get('container') == c]
    assert [r['Action'] for r in nets] == ['connect', 'disconnect'] and nets[0]['Actor']['Attributes']['name'] == 'bridge'


@pytest.mark.parametrize('kind', ['pull', 'push'])
def test_progress_rows(wire, kind):
    ref = '127.0.0.1:5000/shape/busybox'
    wire.post(f'/images/busybox/tag?repo={ref}&tag=1')
    auth = {'X-Registry-Auth': base64.urlsafe_b64encode(b'{}').decode()}
    answer = wire.post(f'/images/{ref}/push?tag=1', headers=auth)
    if kind == 'pull':
        wire.delete(f'/images/{ref}:1')
        answer = wire.post(f'/images/create?fromImage={ref}&tag=1', headers=auth)
    assert answer.status == 200 and answer.headers['Content-Type'] == 'application/json'
    rows = answer.lines()
    for row in rows:
        fits(row, {'status': Maybe(str), 'id': Maybe(str), 'progress': Maybe(str), 'progressDetail': Maybe({'current': Maybe(int), 'total': Maybe(int)}), 'aux': Maybe(dict)})
        assert 'error' not in row
    if kind == 'pull':
        assert rows[0] == {'status': 'Pulling from shape/busybox', 'id': '1'} and rows[-1]['status'].startswith('Status: ')
    else:
        assert rows[0]['status'] == f'The push refers to repository [{ref}]'
        fits(next(r for r in rows if 'aux' in r)['aux'], {'Tag': '1', 'Digest': SHA, 'Size': int})
    d = wire.get(f'/distribution/{ref}:1/json')
    if d.status == 200:
        fits(d.json(), {'Descriptor': {'mediaType': str, 'digest': SHA, 'size': int}, 'Platforms': Nullable([{'architecture': str, 'os': str}])})
    wire.delete(f'/images/{ref}:1')


def test_auth_and_no_plugins(wire):
    assert wire.get('/plugins').json() == []
