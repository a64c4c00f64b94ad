#!/usr/bin/env python3
"""Build small docker-archive images from Debian packages, no engine needed, deterministic.
usage: build.py OUTDIR [IMAGE...]   called by build.sh, which makes in $BUILD what this reads: dbroot (a tree of
extracted packages), debslim.tar (a whole small Debian) and hello (a static hello world)."""
import os, sys, io, json, tarfile, hashlib, subprocess, stat, re
HERE = os.path.dirname(os.path.abspath(__file__)); OUT = sys.argv[1]
B = os.environ['BUILD']; R = os.path.join(B, os.environ.get('DBROOT', 'dbroot')); F = os.path.join(HERE, 'files')
BB = os.path.join(R, 'bin/busybox')
T = 1700000000; CREATED = '2023-11-14T22:13:20Z'
PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

class Layer:
    def __init__(s): s.e = {}
    def _ti(s, p, **k):
        ti = tarfile.TarInfo(p.strip('/')); ti.mtime = T; ti.uid = k.get('uid', 0); ti.gid = k.get('gid', 0); ti.mode = k.get('mode', 0o755); return ti
    def dir(s, p, mode=0o755, uid=0, gid=0):
        p = p.strip('/')
        if not p: return s
        par = os.path.dirname(p)
        if par and par not in s.e: s.dir(par)
        ti = s._ti(p, mode=mode, uid=uid, gid=gid); ti.type = tarfile.DIRTYPE; s.e[p] = (ti, None); return s
    def _par(s, p):
        par = os.path.dirname(p.strip('/'))
        if par and par not in s.e: s.dir(par)
    def file(s, p, data, mode=0o644, uid=0, gid=0):
        if isinstance(data, str): data = data.encode()
        s._par(p); ti = s._ti(p, mode=mode, uid=uid, gid=gid); ti.size = len(data); s.e[p.strip('/')] = (ti, data); return s
    def src(s, p, srcpath, mode=None, uid=0, gid=0):
        st = os.stat(srcpath); return s.file(p, open(srcpath, 'rb').read(), mode if mode is not None else stat.S_IMODE(st.st_mode) & 0o755, uid, gid)
    def sym(s, p, to):
        s._par(p); ti = s._ti(p, mode=0o777); ti.type = tarfile.SYMTYPE; ti.linkname = to; s.e[p.strip('/')] = (ti, None); return s
    def hard(s, p, to):
        s._par(p); ti = s._ti(p); ti.type = tarfile.LNKTYPE; ti.linkname = to.strip('/'); s.e[p.strip('/')] = (ti, None); return s
    def tree(s, p, srcdir, skip=lambda r: False):
        for d, ds, fs in os.walk(srcdir):
            ds.sort(); rel = os.path.relpath(d, srcdir); dst = os.path.normpath(os.path.join(p, rel))
            if skip(rel): ds[:] = []; continue
            s.dir(dst)
            for f in sorted(fs):
                q = os.path.join(d, f)
                if skip(os.path.normpath(os.path.join(rel, f))): continue
                if os.path.islink(q): s.sym(os.path.join(dst, f), os.readlink(q))
                elif os.path.isfile(q): s.src(os.path.join(dst, f), q)
        return s
    def tar(s):
        b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w', format=tarfile.GNU_FORMAT)
        # hardlinks after their targets: files first in sorted order, links last
        for p in sorted(s.e, key=lambda p: (s.e[p][0].type == tarfile.LNKTYPE, p)):
            ti, d = s.e[p]; t.addfile(ti, io.BytesIO(d) if d is not None else None)
        t.close(); return b.getvalue()

def rfind(p):  # resolve inside dbroot
    q = os.path.join(R, p.lstrip('/')); 
    for _ in range(20):
        if os.path.islink(q):
            l = os.readlink(q); q = os.path.join(R, l.lstrip('/')) if l.startswith('/') else os.path.normpath(os.path.join(os.path.dirname(q), l))
        else: break
    return q
LIBD = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu', 'lib64', 'usr/lib/x86_64-linux-gnu/systemd']
def needed(path):
    o = subprocess.run(['readelf', '-d', path], capture_output=True, text=True).stdout
    return re.findall(r'NEEDED.*\[(.*)\]', o)
def addbin(L, *paths, have=()):
    todo = []
    for p in paths:
        L.src('/usr/' + p.lstrip('/') if p.startswith(('/bin', '/sbin')) else p, rfind(p), 0o755); todo.append(rfind(p))
    seen = set(have)
    while todo:
        for n in needed(todo.pop()):
            if n in seen or n.startswith('ld-linux'): continue
            seen.add(n)
            for d in LIBD:
                q = os.path.join(R, d, n)
                if os.path.lexists(q):
                    q = rfind(os.path.join(d, n)); L.src('/usr/lib/x86_64-linux-gnu/' + n, q, 0o644); todo.append(q); break
            else: print('missing lib', n)
    return seen

def applets():
    return subprocess.run([BB, '--list'], capture_output=True, text=True).stdout.split()
ETC_PASSWD = 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nbin:x:2:2:bin:/bin:/bin/false\nsys:x:3:3:sys:/dev:/bin/false\nsync:x:4:100:sync:/bin:/bin/sync\nmail:x:8:8:mail:/var/spool/mail:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\noperator:x:37:37:Operator:/var:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n'
ETC_GROUP = 'root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nmail:x:8:\nkmem:x:9:\nwheel:x:10:root\ncdrom:x:11:\ndialout:x:18:\nfloppy:x:19:\nvideo:x:28:\naudio:x:29:\ntape:x:32:\nwww-data:x:33:\noperator:x:37:\nutmp:x:43:\nplugdev:x:46:\nstaff:x:50:\nlock:x:54:\nnetdev:x:82:\nusers:x:100:\nnobody:x:65534:\n'
def etc(L, passwd='', group=''):
    L.file('/etc/passwd', ETC_PASSWD + passwd).file('/etc/group', ETC_GROUP + group).file('/etc/shadow', 'root:*:19000:0:99999:7:::\n', 0o640)
    L.file('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n').file('/etc/hosts', '127.0.0.1 localhost\n')
    L.dir('/root', 0o700).dir('/tmp', 0o1777).dir('/home').dir('/var/www', 0o755, 33, 33).dir('/var/spool/mail').dir('/run')
def busybox_like(os_release, bins, link):
    L = Layer(); etc(L); L.dir('/dev').dir('/proc').dir('/sys').dir('/usr/bin').dir('/usr/sbin').dir('/usr/local/bin')
    L.src('/bin/busybox', BB, 0o755)
    for a in applets():
        if a != 'busybox': (L.hard('/bin/' + a, '/bin/busybox') if link == 'hard' else L.sym('/bin/' + a, '/bin/busybox'))
    L.sym('/usr/bin/env', '/bin/env'); L.dir('/sbin'); L.dir('/lib'); L.sym('/sbin/init', '/bin/busybox')
    if os_release: L.file('/etc/os-release', os_release)
    for b in bins: L.src(*b)
    return L
def glibc_base():
    """debian-like mini base: busybox userland in /usr/bin (usrmerge), bash, gosu, glibc"""
    L = Layer(); etc(L); 
    for d in ('dev', 'proc', 'sys', 'usr/bin', 'usr/sbin', 'usr/lib/x86_64-linux-gnu', 'usr/lib64', 'usr/local/bin'): L.dir('/' + d)
    for a, b in (('bin', 'usr/bin'), ('sbin', 'usr/sbin'), ('lib', 'usr/lib'), ('lib64', 'usr/lib64')): L.sym('/' + a, b)
    L.src('/usr/bin/busybox', BB, 0o755)
    for a in applets():
        if a not in ('busybox', 'bash'): L.sym('/usr/bin/' + a, 'busybox')
    L.src('/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', rfind('lib64/ld-linux-x86-64.so.2'), 0o755); L.sym('/usr/lib64/ld-linux-x86-64.so.2', '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2')
    have = addbin(L, '/bin/bash', '/usr/sbin/gosu')
    for n in ('libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1', 'libresolv.so.2', 'libnss_files.so.2', 'libnss_dns.so.2'):
        if n not in have and os.path.lexists(os.path.join(R, 'lib/x86_64-linux-gnu', n)): L.src('/usr/lib/x86_64-linux-gnu/' + n, rfind('lib/x86_64-linux-gnu/' + n), 0o644); have.add(n)
    L.sym('/usr/bin/gosu', '/usr/sbin/gosu')
    L.tree('/usr/lib/locale/C.utf8', os.path.join(R, 'usr/lib/locale/C.utf8'))
    L.file('/etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n').file('/etc/debian_version', '12\n')
    L.have = have; return L
def user(base, name, uid, gid, home='/nonexistent'):
    L = Layer(); L.file('/etc/passwd', ETC_PASSWD + f'{name}:x:{uid}:{gid}:{name}:{home}:/bin/sh\n').file('/etc/group', ETC_GROUP + f'{name}:x:{gid}:\n'); return L

IMAGES = []
def image(fname, tags, layers, cfg, hist=None):
    blobs = []
    for L in layers: blobs.append(L if isinstance(L, bytes) else L.tar())
    diff = ['sha256:' + hashlib.sha256(b).hexdigest() for b in blobs]
    h = hist or [f'layer {i} (local build from Debian packages)' for i in range(len(blobs))]
    history = [{'created': CREATED, 'created_by': x} for x in h] + [{'created': CREATED, 'created_by': '/bin/sh -c #(nop)  CMD ' + json.dumps(cfg.get('Cmd')), 'empty_layer': True}]
    conf = {'architecture': 'amd64', 'os': 'linux', 'created': CREATED, 'config': cfg, 'rootfs': {'type': 'layers', 'diff_ids': diff}, 'history': history}
    cj = json.dumps(conf, sort_keys=True).encode(); cid = hashlib.sha256(cj).hexdigest()
    path = os.path.join(OUT, fname + '.tar')
    with tarfile.open(path, 'w') as t:
        def add(n, d):
            ti = tarfile.TarInfo(n); ti.size = len(d); ti.mtime = T; t.addfile(ti, io.BytesIO(d))
        lp = []
        for d, b in zip(diff, blobs):
            n = d[7:] + '/layer.tar'
            if n not in lp: add(n, b); add(d[7:] + '/VERSION', b'1.0'); 
            lp.append(n)
        add(cid + '.json', cj)
        add('manifest.json', json.dumps([{'Config': cid + '.json', 'RepoTags': tags, 'Layers': lp}]).encode())
        repos = {}
        for tg in tags: r, v = tg.rsplit(':', 1); repos.setdefault(r, {})[v] = diff[-1][7:]
        add('repositories', json.dumps(repos).encode())
    IMAGES.append((fname, tags, os.path.getsize(path))); print(f'{fname}.tar {os.path.getsize(path)/1e6:.1f}MB {tags} sha256:{cid[:12]}', flush=True)

def main(only):
    want = lambda n: not only or n in only
    if want('busybox'):
        bb = busybox_like(None, [], 'hard')
        image('busybox', ['busybox:latest', 'busybox:glibc', 'busybox:1', 'busybox:1.29'], [bb], {'Env': [PATH], 'Cmd': ['sh']})
    if want('alpine'):
        al = busybox_like('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"\n', [], 'sym'); al.file('/etc/alpine-release', '3.19.1\n')
        al.file('/etc/passwd', ETC_PASSWD + 'postgres:x:70:70::/var/lib/postgresql:/bin/sh\nguest:x:405:100:guest:/dev/null:/sbin/nologin\n').file('/etc/group', ETC_GROUP + 'postgres:x:70:\n').dir('/var/opt').dir('/opt').dir('/srv').dir('/mnt').dir('/media')
        image('alpine', ['alpine:latest', 'alpine:3.19'], [al], {'Env': [PATH], 'Cmd': ['/bin/sh']})
        # own image id per old tag
        for v in ('3.10', '3.2', '3.17'):
            L = Layer().file('/etc/alpine-release', v + '.0\n'); image('alpine-' + v, ['alpine:' + v], [al, L], {'Env': [PATH], 'Cmd': ['/bin/sh']})
    if want('hello-world'):
        h = Layer(); h.src('/hello', os.path.join(B, 'hello'), 0o755)
        image('hello-world', ['hello-world:latest', 'hello-world:amd64'], [h], {'Env': [PATH], 'Cmd': ['/hello']})
        image('hello-frozen', ['hello-world:frozen', 'hello-world:arm64'], [h], {'Env': [PATH], 'Cmd': ['/hello'], 'Labels': {'frozen': '1'}})
    if want('debian-slim') and os.path.exists(os.path.join(B, 'debslim.tar')):
        image('debian-slim', ['debian:bookworm-slim', 'debian:latest', 'debian:bookworm'], [open(os.path.join(B, 'debslim.tar'), 'rb').read()], {'Env': [PATH], 'Cmd': ['bash']})
    g = glibc_base(); have = g.have
    if want('ubuntu'): image('ubuntu', ['ubuntu:latest', 'ubuntu:22.04', 'debian:stable-slim'], [g], {'Env': [PATH], 'Cmd': ['/bin/bash']})
    if want('registry') and os.path.exists('/usr/bin/docker-registry'):
        L = Layer(); L.src('/usr/bin/registry', '/usr/bin/docker-registry', 0o755); todo = needed('/usr/bin/docker-registry')
        for n in todo:
            if n not in have and not n.startswith('ld-linux'): L.src('/usr/lib/x86_64-linux-gnu/' + n, rfind('usr/lib/x86_64-linux-gnu/' + n), 0o644)
        L.file('/etc/docker/registry/config.yml', 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}\nhttp: {addr: ":5000"}\n')
        L.file('/entrypoint.sh', '#!/bin/sh\nset -e\ncase "$1" in *.yaml|*.yml) set -- registry serve "$@";; serve|garbage-collect|help|-*) set -- registry "$@";; esac\nexec "$@"\n', 0o755).dir('/var/lib/registry')
        image('registry', ['registry:2'], [g, L], {'Env': [PATH], 'Entrypoint': ['/entrypoint.sh'], 'Cmd': ['/etc/docker/registry/config.yml'], 'Volumes': {'/var/lib/registry': {}}, 'ExposedPorts': {'5000/tcp': {}}})
    if want('redis'):
        L = user(g, 'redis', 999, 1000, '/home/redis'); addbin(L, '/usr/bin/redis-check-rdb', '/usr/bin/redis-cli', '/usr/bin/redis-benchmark', have=have); L.sym('/usr/bin/redis-server', 'redis-check-rdb'); L.sym('/usr/bin/redis-check-aof', 'redis-check-rdb')
        L.src('/usr/local/bin/docker-entrypoint.sh', F + '/redis-entrypoint.sh', 0o755).dir('/data', 0o755, 999, 1000)
        image('redis', ['redis:latest', 'redis:7', 'redis:alpine'], [g, L], {'Env': [PATH, 'REDIS_VERSION=7.0.15'], 'Entrypoint': ['docker-entrypoint.sh'], 'Cmd': ['redis-server'], 'Volumes': {'/data': {}}, 'WorkingDir': '/data', 'ExposedPorts': {'6379/tcp': {}}})
    if want('nginx'):
        L = user(g, 'nginx', 101, 101, '/nonexistent'); addbin(L, '/usr/sbin/nginx', have=have)
        L.src('/docker-entrypoint.sh', F + '/nginx-entrypoint.sh', 0o755).dir('/docker-entrypoint.d').src('/etc/nginx/nginx.conf', F + '/nginx.conf', 0o644).src('/etc/nginx/conf.d/default.conf', F + '/nginx-default.conf', 0o644).src('/etc/nginx/mime.types', R + '/etc/nginx/mime.types', 0o644)
        L.file('/usr/share/nginx/html/index.html', '<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n</body>\n</html>\n').file('/usr/share/nginx/html/50x.html', '<html><body>An error occurred.</body></html>\n')
        L.dir('/var/cache/nginx', 0o755, 101, 101).dir('/var/lib/nginx').dir('/run').dir('/var/log/nginx').sym('/var/log/nginx/access.log', '/dev/stdout').sym('/var/log/nginx/error.log', '/dev/stderr')
        image('nginx', ['nginx:latest', 'nginx:alpine', 'nginx:1.22', 'nginx:alpine-slim', 'nginx:1.25.4-alpine-slim', 'nginx:1.13.8'], [g, L], {'Env': [PATH, 'NGINX_VERSION=1.22.1'], 'Entrypoint': ['/docker-entrypoint.sh'], 'Cmd': ['nginx', '-g', 'daemon off;'], 'ExposedPorts': {'80/tcp': {}}, 'StopSignal': 'SIGQUIT'})
    if want('postgres'):
        L = user(g, 'postgres', 999, 999, '/var/lib/postgresql'); P = '/usr/lib/postgresql/15/bin/'
        addbin(L, *[P + b for b in ('postgres', 'initdb', 'pg_ctl', 'psql', 'pg_dump', 'pg_dumpall', 'pg_restore', 'pg_isready', 'pg_basebackup', 'pg_controldata', 'pg_checksums', 'pgbench', 'createdb')], have=have)
        for so in ('plpgsql.so', 'dict_snowball.so', 'pgcrypto.so', 'libpqwalreceiver.so', 'pgoutput.so'): addbin(L, '/usr/lib/postgresql/15/lib/' + so, have=have)
        S = R + '/usr/share/postgresql/15'
        L.tree('/usr/share/postgresql/15', S, skip=lambda r: r.startswith(('man', 'contrib')) or (r.startswith('extension/') and not re.search(r'extension/(plpgsql|pgcrypto)', r)))
        if os.path.isdir(R + '/usr/share/zoneinfo'): 
            for z in ('UTC', 'Etc/UTC', 'Universal'):
                if os.path.exists(R + '/usr/share/zoneinfo/' + z): L.src('/usr/share/zoneinfo/' + z, R + '/usr/share/zoneinfo/' + z, 0o644)
        L.src('/usr/local/bin/docker-entrypoint.sh', F + '/postgres-entrypoint.sh', 0o755).dir('/docker-entrypoint-initdb.d')
        L.dir('/var/lib/postgresql', 0o755, 999, 999).dir('/var/lib/postgresql/data', 0o1777, 999, 999).dir('/var/run').dir('/run/postgresql', 0o3777, 999, 999).sym('/var/run', '/run')
        image('postgres', ['postgres:latest', 'postgres:15', 'postgres:15-alpine', 'postgres:16-alpine', 'postgres:13', 'postgres:9.5'], [g, L], {'Env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin', 'LANG=C.UTF-8', 'PG_MAJOR=15', 'PGDATA=/var/lib/postgresql/data'], 'Entrypoint': ['docker-entrypoint.sh'], 'Cmd': ['postgres', '-c', 'listen_addresses=*'], 'Volumes': {'/var/lib/postgresql/data': {}}, 'ExposedPorts': {'5432/tcp': {}}, 'StopSignal': 'SIGINT'})
    if want('mariadb'):
        L = user(g, 'mysql', 999, 999, '/home/mysql'); addbin(L, '/usr/sbin/mariadbd', '/usr/bin/mariadb', '/usr/bin/mariadb-dump', '/usr/bin/mariadb-admin', have=have)
        for a, b in (('/usr/sbin/mysqld', 'mariadbd'), ('/usr/bin/mysql', 'mariadb'), ('/usr/bin/mysqldump', 'mariadb-dump'), ('/usr/bin/mysqladmin', 'mariadb-admin')): L.sym(a, b)
        M = R + '/usr/share/mysql'
        L.tree('/usr/share/mysql', M, skip=lambda r: not (r in ('.', 'english', 'charsets') or r.startswith(('english/', 'charsets/')) or r.endswith('.sql')) or 'timezone' in r)
        L.src('/usr/local/bin/docker-entrypoint.sh', F + '/mariadb-entrypoint.sh', 0o755).dir('/docker-entrypoint-initdb.d').dir('/var/lib/mysql', 0o755, 999, 999).dir('/run/mysqld', 0o1777, 999, 999).sym('/var/run', '/run').dir('/home/mysql', 0o755, 999, 999)
        image('mariadb', ['mariadb:latest', 'mariadb:10.11', 'mysql:latest', 'mariadb:10.6.5', 'mysql:8', 'mysql:8.3.0', 'mysql:5.7.44'], [g, L], {'Env': [PATH, 'LANG=C.UTF-8'], 'Entrypoint': ['docker-entrypoint.sh'], 'Cmd': ['mariadbd'], 'Volumes': {'/var/lib/mysql': {}}, 'ExposedPorts': {'3306/tcp': {}}})
    if want('layers'):
        a = busybox_like(None, [], 'hard'); a.file('/keep/a', 'a1\n').file('/gone/f', 'x\n').file('/opq/old1', '1\n').file('/opq/old2', '2\n').dir('/vol/seed', 0o750, 1234, 4321).file('/vol/seed/f', 'seed\n', 0o640, 1234, 4321).sym('/vol/link', 'seed/f')
        b = Layer().file('/keep/a', 'a2\n').file('/gone/.wh.f', '').file('/opq/.wh..wh..opq', '').file('/opq/new', 'n\n')
        c = Layer().file('/keep/b', 'b\n').file('/suid', '#!/bin/sh\n', 0o4755).dir('/sticky', 0o1777)
        image('layers', ['layers:latest'], [a, b, c], {'Env': [PATH], 'Cmd': ['sh'], 'Volumes': {'/vol': {}, '/emptyvol': {}}, 'User': '1234:4321', 'WorkingDir': '/work/dir', 'Labels': {'suite': 'layers'}})
# Images that lie: paths the engine itself walks are symlinks, FIFOs or worse. The canary is a directory on the host that tests make and then compare.
CANARY = '/var/tmp/stead-canary'
def hostile():
    bb = busybox_like(None, [], 'hard')
    plain = {'Env': [PATH], 'Cmd': ['sh']}
    def make(name, change, gone=(), **cfg):
        L = Layer(); L.e = {p: e for p, e in bb.e.items() if not any(p == g or p.startswith(g + '/') for g in gone)}
        change(L); image('hostile-' + name, ['hostile:' + name], [L], {**plain, **cfg})
    make('dev', lambda L: L.sym('/dev', CANARY), ['dev'])
    make('dev-rel', lambda L: L.sym('/dev', '../../../..' + CANARY), ['dev'])
    make('null', lambda L: L.sym('/dev/null', '/proc/sys/kernel/core_pattern'))
    make('proc', lambda L: L.sym('/proc', CANARY), ['proc'])
    make('sys', lambda L: L.sym('/sys', CANARY), ['sys'])
    make('etc', lambda L: L.sym('/etc', '../../../..' + CANARY), ['etc'])
    make('hosts', lambda L: L.sym('/etc/hosts', CANARY + '/hosts').sym('/etc/hostname', '../../..' + CANARY + '/hostname').sym('/etc/resolv.conf', CANARY + '/new'), ['etc/hosts'])
    make('volume-abs', lambda L: L.sym('/v', CANARY), Volumes={'/v': {}})
    make('volume-rel', lambda L: L.sym('/v', '../../../..' + CANARY), Volumes={'/v': {}})
    make('volume-proc', lambda L: L, Volumes={'/proc': {}})
    make('passwd-fifo', lambda L: fifo(L, '/etc/passwd'), ['etc/passwd'])
    make('passwd-zero', lambda L: L.sym('/etc/passwd', '/dev/zero'), ['etc/passwd'])
    make('passwd-host', lambda L: L.sym('/etc/passwd', CANARY + '/passwd'), ['etc/passwd'])
    make('workdir', lambda L: L, WorkingDir='/proc/self/fd/7')
    make('groups', lambda L: L.file('/etc/group', ETC_GROUP + 'data:x:5000:member\nmore:x:5001:x,member\n').file('/etc/passwd', ETC_PASSWD + 'member:x:1500:1500::/home/member:/bin/sh\n'), User='member')
def fifo(L, p):
    ti = L._ti(p, mode=0o644); ti.type = tarfile.FIFOTYPE; L.e[p.strip('/')] = (ti, None); return L
if not sys.argv[2:] or 'hostile' in sys.argv[2:]: hostile()
main(sys.argv[2:])
