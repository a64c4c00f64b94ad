"""An engine, and on wish a registry, in a network namespace made for one suite. Leaving it removes everything and answers what was left."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import tools

IMAGES = tools.IMAGES
DOCKER = '/usr/local/bin/docker' if os.path.exists('/usr/local/bin/docker') else '/usr/bin/docker'
REGISTRY = '127.0.0.1:5000'


class Broken(Exception):
    """The rig itself could not do what a suite needs."""


def sh(*argv, check=True, timeout=120, **kw):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, **kw)
    if check and done.returncode:
        raise Broken(f'{" ".join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}')
    return done.stdout


class Machine:
    """Used with `with`. `self.left` says, after the end, what the engine left behind."""

    def __init__(self, engine, stead, suite, wants):
        self.engine, self.stead, self.suite, self.wants = engine, stead, suite, wants
        self.dir = tempfile.mkdtemp(prefix='stead-clients.', dir='/var/tmp')
        self.netns = 'clients-' + self.dir.rsplit('.', 1)[1].lower().replace('_', 'x') + f'-{os.getpid()}'
        self.sock = f'{self.dir}/docker.sock'
        self.host = f'unix://{self.sock}'
        self.daemons, self.left, self.rules = [], [], ''

    def __enter__(self):
        try:
            sh('ip', 'netns', 'add', self.netns)
            self.inside('ip', 'link', 'set', 'lo', 'up')
            self.rules = self.net_state()
            self.start_engine()
            self.load()
            if self.wants.registry:
                self.start_registry()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def inside_argv(self, *argv):
        # Not `ip netns exec`: that would also give a mount namespace of its own, and mounts left behind could not be seen.
        return ['nsenter', f'--net=/run/netns/{self.netns}', '--', *argv]

    def inside(self, *argv, **kw):
        return sh(*self.inside_argv(*argv), **kw)

    def spawn(self, name, argv, **kw):
        log = open(f'{self.dir}/{name}.log', 'ab')
        child = subprocess.Popen(self.inside_argv(*argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **kw)
        log.close()
        self.daemons.append(child)
        return child

    def log(self, name):
        try:
            with open(f'{self.dir}/{name}.log', errors='replace') as f:
                return f.read()[-6000:]
        except OSError:
            return ''

    def env(self):
        """What a suite sees. DOCKER_HOST is all that Docker's clients are told."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(('DOCKER_', 'COMPOSE_', 'TC_', 'TESTCONTAINERS_')) and not k.lower().endswith('_proxy')}
        os.makedirs(f'{self.dir}/home', exist_ok=True)
        env.update(DOCKER_HOST=self.host, HOME=f'{self.dir}/home', DOCKER_CONFIG=f'{self.dir}/home/.docker', CLIENTS_ENGINE=self.engine, CLIENTS_SOCK=self.sock,
                   CLIENTS_DIR=self.dir, CLIENTS_DOCKER=DOCKER, CLIENTS_IMAGES=IMAGES, CLIENTS_REGISTRY=REGISTRY, NO_PROXY='*', no_proxy='*', LC_ALL='C.UTF-8',
                   CLIENTS_TOOLS=tools.CACHE, PYTHONDONTWRITEBYTECODE='1')
        if self.engine == 'stead':
            env.update(CLIENTS_STEAD=self.stead, CLIENTS_ROOT=f'{self.dir}/root', CLIENTS_RUN_ROOT=f'{self.dir}/run')
        return env

    def serve_argv(self):
        if self.engine == 'docker':
            return ['/usr/sbin/dockerd', '--data-root', f'{self.dir}/root', '--exec-root', f'{self.dir}/run', '--pidfile', f'{self.dir}/pid', '-H', self.host,
                    '--storage-driver', 'overlay2', '--userland-proxy=true']
        return [self.stead, '--root', f'{self.dir}/root', '--run-root', f'{self.dir}/run', 'serve', '-H', self.host]

    def start_engine(self):
        env = {**os.environ, 'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'}
        with open(f'{self.dir}/serve.json', 'w') as f:
            json.dump(self.serve_argv(), f)  # the stress suite starts it again from this
        self.serve = self.spawn('engine', self.serve_argv(), env=env)
        for _ in range(600):
            if self.serve.poll() is not None:
                break
            if subprocess.run([DOCKER, '-H', self.host, 'version'], capture_output=True, env={**env, 'DOCKER_CONFIG': self.dir}).returncode == 0:
                return
            time.sleep(0.05)
        raise Broken(f'the engine does not start:\n{self.log("engine")}')

    def docker(self, *args, **kw):
        return sh(DOCKER, '-H', self.host, *args, env={**os.environ, 'DOCKER_CONFIG': f'{self.dir}/config'}, **kw)

    def load(self):
        for image in self.wants.images:
            tar = f'{IMAGES}/{image}.tar'
            if not os.path.exists(tar):
                raise Broken(f'no {tar}: run images/build.sh')
            self.docker('load', '-q', '-i', tar, timeout=300)

    def start_registry(self):
        conf = f'{self.dir}/registry.yml'
        with open(conf, 'w') as f:
            f.write(f'version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {self.dir}/registry}}, delete: {{enabled: true}}}}\n'
                    f'http: {{addr: "{REGISTRY}"}}\n')
        self.spawn('registry', ['docker-registry', 'serve', conf])
        probe = f'import socket; socket.create_connection(("{REGISTRY.split(":")[0]}", {REGISTRY.split(":")[1]}), 2)'
        for _ in range(200):
            if subprocess.run(self.inside_argv('/usr/bin/python3', '-c', probe), capture_output=True).returncode == 0:
                return
            time.sleep(0.05)
        raise Broken(f'the registry does not start:\n{self.log("registry")}')

    def net_state(self):
        """Interfaces and rules of the namespace: what networks must put back."""
        links = sorted(link['ifname'] for link in json.loads(self.inside('ip', '-j', 'link')) if link['ifname'] != 'docker0')
        rules = self.inside('iptables-save', check=False)
        rules = sorted(r for r in rules.splitlines() if r.startswith('-A'))
        return links, rules

    def wipe(self):
        """Removes all there is through the API, as any user could, and answers what cannot be removed."""
        left = []
        for what, ls, rm in [('containers', ['ps', '-aq', '--no-trunc'], ['rm', '-fv']), ('networks', ['network', 'ls', '-q', '--filter', 'type=custom'], ['network', 'rm']),
                             ('volumes', ['volume', 'ls', '-q'], ['volume', 'rm'])]:
            try:
                for _ in range(3):
                    ids = self.docker(*ls).split()
                    if not ids:
                        break
                    # paused ones of dockerd 20.10 refuse to be killed
                    self.docker(*rm, *ids[:500], check=False)
                ids = self.docker(*ls).split()
                if ids:
                    left.append(f'{what} that cannot be removed: {" ".join(ids)[:300]}')
            except (Broken, subprocess.TimeoutExpired) as e:
                left.append(f'{what}: {str(e)[:600]}')
        return left

    def processes(self):
        ours = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            if int(pid) == os.getpid():
                continue
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    line = f.read().replace(b'\0', b' ').decode(errors='replace').strip()
            except OSError:
                continue
            if self.dir in line:
                ours.append((int(pid), line[:200]))
        return ours

    def about(self, pid):
        """What is known of a process that should not be there, and of the container that it is for."""
        facts = []
        for name in ('wchan', 'stack', 'status'):
            try:
                with open(f'/proc/{pid}/{name}') as f:
                    text = f.read()
                facts.append(f'{name}: ' + ' '.join(text.split()) if name != 'status' else ' '.join(line for line in text.splitlines() if line.startswith(('State', 'PPid', 'Threads'))))
            except OSError:
                continue
        try:
            facts += sorted(f'{fd} -> {os.readlink(f"/proc/{pid}/fd/{fd}")}' for fd in os.listdir(f'/proc/{pid}/fd'))
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                ids = [word for word in f.read().decode(errors='replace').split('\0') if len(word) == 64]
        except OSError:
            return ''.join(f'\n        {fact}' for fact in facts)
        for container in ids:
            for top in ('run', 'root'):
                home = f'{self.dir}/{top}/containers/{container}'
                facts.append(f'{home}: {sorted(os.listdir(home)) if os.path.isdir(home) else "is gone"}')
            for name in ('run', 'root'):
                for file in ('state.json', 'exit.json', 'monitor.log'):
                    try:
                        with open(f'{self.dir}/{name}/containers/{container}/{file}', errors='replace') as f:
                            facts.append(f'{file}: {f.read()[-400:]}')
                    except OSError:
                        continue
        return ''.join(f'\n        {fact}' for fact in facts)

    def mounts(self):
        with open('/proc/self/mounts') as f:
            return [m.split(' ')[1] for m in f if f' {self.dir}/' in m]

    def end(self):
        alive = bool(self.daemons) and self.daemons[0].poll() is None
        if os.path.exists(f'{self.dir}/serve.pid'):
            alive = True
        if alive:
            self.left += self.wipe()
            if self.engine == 'stead':
                self.left += self.after_wipe()
        self.stop_daemons()
        time.sleep(0.2)
        processes = self.processes()
        self.left += [f'process {pid}: {line}{self.about(pid)}' for pid, line in processes]
        for pid, _ in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        mounts = self.mounts()
        if self.engine == 'stead':  # dockerd leaves none either, but that is not what is tested
            self.left += [f'mount {m}' for m in mounts]
        for m in reversed(mounts):
            subprocess.run(['umount', '-l', m], capture_output=True)
        subprocess.run(['ip', 'netns', 'del', self.netns], capture_output=True)
        if not self.mounts():
            shutil.rmtree(self.dir, ignore_errors=True)
        if os.path.exists(self.dir):
            self.left.append(f'{self.dir} cannot be removed')

    def after_wipe(self):
        left = []
        # The bridge of a network stays while the network does, as docker0 does; a repair tidies those away that nobody is in.
        check = [self.stead, '--root', f'{self.dir}/root', '--run-root', f'{self.dir}/run', 'system', 'check']
        checked = subprocess.run(self.inside_argv(*check), capture_output=True, text=True)
        if checked.returncode:
            left.append(f'system check: {(checked.stdout + checked.stderr).strip()[:500]}')
        subprocess.run(self.inside_argv(*check, '--repair'), capture_output=True)
        for _ in range(30):
            links, rules = self.net_state()
            if links == self.rules[0] and rules == self.rules[1]:
                break
            time.sleep(0.1)
        left += [f'interface {link}' for link in links if link not in self.rules[0]]
        left += [f'iptables rule {r}' for r in rules if r not in self.rules[1]]
        return left

    def stop_daemons(self):
        if os.path.exists(f'{self.dir}/serve.pid'):  # a suite started the engine again
            with open(f'{self.dir}/serve.pid') as f:
                pid = int(f.read())
            if any(p == pid for p, _ in self.processes()):
                os.kill(pid, signal.SIGTERM)
                for _ in range(100):
                    if not any(p == pid for p, _ in self.processes()):
                        break
                    time.sleep(0.1)
        for child in reversed(self.daemons):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.daemons:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                self.left.append(f'pid {child.pid} does not end at SIGTERM')
                child.kill()
                child.wait()
