"""Stead's own routes beside docs/openapi-stead.yaml: the file is OpenAPI 3.0, and what a running engine answers is what it says, to the last field."""
import io
import json
import os
import tarfile

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from scene import STEAD

pytestmark = pytest.mark.skipif(not STEAD, reason='only of stead: routes that Docker does not have')

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, '..', '..', 'docs', 'openapi-stead.yaml')) as f:
    SPEC = yaml.safe_load(f)


def plain(schema):
    """OpenAPI 3.0's `nullable` as JSON Schema has it, references followed."""
    if isinstance(schema, list):
        return [plain(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if '$ref' in schema:
        at = SPEC
        for part in schema['$ref'].lstrip('#/').split('/'):
            at = at[part]
        return plain(at)
    made = {k: plain(v) for k, v in schema.items() if k != 'nullable'}
    if schema.get('nullable'):
        if 'enum' in made:
            made['enum'] = [*made['enum'], None]
        made['type'] = [made['type'], 'null']
    return made


class Described:
    """Requests whose answers are held against the description; remembers which operations were seen."""

    def __init__(self, wire):
        self.wire, self.seen = wire.version('1.50'), set()

    def __call__(self, method, path, wanted, body=None, raw=None, query='', **params):
        operation = SPEC['paths'][path][method]
        answer = self.wire(method.upper(), path.format(**params) + query, body=body, raw=raw)
        assert answer.status == wanted, (method, path, params, query, answer)
        assert str(answer.status) in operation['responses'], f'{method} {path} does not say that it answers {answer.status}'
        self.seen.add((method, path))
        described = plain(operation['responses'][str(answer.status)])
        kind = answer.headers.get('Content-Type', '')
        content = described.get('content')
        if content is None:
            assert not answer.body, answer
            return None
        assert kind.split(';')[0] in content, (kind, list(content))
        if not kind.startswith('application/json'):
            return answer.body
        value = answer.json()
        errors = list(Draft202012Validator(content['application/json']['schema'], format_checker=FormatChecker()).iter_errors(value))
        assert not errors, (method, path, [(list(e.path), e.message) for e in errors], value)
        return value


@pytest.fixture
def api(wire):
    made = Described(wire)
    yield made
    for name in ['spec', 'spec-two', 'spec-clone', 'spec-made', 'spec-back']:
        wire.post(f'/stead/volumes/{name}/unprotect')
        wire.delete(f'/stead/volumes/{name}?force=1&now=1')


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for name, text in [('a', b'one'), ('sub/b', b'two')]:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
        link = tarfile.TarInfo('link')
        link.type, link.linkname = tarfile.SYMTYPE, 'a'
        tar.addfile(link)
    return out.getvalue()


def test_the_file_is_openapi():
    validate(SPEC)
    for path, operations in SPEC['paths'].items():
        for method, operation in operations.items():
            assert operation['summary'] and any(c.startswith('2') for c in operation['responses']), (method, path)


def test_answers_are_as_described(api, wire):
    assert wire.post('/volumes/create', {'Name': 'spec', 'Labels': {'a': 'b'}}).status == 201
    v = '/stead/volumes/{name}'
    api('put', f'{v}/archive', 200, raw=archive(), query='?path=/', name='spec')
    api('head', f'{v}/archive', 200, query='?path=/a', name='spec')
    api('get', f'{v}/archive', 200, query='?path=/sub', name='spec')
    files = api('get', f'{v}/files', 200, name='spec')['Files']
    assert [(f['Name'], f['Type']) for f in files] == [('a', 'file'), ('link', 'symlink'), ('sub', 'directory')]
    assert api('get', f'{v}/file', 200, query='?path=/a', name='spec') == b'one'
    assert api('get', f'{v}/usage', 200, query='?depth=2', name='spec')['Usage'][0]['Size'] == 6
    exported = api('get', f'{v}/export', 200, name='spec')
    for how in ['gzip', 'zstd']:
        api('get', f'{v}/export', 200, query=f'?compression={how}&snapshot=1', name='spec')
    api('post', f'{v}/import', 409, raw=exported, name='spec')
    replaced = api('post', f'{v}/import', 200, raw=exported, query='?replace=1', name='spec')
    api('post', f'{v}/import', 200, raw=archive(), query='?merge=1', name='spec')
    api('post', '/stead/volumes/undelete', 200, body={'Volume': replaced['Replaced'], 'Name': 'spec-back'})
    api('post', '/stead/volumes/create', 201, raw=exported, query='?name=spec-made&from=tar:-&labels=' + '%7B%22a%22%3A%22b%22%7D')
    api('post', '/stead/volumes/create', 409, raw=exported, query='?name=spec-made&from=tar:-')
    api('post', '/stead/volumes/create', 400, query='?name=spec-none&from=what')
    api('get', '/stead/volumes', 200, query='?size=1')
    assert api('get', v, 200, name='spec')['Status']['SnapshotMethod']
    api('get', v, 404, name='nosuch')
    api('get', '/stead/system/pool', 404)
    api('post', f'{v}/adopt', 404, body={'Name': 'spec-none'}, name='nosuch')
    api('post', f'{v}/resize', 404, body={'Size': 1 << 30}, name='nosuch')
    snap = api('post', f'{v}/snapshots', 201, body={'Name': 'one', 'Labels': {'x': 'y'}}, name='spec')
    assert snap['Volume'] == 'spec'
    api('post', f'{v}/snapshots', 409, body={'Name': 'one'}, name='spec')
    api('get', f'{v}/snapshots', 200, name='spec')
    api('get', f'{v}/snapshots/{{snapshot}}', 200, name='spec', snapshot='one')
    api('get', f'{v}/snapshots/{{snapshot}}', 404, name='spec', snapshot='none')
    api('put', f'{v}/archive', 200, raw=archive(), query='?path=/sub', name='spec')
    assert api('get', f'{v}/changes', 200, name='spec')['Changes']
    api('post', f'{v}/scrub', 200, body={}, name='spec')
    api('post', f'{v}/clone', 201, body={'Name': 'spec-clone', 'Snapshot': 'one'}, name='spec')
    api('post', f'{v}/rollback', 200, body={'Snapshot': 'one'}, name='spec')
    api('delete', f'{v}/snapshots/{{snapshot}}', 204, name='spec', snapshot='one')
    api('post', f'{v}/update', 200, body={'Labels': {'c': 'd'}, 'RemoveLabels': ['a']}, name='spec')
    api('post', f'{v}/rename', 200, body={'Name': 'spec-two'}, name='spec')
    api('post', f'{v}/protect', 200, name='spec-two')
    api('delete', v, 409, name='spec-two')
    api('post', f'{v}/unprotect', 200, name='spec-two')
    api('delete', v, 204, name='spec-two')
    kept = api('get', '/stead/volumes/trash', 200)['Volumes']
    assert any(one['Name'] == 'spec-two' for one in kept)
    api('get', '/stead/volumes/trash/{id}/json', 200, id='spec-two')
    api('get', '/stead/volumes/trash/{id}/json', 404, id='nosuch')
    api('post', '/stead/volumes/undelete', 404, body={'Volume': 'nosuch'})
    api('post', '/stead/volumes/trash/empty', 200, body={'Volumes': ['spec-two']})
    api('post', '/stead/volumes/trash/empty', 400, body={'OlderThan': 'soon'})
    api('post', '/stead/volumes/prune', 200, query='?filters=' + '%7B%22label%22%3A%5B%22nosuch%22%5D%7D')
    api('post', '/stead/system/run-due', 200)
    api('post', '/stead/volumes/snapshots', 404, body={'Group': 'nosuch'})
    left = {(m, p) for p, ops in SPEC['paths'].items() for m in ops} - api.seen
    print('not asked for here:', json.dumps(sorted(left)))
    # Making a pool needs a disk's worth of room, and loop devices.
    assert len(left) <= 3, left


@pytest.mark.parametrize('path', [p for p, ops in SPEC['paths'].items() if 'get' in ops and '{name}' in p])
def test_a_volume_that_is_not_there_is_said_as_described(api, path):
    query = '?path=/x' if path.endswith(('/archive', '/file')) else ''
    api('get', path, 404, query=query, name='nosuch', snapshot='none')
