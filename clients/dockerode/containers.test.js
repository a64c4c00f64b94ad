// dockerode: a container's life and the errors with their texts.
'use strict';
const { test, afterEach } = require('node:test');
const assert = require('node:assert');
const { docker, name, soon, clean, box } = require('./scene.js');

afterEach(clean);

test('ping, version and info', async () => {
  assert.equal((await docker.ping()).toString(), 'OK');
  assert.ok((await docker.version()).ApiVersion);
  const info = await docker.info();
  assert.equal(info.OSType, 'linux');
  assert.equal(typeof info.Containers, 'number');
});

test('create, start, inspect, stop, restart, kill, wait, remove', async () => {
  const c = await box({ Labels: { js: '1' } });
  let i = await c.inspect();
  assert.equal(i.State.Status, 'running');
  assert.ok(i.State.Pid > 0);
  await assert.rejects(c.start(), (e) => e.statusCode === 304);
  const started = i.State.StartedAt;
  await c.restart({ t: 0 });
  assert.ok((await c.inspect()).State.StartedAt > started);
  const waiting = c.wait();
  await c.kill({ signal: 'SIGKILL' });
  assert.deepEqual((await waiting).StatusCode, 137);
  await assert.rejects(c.stop(), (e) => e.statusCode === 304);
  await assert.rejects(c.kill(), (e) => e.statusCode === 409 && /is not running/.test(e.json.message));
  await c.start();
  await c.stop({ t: 0 });
  i = await c.inspect();
  assert.equal(i.State.Status, 'exited');
  assert.equal((await docker.listContainers({ all: true, filters: { label: ['js=1'] } })).length, 1);
  assert.equal((await docker.listContainers({ filters: JSON.stringify({ label: ['js=1'] }) })).length, 0);
  await c.remove({ v: true });
  await assert.rejects(c.inspect(), (e) => e.statusCode === 404 && e.json.message === `No such container: ${c.id}`);
});

test('conflicts and bad requests have their status', async () => {
  const n = name();
  const c = await box({ name: n });
  await assert.rejects(docker.createContainer({ Image: 'busybox', name: n }), (e) => e.statusCode === 409 && e.json.message.includes(`"/${n}" is already in use by container "${c.id}"`));
  await assert.rejects(docker.createContainer({ Image: 'nosuch' }), (e) => e.statusCode === 404 && e.json.message === 'No such image: nosuch:latest');
  await assert.rejects(docker.createContainer({ Image: 'busybox', name: '-bad' }), (e) => e.statusCode === 400);
  await assert.rejects(c.remove(), (e) => e.statusCode === 409);
  await assert.rejects(docker.createContainer({ Image: 'busybox', HostConfig: { Binds: ['rel/x:/y'] } }), (e) => e.statusCode === 400);
});

test('rename, update, pause, top, changes, commit, resize', async () => {
  const c = await box();
  const n = name('renamed');
  await c.rename({ name: n });
  assert.equal((await docker.getContainer(n).inspect()).Id, c.id);
  await c.update({ Memory: 64 << 20, MemorySwap: 64 << 20 });
  assert.equal((await c.inspect()).HostConfig.Memory, 64 << 20);
  await c.pause();
  assert.equal((await c.inspect()).State.Paused, true);
  await c.unpause();
  const top = await c.top({ ps_args: 'aux' });
  assert.ok(top.Titles.includes('PID') && top.Processes.length >= 1);
  const e = await c.exec({ Cmd: ['touch', '/new'], AttachStdout: true });
  await new Promise((done) => e.start({}, (_, s) => { s.resume(); s.on('end', done); }));
  assert.ok((await c.changes()).some((x) => x.Path === '/new' && x.Kind === 1));
  const made = await c.commit({ repo: 'jsmade', tag: '1', comment: 'why' });
  assert.match(made.Id, /^sha256:/);
  await docker.getImage('jsmade:1').remove();
});

test('auto remove, wait for removal, prune', async () => {
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], HostConfig: { AutoRemove: true } });
  const gone = c.wait({ condition: 'removed' });
  await c.start();
  assert.equal((await gone).StatusCode, 0);
  await soon(async () => (await docker.listContainers({ all: true })).length === 0);
  const d = await docker.createContainer({ Image: 'busybox', Cmd: ['true'] });
  assert.deepEqual((await docker.pruneContainers()).ContainersDeleted, [d.id]);
});

test('docker.run', async () => {
  const { PassThrough } = require('node:stream');
  const out = new PassThrough();
  const parts = [];
  out.on('data', (d) => parts.push(d));
  const [result, c] = await docker.run('busybox', ['sh', '-c', 'echo ran; exit 3'], out);
  assert.equal(result.StatusCode, 3);
  assert.match(Buffer.concat(parts).toString(), /ran/);
  await c.remove();
});

test('a health check is seen', async () => {
  const c = await box({ Healthcheck: { Test: ['CMD', 'true'], Interval: 300e6, Timeout: 5e9, Retries: 1 } });
  await soon(async () => (await c.inspect()).State.Health.Status === 'healthy');
});

test('limits and mounts are what was asked', async () => {
  const c = await box({
    HostConfig: { Memory: 50 << 20, NanoCpus: 5e8, Tmpfs: { '/t': 'size=1m' }, Mounts: [{ Type: 'volume', Source: 'jsvol', Target: '/v' }], RestartPolicy: { Name: 'unless-stopped' }, ReadonlyRootfs: true },
    ExposedPorts: { '80/tcp': {} }, StopTimeout: 0,
  });
  const i = await c.inspect();
  assert.equal(i.HostConfig.NanoCpus, 5e8);
  assert.deepEqual(i.HostConfig.RestartPolicy, { Name: 'unless-stopped', MaximumRetryCount: 0 });
  assert.equal(i.Mounts.find((m) => m.Destination === '/v').Name, 'jsvol');
  assert.ok('80/tcp' in i.NetworkSettings.Ports);
});
