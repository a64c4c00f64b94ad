// What the dockerode suites share: the client, names, waiting, and a clean slate after each test.
'use strict';
const Docker = require('dockerode');
const { after } = require('node:test');
const { PassThrough } = require('node:stream');

const docker = new Docker(); // DOCKER_HOST is all it is told
let counter = 0;
const name = (what) => `${what || 'js'}-${process.pid}-${++counter}`;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function soon(what, ms = 15000) {
  const until = Date.now() + ms;
  let last;
  while (Date.now() < until) {
    try {
      last = await what();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    await sleep(100);
  }
  throw new Error(`not in time; last: ${last}`);
}

async function clean() {
  for (const c of await docker.listContainers({ all: true })) await docker.getContainer(c.Id).remove({ force: true, v: true }).catch(() => {});
  await soon(async () => (await docker.listContainers({ all: true })).length === 0);
  for (const n of await docker.listNetworks().catch(() => [])) if (!['bridge', 'host', 'none'].includes(n.Name)) await docker.getNetwork(n.Id).remove();
  for (const v of (await docker.listVolumes()).Volumes || []) await docker.getVolume(v.Name).remove();
}

// All that a stream brings until it ends.
const drain = (stream) =>
  new Promise((done, fail) => {
    const parts = [];
    stream.on('data', (d) => parts.push(d));
    stream.on('end', () => done(Buffer.concat(parts)));
    stream.on('close', () => done(Buffer.concat(parts)));
    stream.on('error', fail);
  });

// The multiplexed stream as {out, err}, by dockerode's own demuxer.
async function demux(stream) {
  const out = new PassThrough();
  const err = new PassThrough();
  const got = Promise.all([drain(out), drain(err)]);
  docker.modem.demuxStream(stream, out, err);
  const ended = () => { out.end(); err.end(); };
  stream.on('end', ended);
  stream.on('close', ended);
  const [o, e] = await got;
  return { out: o.toString(), err: e.toString() };
}

const follow = (stream) => new Promise((done, fail) => docker.modem.followProgress(stream, (e, rows) => (e ? fail(e) : done(rows))));

async function box(options = {}) {
  const c = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '600'], name: name(), ...options });
  await c.start();
  return c;
}

// A stream that a test let go of may still hold its connection: that does not keep the suite from ending.
after(() => setTimeout(() => process.exit(process.exitCode), 1000).unref());

module.exports = { docker, name, sleep, soon, clean, drain, demux, follow, box };
