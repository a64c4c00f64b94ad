// dockerode: archives, volumes, images with a local registry, networks.
'use strict';
const { test, afterEach } = require('node:test');
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { docker, name, clean, drain, demux, follow, box } = require('./scene.js');

const registry = process.env.CLIENTS_REGISTRY;
const tarOf = (dir, ...names) => execFileSync('tar', ['-C', dir, '-c', ...names]);

afterEach(clean);

test('archives go in and come back', async () => {
  const dir = fs.mkdtempSync(`${process.env.CLIENTS_DIR}/js`);
  fs.writeFileSync(`${dir}/f`, 'content');
  const c = await box();
  await c.putArchive(tarOf(dir, 'f'), { path: '/tmp' });
  await c.putArchive(fs.createReadStream((fs.writeFileSync(`${dir}/t.tar`, tarOf(dir, 'f')), `${dir}/t.tar`)), { path: '/var' });
  const e = await c.exec({ Cmd: ['cat', '/tmp/f', '/var/f'], AttachStdout: true });
  assert.equal((await demux(await e.start({}))).out, 'contentcontent');
  const info = await c.infoArchive({ path: '/tmp/f' });
  const stat = JSON.parse(Buffer.from(info.headers['x-docker-container-path-stat'], 'base64'));
  assert.deepEqual([stat.name, stat.size], ['f', 7]);
  const tar = await drain(await c.getArchive({ path: '/tmp/f' }));
  assert.equal(execFileSync('tar', ['-xO'], { input: tar }).toString(), 'content');
  await assert.rejects(c.getArchive({ path: '/nothing' }), (x) => x.statusCode === 404);
  assert.ok((await drain(await c.export())).length > 100000);
});

test('volumes', async () => {
  const v = await docker.createVolume({ Name: 'jsv1', Labels: { a: 'b' } });
  assert.equal(v.name || v.Name, 'jsv1');
  const i = await docker.getVolume('jsv1').inspect();
  assert.deepEqual([i.Driver, i.Scope, i.Labels], ['local', 'local', { a: 'b' }]);
  assert.equal((await docker.listVolumes({ filters: { label: ['a=b'] } })).Volumes.length, 1);
  const c = await box({ HostConfig: { Binds: ['jsv1:/v'] } });
  await assert.rejects(docker.getVolume('jsv1').remove(), (e) => e.statusCode === 409 && e.json.message === `remove jsv1: volume is in use - [${c.id}]`);
  await c.remove({ force: true });
  await docker.getVolume('jsv1').remove();
  await assert.rejects(docker.getVolume('jsv1').inspect(), (e) => e.statusCode === 404);
  await docker.createVolume({});
  assert.equal((await docker.pruneVolumes()).VolumesDeleted.length, 1);
});

test('images: list, inspect, history, tag, save, load, remove', async () => {
  const image = docker.getImage('busybox:latest');
  const i = await image.inspect();
  await image.tag({ repo: 'jstag', tag: '1' });
  assert.ok((await docker.listImages({ filters: { reference: ['jstag'] } })).every((x) => x.Id === i.Id));
  assert.ok((await image.history()).length >= 1);
  const tar = await drain(await docker.getImage('jstag:1').get());
  await docker.getImage('jstag:1').remove();
  const dir = fs.mkdtempSync(`${process.env.CLIENTS_DIR}/js`);
  fs.writeFileSync(`${dir}/i.tar`, tar);
  const rows = await follow(await docker.loadImage(`${dir}/i.tar`));
  assert.match(JSON.stringify(rows), /Loaded image: jstag:1/);
  await docker.getImage('jstag:1').remove();
  await assert.rejects(docker.getImage('jstag:1').inspect(), (e) => e.statusCode === 404 && /[Nn]o such image: jstag:1/.test(e.json.message));
  assert.ok(Array.isArray((await docker.pruneImages()).ImagesDeleted) || true);
});

test('images: push to and pull from a registry, with progress', async () => {
  const ref = `${registry}/js/busybox`;
  await docker.getImage('busybox:latest').tag({ repo: ref, tag: '1' });
  const pushed = await follow(await docker.getImage(`${ref}:1`).push({ authconfig: { username: '', password: '' } }));
  const digest = pushed.find((r) => r.aux).aux.Digest;
  await docker.getImage(`${ref}:1`).remove();
  const rows = await follow(await docker.pull(`${ref}:1`));
  assert.ok(rows.some((r) => r.status === `Digest: ${digest}`));
  assert.ok((await docker.getImage(`${ref}:1`).inspect()).RepoDigests.includes(`${ref}@${digest}`));
  assert.equal((await docker.getImage(`${ref}:1`).distribution()).Descriptor.digest, digest);
  await docker.getImage(`${ref}:1`).remove();
  await assert.rejects(docker.pull(`${registry}/js/nosuch:1`).then(follow));
});

test('networks: create, connect, disconnect, remove', async () => {
  const n = await docker.createNetwork({ Name: name('net'), Labels: { a: 'b' }, IPAM: { Config: [{ Subnet: '10.81.0.0/24' }] } });
  const c = await box();
  await n.connect({ Container: c.id, EndpointConfig: { Aliases: ['al'], IPAMConfig: { IPv4Address: '10.81.0.50' } } });
  const i = await n.inspect();
  assert.equal(i.Containers[c.id].IPv4Address, '10.81.0.50/24');
  await assert.rejects(n.remove(), (e) => e.statusCode === 403);
  await n.disconnect({ Container: c.id });
  await n.remove();
  await assert.rejects(n.inspect(), (e) => e.statusCode === 404);
  const p = await docker.createNetwork({ Name: name('net') });
  assert.equal((await docker.pruneNetworks()).NetworksDeleted.length, 1, p.id);
});

test('df', async () => {
  const df = await docker.df();
  assert.ok(Array.isArray(df.Images) && Array.isArray(df.Volumes) && typeof df.LayersSize === 'number');
});

test('no swarm', async () => {
  for (const ask of ['listServices', 'listNodes', 'listTasks', 'listSecrets', 'swarmInspect']) {
    await assert.rejects(docker[ask](), (e) => e.statusCode === 503);
  }
  assert.deepEqual(await docker.listPlugins(), []);
});
