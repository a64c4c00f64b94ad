"""docker-py: volumes and images, a local registry included."""
import io
import json
import tarfile

import docker
import pytest
from conftest import ENGINE, REGISTRY
from docker.errors import APIError, ImageNotFound, NotFound


def test_volumes(client, name):
    n = name('v')
    v = client.volumes.create(n, driver='local', labels={'a': 'b'})
    assert v.name == n and v.attrs['Labels'] == {'a': 'b'} and v.attrs['Scope'] == 'local' and v.attrs['Mountpoint'].endswith(f'/{n}/_data') and v.attrs['CreatedAt']
    assert client.volumes.create(n).attrs['Labels'] == {'a': 'b'}, 'creating again answers what is there'
    assert [x.name for x in client.volumes.list(filters={'label': 'a=b'})] == [n]
    assert [x.name for x in client.volumes.list(filters={'dangling': True, 'name': n})] == [n]
    c = client.containers.create('busybox', volumes={n: {'bind': '/v', 'mode': 'rw'}})
    assert client.volumes.list(filters={'dangling': True}) == []
    with pytest.raises(APIError) as e:
        v.remove()
    assert e.value.status_code == 409 and e.value.explanation == f'remove {n}: volume is in use - [{c.id}]'
    with pytest.raises(APIError) as e:
        v.remove(force=True)
    assert e.value.status_code == 409
    c.remove()
    v.remove()
    with pytest.raises(NotFound) as e:
        client.volumes.get(n)
    assert e.value.explanation in (f'get {n}: no such volume', f'No such volume: {n}')
    with pytest.raises(NotFound):
        client.api.remove_volume(n)
    with pytest.raises(NotFound):
        client.api.remove_volume(n, force=True)  # docker-py builds the parameter and never sends it
    with pytest.raises(APIError) as e:
        client.volumes.create('x')
    assert e.value.status_code == 400
    with pytest.raises(APIError) as e:
        client.volumes.list(filters={'bogus': 'x'})
    assert e.value.status_code == 400


def test_volume_prune(client, name):
    named = client.volumes.create(name('keep'))
    anonymous = client.volumes.create()
    got = client.volumes.prune(filters={'label': 'none-has-this'})
    assert got['VolumesDeleted'] in (None, []) and got['SpaceReclaimed'] == 0
    got = client.volumes.prune()
    assert anonymous.name in got['VolumesDeleted']
    if ENGINE == 'stead':
        assert named.name not in got['VolumesDeleted'], 'since 1.42 only anonymous volumes are pruned'
        assert named.name in client.volumes.prune(filters={'all': 'true'})['VolumesDeleted']


def test_population_and_subpaths(client, name, since):
    n = name('pop')
    assert b'passwd' in client.containers.run('busybox', 'ls /etc', volumes={n: {'bind': '/etc', 'mode': 'rw'}}, remove=True)
    assert b'passwd' in client.containers.run('busybox', 'ls /other', volumes={n: {'bind': '/other', 'mode': 'ro'}}, remove=True)
    since((1, 45), 'subpaths')
    client.containers.run('busybox', 'sh -c "mkdir -p /v/sub/dir; echo deep >/v/sub/dir/f"', volumes=[f'{n}:/v'], remove=True)
    m = docker.types.Mount('/s', n)
    m['VolumeOptions'] = {'Subpath': 'sub/dir'}
    assert client.containers.run('busybox', 'cat /s/f', mounts=[m], remove=True) == b'deep\n'


def test_images(client):
    image = client.images.get('busybox:latest')
    assert image.id.startswith('sha256:') and 'busybox:latest' in image.tags and image.attrs['Os'] == 'linux'
    for key in ['Id', 'RepoTags', 'RepoDigests', 'Created', 'Config', 'Architecture', 'Size', 'RootFS', 'GraphDriver', 'Metadata']:
        assert key in image.attrs, key
    assert image.history()[0]['Id'] and {'Created', 'CreatedBy', 'Tags', 'Size', 'Comment'} <= set(image.history()[0])
    assert image.tag('tagged', 'one') is True
    assert [i.id for i in client.images.list('tagged')] == [image.id]
    assert client.images.list(filters={'reference': 'tagged:*'})[0].id == image.id
    assert client.images.list(filters={'dangling': True}) == []
    row = next(i for i in client.api.images() if 'tagged:one' in i['RepoTags'])
    assert isinstance(row['Created'], int) and row['Size'] > 0 and row['Containers'] == -1 and 'ParentId' in row
    c = client.containers.create('tagged:one')
    client.images.remove('tagged:one')  # another name is left
    c.remove()
    with pytest.raises(ImageNotFound) as e:
        client.images.get('tagged:one')
    assert 'No such image: tagged:one' in e.value.explanation
    with pytest.raises(ImageNotFound):
        client.images.remove('nosuch')


def test_an_image_in_use_is_kept(client):
    client.images.get('hello-world').tag('onlyone', '1')
    c = client.containers.create('hello-world')
    with pytest.raises(APIError) as e:
        client.api.remove_image(client.images.get('hello-world').id)
    assert e.value.status_code == 409 and 'unable to delete' in e.value.explanation
    c.remove()
    client.images.remove('onlyone:1')


def test_save_and_load(client):
    image = client.images.get('busybox:latest')
    image.tag('saved', '1')
    data = b''.join(client.images.get('saved:1').save(named='saved:1'))
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        manifest = json.load(t.extractfile('manifest.json'))
    assert manifest[0]['RepoTags'] == ['saved:1']
    client.images.remove('saved:1')
    got = client.images.load(data)
    assert [i.id for i in got] == [image.id] and 'saved:1' in got[0].tags
    client.images.remove('saved:1')
    with pytest.raises((APIError, docker.errors.ImageLoadError)):
        client.images.load(b'this is no tar' * 100)


def test_import(client):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as t:
        info = tarfile.TarInfo('hello')
        info.size = 5
        t.addfile(info, io.BytesIO(b'hello'))
    client.api.import_image_from_data(data.getvalue(), repository='imported', tag='1', changes=['ENV A=b', 'CMD ["/hello"]'])
    config = client.images.get('imported:1').attrs['Config']
    assert config['Env'] == ['A=b'] and config['Cmd'] == ['/hello']
    client.images.remove('imported:1')


def test_push_pull(client):
    repo = f'{REGISTRY}/py/busybox'
    client.images.get('busybox:latest').tag(repo, '1')
    rows = list(client.images.push(repo, '1', stream=True, decode=True))
    assert not [r for r in rows if 'error' in r], rows
    digest = next(r['aux']['Digest'] for r in rows if 'aux' in r)
    client.images.remove(f'{repo}:1')
    image = client.images.pull(repo, '1')
    assert f'{repo}@{digest}' in image.attrs['RepoDigests'] and f'{repo}:1' in image.tags
    rows = list(client.api.pull(repo, '1', stream=True, decode=True))
    assert rows[0] == {'status': 'Pulling from py/busybox', 'id': '1'} and rows[-1]['status'] == f'Status: Image is up to date for {repo}:1'
    assert client.images.get_registry_data(f'{repo}:1').id == digest
    client.images.remove(f'{repo}:1')
    assert client.containers.run(f'{repo}@{digest}', 'echo by digest', remove=True) == b'by digest\n'
    with pytest.raises(NotFound):
        client.images.pull(f'{REGISTRY}/py/nosuch', 'x')
    rows = list(client.images.push(f'{REGISTRY}/py/nosuch', stream=True, decode=True)) if ENGINE == 'docker' else []
    client.images.remove(image.id, force=True) if image.id != client.images.get('busybox:latest').id else None


def test_image_prune(client):
    c = client.containers.run('busybox', ['sh', '-c', 'echo 1 >/1'], detach=True)
    c.wait()
    dangling = c.commit()
    assert [i.id for i in client.images.list(filters={'dangling': True})] == [dangling.id]
    c.remove()
    got = client.images.prune()
    assert {'Deleted': dangling.id} in got['ImagesDeleted'] and got['SpaceReclaimed'] >= 0
    assert client.images.prune()['ImagesDeleted'] in (None, [])


def test_df(client, name):
    n = name('df')
    client.containers.run('busybox', 'sh -c "head -c 100000 /dev/zero >/v/f"', volumes=[f'{n}:/v'], remove=True)
    df = client.df()
    assert {'LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache'} <= set(df)
    usage = next(v for v in df['Volumes'] if v['Name'] == n)['UsageData']
    assert usage['RefCount'] == 0 and usage['Size'] >= 100_000


def test_build_says_what_to_use(client):
    if ENGINE != 'stead':
        pytest.skip('only of stead: it has no builder')
    with pytest.raises((APIError, docker.errors.BuildError)) as e:
        client.images.build(fileobj=io.BytesIO(b'FROM busybox'))
    assert 'build' in str(e.value)
