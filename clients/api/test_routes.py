"""Every route of the API and every documented status that can be brought about: one row each, asked on a fresh object."""
import json
import os
from urllib.parse import quote

import pytest
from scene import STEAD, begin, make

NONE = '0' * 64


def q(**filters):
    return quote(json.dumps({k: v if isinstance(v, (list, dict)) else [v] for k, v in filters.items()}))


# (method, path, body, status, a part of the message or None, status of engines of API 1.41 where it differs)
# {run} is a running container, {off} a created one, {dead} an exited one, {paused} a paused one, {vol} a volume, {used} a volume in use, {net} a network, {exec} an exec.
ROWS = [
    # containers: reading
    ('GET', '/containers/json', None, 200, None),
    ('GET', '/containers/json?all=true&size=1&limit=2', None, 200, None),
    ('GET', f'/containers/json?filters={q(bogus="1")}', None, 400, 'nvalid filter'),
    ('GET', f'/containers/json?filters={q(status="bogus")}', None, 400, 'nvalid filter'),
    ('GET', f'/containers/json?filters={q(health="bogus")}', None, 400, None),
    ('GET', f'/containers/json?filters={q(exited="x")}', None, 400, None, 500),
    ('GET', f'/containers/json?filters={q(before=NONE)}', None, (400, 404, 500), None),
    ('GET', '/containers/json?filters=notjson', None, 400, None, 500),
    ('GET', '/containers/json?limit=abc', None, 400, None, 500),
    ('GET', '/containers/{run}/json', None, 200, None),
    ('GET', '/containers/{run}/json?size=1', None, 200, None),
    ('GET', '/containers/nosuch/json', None, 404, 'No such container: nosuch'),
    ('GET', '/containers/{run}/top', None, 200, None),
    ('GET', '/containers/{run}/top?ps_args=aux', None, 200, None),
    ('GET', '/containers/{run}/top?ps_args=-o%20bogus', None, (400, 500), None),
    ('GET', '/containers/{off}/top', None, 409, 'is not running'),
    ('GET', '/containers/nosuch/top', None, 404, 'No such container: nosuch'),
    ('GET', '/containers/{dead}/logs?stdout=1', None, 200, None),
    ('GET', '/containers/{dead}/logs', None, 400, 'Bad parameters: you must choose at least one stream'),
    ('GET', '/containers/{dead}/logs?stdout=1&since=abc', None, (400, 500), None),
    ('GET', '/containers/{dead}/logs?stdout=1&tail=abc', None, (200, 400), None),
    ('GET', '/containers/nosuch/logs?stdout=1', None, 404, 'No such container: nosuch'),
    ('GET', '/containers/{run}/changes', None, 200, None),
    ('GET', '/containers/nosuch/changes', None, 404, None),
    ('GET', '/containers/{dead}/export', None, 200, None),
    ('GET', '/containers/nosuch/export', None, 404, None),
    ('GET', '/containers/{run}/stats?stream=0', None, 200, None),
    ('GET', '/containers/{run}/stats?stream=false&one-shot=true', None, 200, None),
    ('GET', '/containers/{off}/stats?stream=0', None, 200, None),
    ('GET', '/containers/{off}/stats?stream=1&one-shot=1', None, 400, 'cannot have stream=true and one-shot=true'),
    ('GET', '/containers/nosuch/stats?stream=0', None, 404, None),
    # containers: making
    ('POST', '/containers/create', {'Image': 'busybox'}, 201, None),
    ('POST', '/containers/create', {'Image': 'nosuch:tag'}, 404, 'No such image: nosuch:tag'),
    ('POST', '/containers/create', {'Image': 'Bad Ref'}, 400, 'invalid reference format'),
    ('POST', '/containers/create', {}, 400, None),
    ('POST', '/containers/create', None, 400, None, (400, 500)),
    ('POST', '/containers/create?name=/bad/', {'Image': 'busybox'}, 400, 'Invalid container name (/bad/), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'),
    ('POST', '/containers/create?name=run', {'Image': 'busybox'}, 409, 'Conflict. The container name "/run" is already in use by container'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'NetworkMode': 'container:nosuch'}}, (201, 404, 400), None),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Binds': ['rel/x:/y']}}, 400, 'includes invalid characters for a local volume name'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Binds': ['/:']}}, (400, 500), 'nvalid'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'bind', 'Source': '/no/such/place', 'Target': '/x'}]}}, 400,
     'bind source path does not exist: /no/such/place'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'bogus', 'Target': '/x'}]}}, 400, 'mount type unknown'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Mounts': [{'Type': 'volume', 'Source': 'v1'}]}}, 400, 'field Target must not be empty'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'RestartPolicy': {'Name': 'bogus'}}}, 400, 'bogus'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'RestartPolicy': {'Name': 'always', 'MaximumRetryCount': 3}}}, 400, 'aximum retry count'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'AutoRemove': True, 'RestartPolicy': {'Name': 'always'}}}, 400, "can't create 'AutoRemove' container with restart policy"),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Memory': 1}}, 400, 'inimum memory limit allowed is 6MB'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Memory': 10 << 20, 'MemorySwap': 5 << 20}}, 400, 'inimum memoryswap limit should be larger than memory limit'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'NanoCpus': 10 ** 14}}, 400, 'ange of CPUs is from'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'ShmSize': -1}}, 400, 'SHM size can not be less than 0'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '99999999'}]}}}, (400, 500), 'nvalid port'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Isolation': 'hyperv'}}, (400, 500), 'nvalid isolation'),
    ('POST', '/containers/create', {'Image': 'busybox', 'HostConfig': {'Runtime': 'nosuch'}}, 400, 'nosuch'),
    ('POST', '/containers/create', {'Image': 'busybox', 'StopSignal': 'BOGUS'}, 400, 'nvalid signal: BOGUS'),
    ('POST', '/containers/create', {'Image': 'busybox', 'Healthcheck': {'Interval': 5}}, 400, 'Interval in Healthcheck cannot be less than'),
    ('POST', '/containers/create', {'Image': 'busybox', 'Healthcheck': {'Test': ['BOGUS']}}, (201, 400), None),
    ('POST', '/containers/create', {'Image': 'busybox', 'Env': ['=bad']}, 400, 'invalid environment variable'),
    ('POST', '/containers/create', {'Image': 'busybox', 'WorkingDir': 'relative'}, 400, 'is invalid, it needs to be an absolute path'),
    ('POST', '/containers/create', {'Image': 'busybox', 'Cmd': 'a string is accepted'}, 201, None),
    ('POST', '/containers/create', {'Image': 'busybox', 'Cmd': 5}, 400, None, (400, 500)),
    ('POST', '/containers/create', {'Image': 'busybox', 'Unknown': {'field': 1}}, 201, None),
    ('POST', '/containers/create', {'Image': 'busybox', 'NetworkingConfig': {'EndpointsConfig': {'default': {}}}}, (201, 400), None),
    ('POST', '/containers/create?platform=linux/amd64', {'Image': 'busybox'}, 201, None),
    # containers: life
    ('POST', '/containers/{off}/start', None, 204, None),
    ('POST', '/containers/{off}/start', {}, 204, None),
    ('POST', '/containers/{run}/start', None, 304, None),
    ('POST', '/containers/nosuch/start', None, 404, 'No such container: nosuch'),
    ('POST', '/containers/{off}/start?checkpoint=x', None, (400, 500), None),
    ('POST', '/containers/{run}/stop?t=0', None, 204, None),
    ('POST', '/containers/{dead}/stop', None, 304, None),
    ('POST', '/containers/{run}/stop?t=abc', None, 400, None, 500),
    ('POST', '/containers/nosuch/stop', None, 404, None),
    ('POST', '/containers/{run}/stop?t=0&signal=SIGKILL', None, 204, None),
    ('POST', '/containers/{run}/restart?t=0', None, 204, None),
    ('POST', '/containers/{dead}/restart?t=0', None, 204, None),
    ('POST', '/containers/nosuch/restart', None, 404, None),
    ('POST', '/containers/{run}/kill', None, 204, None),
    ('POST', '/containers/{run}/kill?signal=USR1', None, 204, None),
    ('POST', '/containers/{run}/kill?signal=9', None, 204, None),
    ('POST', '/containers/{run}/kill?signal=BOGUS', None, 400, 'nvalid signal: BOGUS'),
    ('POST', '/containers/{dead}/kill', None, 409, 'is not running'),
    ('POST', '/containers/nosuch/kill', None, 404, 'No such container: nosuch'),
    ('POST', '/containers/{run}/pause', None, 204, None),
    ('POST', '/containers/{paused}/pause', None, 409, 'is already paused'),
    ('POST', '/containers/{off}/pause', None, 409, 'is not running'),
    ('POST', '/containers/nosuch/pause', None, 404, None),
    ('POST', '/containers/{paused}/unpause', None, 204, None),
    ('POST', '/containers/{run}/unpause', None, (409, 500), 'is not paused'),
    ('POST', '/containers/nosuch/unpause', None, 404, None),
    ('POST', '/containers/{off}/rename?name=newname', None, 204, None),
    ('POST', '/containers/{run}/rename?name=newname', None, 204, None),
    ('POST', '/containers/{off}/rename?name=run', None, 409, 'is already in use by container'),
    ('POST', '/containers/{off}/rename?name=', None, (400, 500), 'Neither old nor new names may be empty'),
    ('POST', '/containers/{off}/rename?name=b!d', None, 400, 'only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'),
    ('POST', '/containers/nosuch/rename?name=newname', None, 404, None),
    ('POST', '/containers/{run}/update', {'CpuShares': 512}, 200, None),
    ('POST', '/containers/{run}/update', {'Memory': 1}, (400, 500), 'inimum memory limit'),
    ('POST', '/containers/{off}/update', {'RestartPolicy': {'Name': 'always'}}, 200, None),
    ('POST', '/containers/{off}/update', {'RestartPolicy': {'Name': 'bogus'}}, (400, 500), 'bogus'),
    ('POST', '/containers/nosuch/update', {}, 404, None),
    ('POST', '/containers/{dead}/wait', None, 200, None),
    ('POST', '/containers/{dead}/wait?condition=bogus', None, 400, 'invalid condition: "bogus"', 200),
    ('POST', '/containers/nosuch/wait', None, 404, None),
    ('POST', '/containers/{run}/resize?h=10&w=20', None, 200, None),
    ('POST', '/containers/{run}/resize?h=abc&w=20', None, 400, None, (400, 500)),
    ('POST', '/containers/{off}/resize?h=10&w=20', None, 409, 'is not running'),
    ('POST', '/containers/nosuch/resize?h=10&w=20', None, 404, None),
    ('POST', '/containers/nosuch/attach?stream=1&stdout=1', None, 404, 'No such container: nosuch'),
    ('POST', '/containers/{paused}/attach?stream=1&stdout=1', None, 409, 'is paused, unpause the container before attach'),
    ('DELETE', '/containers/{off}', None, 204, None),
    ('DELETE', '/containers/{dead}?v=true', None, 204, None),
    ('DELETE', '/containers/{run}', None, 409, None),
    ('DELETE', '/containers/{run}?force=True&v=True&link=False', None, 204, None),
    ('DELETE', '/containers/{paused}?force=1', None, 204, None, (204, 409)),
    ('DELETE', '/containers/nosuch', None, 404, 'No such container: nosuch'),
    ('DELETE', '/containers/nosuch?force=1', None, 404, 'No such container: nosuch'),
    ('DELETE', '/containers/{off}?link=1', None, (400, 404, 409, 500), None),
    ('POST', '/containers/prune', None, 200, None),
    ('POST', f'/containers/prune?filters={q(until="1h")}', None, 200, None),
    ('POST', f'/containers/prune?filters={q(bogus="1")}', None, 400, 'nvalid filter'),
    ('POST', f'/containers/prune?filters={q(until="bogus")}', None, (400, 500), None),
    # archives
    ('GET', '/containers/{run}/archive?path=/etc/passwd', None, 200, None),
    ('GET', '/containers/{run}/archive', None, 400, 'path'),
    ('GET', '/containers/{run}/archive?path=', None, 400, None),
    ('GET', '/containers/{run}/archive?path=/nothing', None, 404, 'Could not find the file /nothing in container'),
    ('GET', '/containers/nosuch/archive?path=/', None, 404, 'No such container: nosuch'),
    ('HEAD', '/containers/{run}/archive?path=/etc', None, 200, None),
    ('HEAD', '/containers/{run}/archive?path=/nothing', None, 404, None),
    ('PUT', '/containers/nosuch/archive?path=/', None, 404, None),
    ('PUT', '/containers/{run}/archive?path=/nothing', None, 404, None),
    ('PUT', '/containers/{run}/archive', None, 400, None),
    # exec
    ('POST', '/containers/{run}/exec', {'Cmd': ['true']}, 201, None),
    ('POST', '/containers/{run}/exec', {}, 400, 'No exec command specified'),
    ('POST', '/containers/{run}/exec', {'Cmd': []}, 400, 'No exec command specified'),
    ('POST', '/containers/{off}/exec', {'Cmd': ['true']}, 409, 'is not running'),
    ('POST', '/containers/{paused}/exec', {'Cmd': ['true']}, 409, 'is paused, unpause the container before exec'),
    ('POST', '/containers/nosuch/exec', {'Cmd': ['true']}, 404, 'No such container: nosuch'),
    ('POST', '/exec/{exec}/start', {'Detach': True}, 200, None),
    ('POST', f'/exec/{NONE}/start', {'Detach': True}, 404, f'No such exec instance: {NONE}'),
    ('GET', '/exec/{exec}/json', None, 200, None),
    ('GET', f'/exec/{NONE}/json', None, 404, f'No such exec instance: {NONE}'),
    ('POST', f'/exec/{NONE}/resize?h=1&w=1', None, 404, None),
    ('POST', '/exec/{exec}/resize?h=x&w=1', None, 400, None, (400, 500)),
    # images
    ('GET', '/images/json', None, 200, None),
    ('GET', '/images/json?all=1&digests=1&shared-size=1', None, 200, None),
    ('GET', f'/images/json?filters={q(dangling="true")}', None, 200, None),
    ('GET', f'/images/json?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    ('GET', f'/images/json?filters={q(dangling="bogus")}', None, 400, 'nvalid filter'),
    ('GET', '/images/busybox/json', None, 200, None),
    ('GET', '/images/docker.io/library/busybox:latest/json', None, 200, None),
    ('GET', '/images/nosuch/json', None, 404, 'No such image: nosuch'),
    ('GET', '/images/a/b/c/nosuch:tag/json', None, 404, 'o such image: a/b/c/nosuch:tag'),
    ('GET', '/images/busybox/history', None, 200, None),
    ('GET', '/images/nosuch/history', None, 404, 'o such image: nosuch'),
    ('POST', '/images/busybox/tag?repo=tagged&tag=x', None, 201, None),
    ('POST', '/images/busybox/tag?repo=Bad&tag=x', None, 400, 'must be lowercase', (400, 500)),
    ('POST', '/images/busybox/tag?repo=good&tag=b!d', None, 400, None, (400, 500)),
    ('POST', '/images/nosuch/tag?repo=x&tag=y', None, 404, 'o such image: nosuch'),
    ('DELETE', '/images/nosuch', None, 404, 'o such image: nosuch'),
    ('DELETE', '/images/hello-world', None, (200, 409), None),
    ('GET', '/images/busybox/get', None, 200, None),
    ('GET', '/images/get?names=busybox', None, 200, None),
    ('GET', '/images/nosuch/get', None, 404, None, (404, 500)),
    ('POST', '/images/create?fromImage=Bad', None, 400, None, (400, 500)),
    ('POST', '/images/create?fromImage=127.0.0.1:5000/no/such&tag=1', None, 404, None),
    ('POST', '/images/create?fromSrc=-&repo=Bad', None, 400, None, (400, 500)),
    ('POST', '/images/nosuch/push', None, (200, 400, 404), None),
    ('POST', '/images/prune', None, 200, None),
    ('POST', f'/images/prune?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    ('POST', f'/images/prune?filters={q(dangling="bogus")}', None, 400, None),
    ('GET', '/images/search', None, (400, 500), None),
    ('POST', '/images/load', None, (200, 400, 500), None),
    ('POST', '/build/prune', None, (200, 501), None),
    ('GET', '/distribution/127.0.0.1:5000/no/such:1/json', None, (404, 403, 401), None),
    ('GET', '/distribution/Bad/json', None, 400, None),
    ('POST', '/commit?container={run}', {}, 201, None),
    ('POST', '/commit?container={dead}&repo=made&tag=x&comment=c&author=a&pause=0&changes=ENV%20A=b', None, 201, None),
    ('POST', '/commit?container=nosuch', {}, 404, 'No such container: nosuch'),
    ('POST', '/commit?container={dead}&repo=Bad', {}, 400, None, (400, 500)),
    ('POST', '/commit?container={dead}&changes=BOGUS%20x', {}, 400, None, (400, 500)),
    # volumes
    ('GET', '/volumes', None, 200, None),
    ('GET', f'/volumes?filters={q(dangling="true")}', None, 200, None),
    ('GET', f'/volumes?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    ('GET', f'/volumes?filters={q(dangling="bogus")}', None, 400, 'nvalid filter'),
    ('GET', '/volumes/{vol}', None, 200, None),
    ('GET', '/volumes/nosuch', None, 404, 'no such volume', 404),
    ('POST', '/volumes/create', {'Name': 'api-new'}, 201, None),
    ('POST', '/volumes/create', {}, 201, None),
    ('POST', '/volumes/create', {'Name': '{vol}'}, 201, None),
    ('POST', '/volumes/create', {'Name': 'x'}, 400, 'volume name is too short, names should be at least two alphanumeric characters'),
    ('POST', '/volumes/create', {'Name': 'a/b'}, 400, 'includes invalid characters for a local volume name'),
    ('POST', '/volumes/create', {'Name': 'api-d', 'Driver': 'nosuch'}, 404, 'plugin "nosuch" not found'),
    ('POST', '/volumes/create', {'Name': 'api-o', 'DriverOpts': {'bogus': '1'}}, 400, 'invalid option: "bogus"', (400, 500)),
    ('POST', '/volumes/create', {'Name': 'api-o', 'DriverOpts': {'type': 'tmpfs'}}, 400, 'missing required option: "device"', (400, 500)),
    ('DELETE', '/volumes/{vol}', None, 204, None),
    ('DELETE', '/volumes/{used}', None, 409, 'volume is in use - ['),
    ('DELETE', '/volumes/{used}?force=1', None, 409, 'volume is in use - ['),
    ('DELETE', '/volumes/nosuch', None, 404, 'no such volume', 404),
    ('DELETE', '/volumes/nosuch?force=true', None, 204, None, (204, 404)),
    ('POST', '/volumes/prune', None, 200, None),
    ('POST', f'/volumes/prune?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    ('PUT', '/volumes/{vol}?version=1', {'Spec': {}}, 503, 'volume update only valid for cluster volumes, but swarm is unavailable', (404, 405)),
    # networks
    ('GET', '/networks', None, 200, None),
    ('GET', f'/networks?filters={q(driver="bridge")}', None, 200, None),
    ('GET', f'/networks?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    ('GET', '/networks/bridge', None, 200, None),
    ('GET', '/networks/{net}', None, 200, None),
    ('GET', '/networks/{net}?verbose=true&scope=local', None, 200, None),
    ('GET', '/networks/nosuch', None, 404, 'network nosuch not found'),
    ('POST', '/networks/create', {'Name': 'api-net2'}, 201, None),
    ('POST', '/networks/create', {'Name': '{net}'}, 409, 'already exists', (201, 409)),
    ('POST', '/networks/create', {}, 400, None, (400, 500)),
    ('POST', '/networks/create', {'Name': 'api-x', 'Driver': 'nosuch'}, (404, 400), 'nosuch'),
    ('POST', '/networks/create', {'Name': 'bridge'}, (403, 409), None),
    ('POST', '/networks/create', {'Name': 'api-x', 'IPAM': {'Config': [{'Subnet': 'bogus'}]}}, (400, 500), None),
    ('POST', '/networks/{net}/connect', {'Container': '{run}'}, 200, None),
    ('POST', '/networks/{net}/connect', {'Container': 'nosuch'}, 404, 'No such container: nosuch'),
    ('POST', '/networks/nosuch/connect', {'Container': '{run}'}, 404, 'nosuch'),
    ('POST', '/networks/{net}/disconnect', {'Container': '{run}'}, (403, 404, 409, 500), 'is not connected to'),
    ('POST', '/networks/nosuch/disconnect', {'Container': '{run}'}, 404, 'nosuch'),
    ('POST', '/networks/bridge/disconnect', {'Container': '{run}', 'Force': True}, 200, None),
    ('DELETE', '/networks/{net}', None, 204, None),
    ('DELETE', '/networks/nosuch', None, 404, 'nosuch'),
    ('DELETE', '/networks/bridge', None, 403, 'bridge is a pre-defined network and cannot be removed'),
    ('DELETE', '/networks/host', None, 403, 'host is a pre-defined network and cannot be removed'),
    ('POST', '/networks/prune', None, 200, None),
    ('POST', f'/networks/prune?filters={q(bogus="x")}', None, 400, 'nvalid filter'),
    # the system
    ('GET', '/_ping', None, 200, None),
    ('HEAD', '/_ping', None, 200, None),
    ('GET', '/version', None, 200, None),
    ('GET', '/info', None, 200, None),
    ('GET', '/system/df', None, 200, None),
    ('GET', '/system/df?type=volume', None, 200, None),
    ('GET', '/events?until=1', None, 200, None),
    ('GET', '/events?since=abc&until=1', None, (400, 500), None),
    ('GET', f'/events?until=1&filters={q(type="container")}', None, 200, None),
    ('POST', '/auth', {'username': 'u', 'password': 'p', 'serveraddress': '127.0.0.1:1'}, (400, 401, 500), None),
    ('POST', '/session', None, (400, 404, 501), None),
    ('POST', '/build', None, (400, 404, 500, 501), None),
    # what an engine without a swarm and plugins says
    ('GET', '/swarm', None, 503, 'This node is not a swarm manager'),
    ('GET', '/nodes', None, 503, 'This node is not a swarm manager'),
    ('GET', '/services', None, 503, 'This node is not a swarm manager'),
    ('GET', '/tasks', None, 503, 'This node is not a swarm manager'),
    ('GET', '/secrets', None, 503, 'This node is not a swarm manager'),
    ('GET', '/configs', None, 503, 'This node is not a swarm manager'),
    ('GET', '/services/x', None, 503, 'This node is not a swarm manager'),
    ('POST', '/services/create', {'Name': 'x', 'TaskTemplate': {'ContainerSpec': {'Image': 'busybox'}}}, 503, 'This node is not a swarm manager'),
    ('POST', '/secrets/create', {'Name': 'x'}, 503, 'This node is not a swarm manager'),
    ('POST', '/swarm/leave', None, 503, 'This node is not part of a swarm'),
    ('GET', '/swarm/unlockkey', None, 503, 'This node is not a swarm manager'),
    ('GET', '/plugins', None, 200, None),
    ('GET', '/plugins/nosuch/json', None, 404, 'plugin "nosuch" not found'),
    ('DELETE', '/plugins/nosuch', None, 404, 'plugin "nosuch" not found'),
    ('POST', '/plugins/nosuch/enable?timeout=0', None, 404, 'plugin "nosuch" not found'),
    ('POST', '/plugins/nosuch/disable', None, 404, 'plugin "nosuch" not found'),
    # what is no route
    ('GET', '/nosuch', None, 404, 'page not found'),
    ('GET', '/containers', None, 404, 'page not found'),
    ('POST', '/containers/json', None, (404, 405), None),
    ('DELETE', '/version', None, (404, 405), None),
    ('GET', '/v9.99/version', None, 400, 'client version 9.99 is too new. Maximum supported API version is'),
    ('GET', '/v1.10/version', None, 400, 'client version 1.10 is too old. Minimum supported API version is', (200, 400)),
]


def label(row):
    words = [row[0], row[1].split('?filters')[0]]
    if row[2] is not None:
        words.append(json.dumps(row[2])[:60])
    return ' '.join(words)


def fill(value, things):
    if isinstance(value, str):
        for key, thing in things.items():
            value = value.replace('{' + key + '}', thing)
        return value
    if isinstance(value, dict):
        return {k: fill(v, things) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, things) for v in value]
    return value


def prepare(wire, row):
    """Makes only what the row names."""
    said = row[1] + json.dumps(row[2])
    things = {}
    if '{run}' in said or '{exec}' in said or 'name=run' in said:
        things['run'] = begin(wire, 'run')
    if '{off}' in said:
        things['off'] = make(wire, 'off')
    if '{dead}' in said:
        things['dead'] = begin(wire, 'dead', Cmd=['sh', '-c', 'echo last words'])
        assert wire.post(f'/containers/{things["dead"]}/wait').status == 200
    if '{paused}' in said:
        things['paused'] = begin(wire, 'paused')
        assert wire.post(f'/containers/{things["paused"]}/pause').status == 204
    if '{exec}' in said:
        things['exec'] = wire.post(f'/containers/{things["run"]}/exec', {'Cmd': ['true']}).json()['Id']
    if '{vol}' in said:
        things['vol'] = wire.post('/volumes/create', {'Name': 'api-vol'}).json()['Name']
    if '{used}' in said:
        things['used'] = 'api-used'
        make(wire, 'user', HostConfig={'Binds': ['api-used:/v']})
    if '{net}' in said:
        things['net'] = 'api-net'
        assert wire.post('/networks/create', {'Name': 'api-net'}).status == 201
    return things


@pytest.mark.parametrize('row', ROWS, ids=label)
def test_route(wire, row):
    if '/images/hello-world' in row[1]:
        wire.post('/images/busybox/tag?repo=hello-again')
    things = prepare(wire, row)
    method, path, body, status, message = row[:5]
    wanted = row[5] if not STEAD and len(row) > 5 else status
    answer = wire(method, fill(path, things), fill(body, things))
    assert answer.status in (wanted if isinstance(wanted, tuple) else (wanted,)), f'wanted {wanted}, got {answer}'
    if answer.status in (204, 304):
        assert answer.body == b''
    # dockerd answers these two in plain text: the connection is no longer HTTP's, or not yet the router's
    if answer.status >= 400 and method != 'HEAD' and (STEAD or ('/attach' not in path and '/v1.10' not in path)):
        assert answer.headers['Content-Type'].split(';')[0] == 'application/json', answer.headers
        assert set(answer.json()) == {'message'} and answer.message
        if message and wanted == status:
            assert message in answer.message, f'wanted {message!r}, got {answer.message!r}'
    elif answer.status < 400 and answer.body and not path.split('?')[0].endswith(('export', 'get', 'logs', 'archive', '_ping', 'load')):
        assert answer.headers['Content-Type'].split(';')[0] == 'application/json', answer.headers
        answer.lines()


def teardown_module():
    from scene import Wire
    w = Wire(os.environ['CLIENTS_SOCK'])
    for image in w.get('/images/json').json():
        for tag in image['RepoTags'] or [image['Id']]:
            if tag.split(':')[0] not in ('busybox', 'hello-world', 'nginx'):
                w.delete(f'/images/{tag}?force=1')
