"""HTTP over the engine's socket, with nothing between: what is sent and answered byte by byte."""
import http.client
import json
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('docker', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response, head=False):
        self.status, self.headers = response.status, response.headers
        self.body = b'' if head else response.read()

    def json(self):
        return json.loads(self.body)

    def lines(self):
        """JSON values one after the other, as progress and events are sent."""
        return [json.loads(line) for line in self.body.decode().split('\n') if line.strip()]

    @property
    def message(self):
        return self.json()['message']

    def __repr__(self):
        return f'{self.status} {self.body[:400]!r}'


class Wire:
    def __init__(self, sock, prefix='', timeout=60):
        self.sock, self.prefix, self.timeout = sock, prefix, timeout

    def version(self, v):
        return Wire(self.sock, f'/v{v}', self.timeout)

    def __call__(self, method, path, body=None, headers=None, raw=None):
        """`body` is sent as JSON, `raw` as it is."""
        headers = dict(headers or {})
        if body is not None:
            raw = json.dumps(body).encode()
            headers.setdefault('Content-Type', 'application/json')
        c = Connection(self.sock, self.timeout)
        try:
            c.request(method, self.prefix + path, body=raw, headers=headers)
            return Answer(c.getresponse(), method == 'HEAD')
        finally:
            c.close()

    def get(self, path, **kw):
        return self('GET', path, **kw)

    def head(self, path, **kw):
        return self('HEAD', path, **kw)

    def post(self, path, body=None, **kw):
        return self('POST', path, body, **kw)

    def put(self, path, body=None, **kw):
        return self('PUT', path, body, **kw)

    def delete(self, path, **kw):
        return self('DELETE', path, **kw)

    def open(self, method, path, body=None, headers=None):
        """Answers (response, connection) without reading the body: the caller closes the connection."""
        c = Connection(self.sock, self.timeout)
        raw = json.dumps(body).encode() if body is not None else None
        headers = {**({'Content-Type': 'application/json'} if raw is not None else {}), **(headers or {})}
        c.request(method, self.prefix + path, body=raw, headers=headers)
        return c.getresponse(), c

    def hijack(self, path, body=None, upgrade=True):
        """Sends a POST that turns the connection into a stream. Answers (status line and headers, socket, bytes that came already)."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.timeout)
        s.connect(self.sock)
        raw = json.dumps(body).encode() if body is not None else b''
        head = f'POST {self.prefix}{path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n'
        head += 'Connection: Upgrade\r\nUpgrade: tcp\r\n' if upgrade else ''
        s.sendall(head.encode() + b'\r\n' + raw)
        got = b''
        while b'\r\n\r\n' not in got:
            more = s.recv(4096)
            if not more:
                break
            got += more
        head, _, rest = got.partition(b'\r\n\r\n')
        return head.decode(), s, rest

    def raw(self, data, half_close=False):
        """Sends bytes as they are, and answers all that comes back until the engine closes or falls silent."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(self.sock)
        got = b''
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                got += more
        except (TimeoutError, ConnectionError):
            pass
        finally:
            s.close()
        return got


def read_all(s, rest=b''):
    """What a hijacked stream still brings until its end."""
    got = rest
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more
    except (TimeoutError, ConnectionError):
        return got


def frames(data):
    """The multiplexed stream as [(stream, bytes)]; asserts that the framing is whole."""
    out = []
    while data:
        assert len(data) >= 8, f'a broken frame header: {data!r}'
        stream, zeros, size = data[0], data[1:4], int.from_bytes(data[4:8], 'big')
        assert zeros == b'\0\0\0' and stream in (0, 1, 2, 3), f'not a frame header: {data[:8]!r}'
        assert len(data) >= 8 + size, f'a frame of {size} bytes has only {len(data) - 8}'
        out.append((stream, data[8:8 + size]))
        data = data[8 + size:]
    return out


def stream(data, number):
    return b''.join(d for s, d in frames(data) if s == number)
