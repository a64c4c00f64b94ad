//! What the tests of the image room stand on: a root of its own with the real layer room, small archives, and registries.

pub(crate) mod fake;
pub(crate) mod script;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stead_base::Digest;
use stead_base::layout::Root;
use stead_image::{Images, LayerFault, LayerHold, LayerInfo, LayerStore};
use stead_layer::{Error, Hold, Layer, Layers};
use stead_store::{Record, Ref, Store};

/// A root of its own, removed at the end.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) images: Images,
    store: Arc<Store>,
    layers: Layers,
}

/// What the engine does in its own way: plugging the layer room in.
#[derive(Debug)]
struct Port(Layers);

#[derive(Debug)]
struct PortHold {
    _hold: Hold,
}

impl LayerHold for PortHold {}

fn fault(error: Error) -> LayerFault {
    LayerFault { kind: error.kind(), source: Box::new(error) }
}

fn info(layer: Layer) -> LayerInfo {
    LayerInfo { diff_id: layer.diff_id, size: layer.size, tar_size: layer.tar_size }
}

impl LayerStore for Port {
    fn hold(&self) -> Result<Box<dyn LayerHold>, LayerFault> {
        Ok(Box::new(PortHold { _hold: self.0.hold().map_err(fault)? }))
    }
    fn get(&self, diff_id: &Digest) -> Result<Option<LayerInfo>, LayerFault> {
        Ok(self.0.get(diff_id).map_err(fault)?.map(info))
    }
    fn unpack(&self, stream: &mut (dyn Read + Send), expected: Option<&Digest>) -> Result<LayerInfo, LayerFault> {
        self.0.unpack(stream, expected).map(info).map_err(fault)
    }
    fn assemble(&self, diff_id: &Digest, out: &mut dyn Write) -> Result<u64, LayerFault> {
        self.0.assemble(diff_id, out).map_err(fault)
    }
    fn list(&self) -> Result<Vec<Digest>, LayerFault> {
        self.0.list().map_err(fault)
    }
    fn remove(&self, diff_id: &Digest, unused: &dyn Fn() -> bool) -> Result<bool, LayerFault> {
        self.0.remove(diff_id, unused).map_err(fault)
    }
}

/// A container as far as images care.
#[derive(Serialize, Deserialize)]
struct User {
    id: String,
    image: String,
}

impl Record for User {
    const KIND: &'static str = "container";
    const VERSION: u32 = 1;
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> Option<&str> {
        None
    }
    fn refs(&self) -> Vec<Ref> {
        vec![Ref { kind: "image", id: self.image.clone() }]
    }
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let dir = PathBuf::from(format!("/var/tmp/stead-image-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let root = Root::new(&dir);
        let store = Arc::new(Store::open(&root).unwrap());
        let layers = Layers::open(&root).unwrap();
        let images = Images::open(&root, Arc::clone(&store), Arc::new(Port(layers.clone())));
        Self { dir, images, store, layers }
    }

    pub(crate) fn layer_ids(&self) -> Vec<Digest> {
        self.layers.list().unwrap()
    }

    pub(crate) fn container(&self, id: String, image: &str) {
        let user = User { id, image: image.to_owned() };
        self.store.publish(|tx| tx.put(&user)).unwrap();
    }

    pub(crate) fn forget_container(&self, id: &str) {
        self.store.publish(|tx| tx.delete::<User>(id)).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let parent = std::fs::File::open("/var/tmp").unwrap();
        stead_sys::tree::remove_tree(&parent, self.dir.file_name().unwrap()).unwrap();
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

/// A tar of these files.
pub(crate) fn tar_of(files: &[(&str, &str)]) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    tar_bytes(&files)
}

fn tar_bytes(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The config of an image with these layers.
pub(crate) fn config(layers: &[&Vec<u8>], arch: &str, defaults: &Value) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|l| sha256(l).to_string()).collect();
    let config = json!({
        "architecture": arch, "os": "linux", "config": defaults, "created": "2024-01-01T00:00:00Z",
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    config.to_string().into_bytes()
}

/// A docker-archive whose config promises `promised` while the members are `layers`.
pub(crate) fn archive_with(tags: &[&str], promised: &[&Vec<u8>], layers: &[&Vec<u8>], defaults: &Value) -> Vec<u8> {
    let config = config(promised, "amd64", defaults);
    let config_name = format!("{}.json", sha256(&config).hex());
    let names: Vec<String> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest = json!([{ "Config": config_name, "RepoTags": tags, "Layers": names }]).to_string();
    let mut files: Vec<(&str, &[u8])> = vec![(&config_name, &config)];
    files.extend(names.iter().map(String::as_str).zip(layers.iter().map(|l| l.as_slice())));
    files.push(("manifest.json", manifest.as_bytes()));
    tar_bytes(&files)
}

/// An honest docker-archive.
pub(crate) fn docker_archive(tags: &[&str], layers: &[&Vec<u8>], defaults: &Value) -> Vec<u8> {
    archive_with(tags, layers, layers, defaults)
}

/// Pushes an image to a registry without a password; answers the manifest's digest.
pub(crate) fn push(host: &str, name: &str, tag: &str, layers: &[(&str, &Vec<u8>)], arch: &str) -> Digest {
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let blob = |bytes: &[u8]| {
        let start = agent.post(format!("http://{host}/v2/{name}/blobs/uploads/")).send_empty().unwrap();
        let location = start.headers()["location"].to_str().unwrap().to_owned();
        let glue = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{glue}digest={}", sha256(bytes));
        assert!(agent.put(url).send(bytes).unwrap().status().is_success());
    };
    let mut described = Vec::new();
    for (codec, tar) in layers {
        let packed = match *codec {
            "gzip" => {
                let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gz.write_all(tar).unwrap();
                gz.finish().unwrap()
            }
            _ => zstd::encode_all(&tar[..], 1).unwrap(),
        };
        blob(&packed);
        let kind = format!("application/vnd.oci.image.layer.v1.tar+{codec}");
        described.push(json!({ "mediaType": kind, "digest": sha256(&packed).to_string(), "size": packed.len() }));
    }
    let tars: Vec<&Vec<u8>> = layers.iter().map(|(_, tar)| *tar).collect();
    let config = config(&tars, arch, &json!({ "Cmd": ["x"], "Labels": { "tag": tag } }));
    blob(&config);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(&config).to_string(), "size": config.len() },
        "layers": described,
    });
    let bytes = manifest.to_string().into_bytes();
    let put = agent.put(format!("http://{host}/v2/{name}/manifests/{tag}")).header("Content-Type", kind);
    assert!(put.send(&bytes[..]).unwrap().status().is_success());
    sha256(&bytes)
}
