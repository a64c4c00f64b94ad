// dockerode: hijacked attach and exec, demultiplexed output, logs, stats and events as they come.
'use strict';
const { test, afterEach } = require('node:test');
const assert = require('node:assert');
const { docker, name, sleep, soon, clean, drain, demux, box } = require('./scene.js');

afterEach(clean);

test('attach: stdin, stdout and stderr through one hijacked connection', async () => {
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', 'read a; echo got $a; echo err >&2'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const s = await c.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
  const got = demux(s);
  await c.start();
  s.write('hello\n');
  assert.deepEqual(await got, { out: 'got hello\n', err: 'err\n' });
  assert.equal((await c.wait()).StatusCode, 0);
});

test('attach: the end of stdin reaches the container', async () => {
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['wc', '-c'], OpenStdin: true, StdinOnce: true });
  const s = await c.attach({ stream: true, hijack: true, stdin: true, stdout: true });
  const got = demux(s);
  await c.start();
  s.write('x'.repeat(100000));
  s.end();
  assert.equal((await got).out.trim(), '100000');
});

test('attach: a terminal is raw', async () => {
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['sh'], Tty: true, OpenStdin: true });
  const s = await c.attach({ stream: true, hijack: true, stdin: true, stdout: true });
  await c.start();
  await c.resize({ h: 41, w: 99 });
  let text = '';
  s.on('data', (d) => { text += d; });
  s.write('stty size\n');
  await soon(async () => text.includes('41 99'));
  s.write('exit 5\n');
  assert.equal((await c.wait()).StatusCode, 5);
});

test('exec: hijack, demux, exit code', async () => {
  const c = await box();
  const e = await c.exec({ Cmd: ['sh', '-c', 'cat; echo err >&2; exit 7'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const s = await e.start({ hijack: true, stdin: true });
  const got = demux(s);
  s.write('through');
  s.end();
  assert.deepEqual(await got, { out: 'through', err: 'err\n' });
  await soon(async () => (await e.inspect()).ExitCode === 7);
});

test('exec: without hijack', async () => {
  const c = await box();
  const e = await c.exec({ Cmd: ['echo', 'plain'], AttachStdout: true });
  assert.equal((await demux(await e.start({}))).out, 'plain\n');
});

test('exec: a terminal with resize', async () => {
  const c = await box();
  const e = await c.exec({ Cmd: ['sh'], Tty: true, AttachStdin: true, AttachStdout: true });
  const s = await e.start({ hijack: true, stdin: true, Tty: true });
  await e.resize({ h: 20, w: 60 });
  let text = '';
  s.on('data', (d) => { text += d; });
  s.write('stty size\n');
  await soon(async () => text.includes('20 60'));
  s.end('exit\n');
});

test('exec on what is not there', async () => {
  await assert.rejects(docker.getContainer('nosuch').exec({ Cmd: ['true'] }), (e) => e.statusCode === 404);
  await assert.rejects(docker.getExec('0'.repeat(64)).inspect(), (e) => e.statusCode === 404);
  const c = await box();
  await c.stop({ t: 0 });
  await assert.rejects(c.exec({ Cmd: ['true'] }), (e) => e.statusCode === 409 && /is not running/.test(e.json.message));
});

test('logs: all, and followed to the end', async () => {
  const c = await box({ Cmd: ['sh', '-c', 'echo one; echo two >&2; sleep 1; echo three'] });
  await sleep(400);
  const so = await c.logs({ stdout: true, stderr: true });
  assert.ok(Buffer.isBuffer(so) && so.includes('one') && so.includes('two'));
  const got = await demux(await c.logs({ follow: true, stdout: true, stderr: true }));
  assert.deepEqual(got, { out: 'one\nthree\n', err: 'two\n' });
  assert.match((await c.logs({ stdout: true, timestamps: true, tail: 1 })).toString(), /Z three\n$/);
});

test('stats: once and as a stream', async () => {
  const c = await box();
  const once = await c.stats({ stream: false });
  assert.ok(once.memory_stats.usage > 0 && once.cpu_stats.online_cpus > 0);
  const s = await c.stats({ stream: true });
  let seen = 0;
  s.on('data', (d) => { seen += d.toString().split('\n').filter((l) => l && JSON.parse(l).read).length; });
  await soon(async () => seen >= 2);
  s.destroy();
});

test('events: live, with filters', async () => {
  const n = name('ev');
  const s = await docker.getEvents({ filters: { type: ['container'], container: [n] } });
  const seen = [];
  s.on('data', (d) => d.toString().split('\n').filter(Boolean).forEach((l) => seen.push(JSON.parse(l).Action)));
  await sleep(300);
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], name: n });
  await c.start();
  await c.wait();
  await c.remove();
  await soon(async () => seen.includes('destroy'));
  s.destroy();
  assert.deepEqual(seen.filter((a) => ['create', 'start', 'die', 'destroy'].includes(a)), ['create', 'start', 'die', 'destroy']);
});

test('events: of the past, to a known end', async () => {
  const since = Math.floor(Date.now() / 1000) - 1;
  await docker.createVolume({ Name: 'jsevent' });
  const text = (await drain(await docker.getEvents({ since, until: Math.floor(Date.now() / 1000) + 1, filters: { type: ['volume'] } }))).toString();
  const rows = text.split('\n').filter(Boolean).map((l) => JSON.parse(l));
  assert.ok(rows.some((r) => r.Action === 'create' && r.Actor.ID === 'jsevent' && r.Actor.Attributes.driver === 'local'));
});
