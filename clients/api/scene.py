"""Things the API tests make: containers of every state, by plain requests."""
import os

from wire import Wire

ENGINE = os.environ['CLIENTS_ENGINE']
STEAD = ENGINE == 'stead'


def make(wire, name=None, **body):
    """Creates a container and answers its id."""
    body = {'Image': 'busybox', 'Cmd': ['sleep', '600'], **body}
    answer = wire.post('/containers/create' + (f'?name={name}' if name else ''), body)
    assert answer.status == 201, answer
    return answer.json()['Id']


def begin(wire, name=None, **body):
    """Creates and starts one."""
    made = make(wire, name, **body)
    answer = wire.post(f'/containers/{made}/start')
    assert answer.status == 204, answer
    return made


def exec_in(wire, container, *cmd, **body):
    """Runs a command in a container; answers its id and the stream of what it said."""
    made = wire.post(f'/containers/{container}/exec', {'Cmd': list(cmd), 'AttachStdout': True, 'AttachStderr': True, **body})
    assert made.status == 201, made
    answer = wire.post(f'/exec/{made.json()["Id"]}/start', {'Detach': False, 'Tty': body.get('Tty', False)})
    assert answer.status == 200, answer
    return made.json()['Id'], answer.body


__all__ = ['ENGINE', 'STEAD', 'Wire', 'begin', 'exec_in', 'make']
