//! F-REG: a registry that can be told to lie.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;

use super::{config, sha256};

/// What is wrong with the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    WantsToken,
    TokenFromMetadata,
    BreaksOff,
    BreaksOffWithoutRanges,
    OtherLayer,
    OtherManifest,
    OtherConfig,
    EndlessManifest,
    LongLayer,
    RedirectToMetadata,
    RedirectLoop,
    DigestIsPath,
    IndexLoop,
    HugeConfig,
    NotJson,
}

/// For each architecture, one layer.
type Layers<'a> = &'a [(&'a str, &'a Vec<u8>)];

/// A running registry; it stops taking connections when dropped.
pub(crate) struct Registry {
    pub(crate) host: String,
    stop: Arc<AtomicBool>,
}

struct State {
    lie: Lie,
    host: String,
    documents: HashMap<String, (String, Vec<u8>)>,
    layers: Vec<String>,
    breaks: AtomicU32,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Where a broken answer stops.
const BREAK_AT: usize = 100_000;

impl Registry {
    /// Repositories with, for each architecture, one layer; each is an index under every tag.
    pub(crate) fn start(repositories: &[(&str, Layers<'_>)], lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let mut state = State { lie, host: host.clone(), documents: HashMap::new(), layers: Vec::new(), breaks: AtomicU32::new(0) };
        for (name, images) in repositories {
            state.add(name, images);
        }
        let (state, stop) = (Arc::new(state), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let state = Arc::clone(&state);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || state.serve(stream));
                }
            }
        });
        Self { host, stop }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener so that it notices.
        TcpStream::connect(&self.host).ok();
    }
}

impl State {
    fn add(&mut self, name: &str, images: Layers<'_>) {
        let mut entries = Vec::new();
        for (arch, tar) in images {
            let config = config(&[tar], arch, &json!({}));
            let size = if self.lie == Lie::HugeConfig { 1 << 40 } else { config.len() };
            let layer_digest = if self.lie == Lie::DigestIsPath { "sha256:../../../../etc/passwd".into() } else { sha256(tar).to_string() };
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(&config).to_string(), "size": size },
                "layers": [{ "mediaType": LAYER, "digest": layer_digest, "size": tar.len() }],
            });
            let manifest = manifest.to_string().into_bytes();
            let platform = json!({ "os": "linux", "architecture": arch });
            entries.push(
                json!({ "mediaType": MANIFEST, "digest": sha256(&manifest).to_string(), "size": manifest.len(), "platform": platform }),
            );
            self.documents.insert(format!("/v2/{name}/manifests/{}", sha256(&manifest)), (MANIFEST.into(), manifest));
            self.documents.insert(format!("/v2/{name}/blobs/{}", sha256(&config)), ("config".into(), config));
            let path = format!("/v2/{name}/blobs/{}", sha256(tar));
            self.documents.insert(path.clone(), ("layer".into(), (*tar).clone()));
            self.layers.push(path);
        }
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes();
        if self.lie == Lie::IndexLoop {
            // Indexes within indexes, deeper than anybody needs.
            for _ in 0..8 {
                let path = format!("/v2/{name}/manifests/{}", sha256(&index));
                let entry = json!({ "mediaType": INDEX, "digest": sha256(&index).to_string(), "size": index.len() });
                self.documents.insert(path, (INDEX.into(), index));
                index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string().into_bytes();
            }
        }
        self.documents.insert(format!("/v2/{name}/manifests/latest"), (INDEX.into(), index));
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut first, mut token, mut range) = (String::new(), false, 0usize);
        // A TLS hello is no line of text: the connection just ends.
        if reader.read_line(&mut first).is_err() || !first.starts_with("GET ") {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            token |= lower.trim() == "authorization: bearer secret-token";
            if let Some(from) = lower.strip_prefix("range: bytes=") {
                range = from.trim().trim_end_matches('-').parse().unwrap_or(0);
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        // The client may hang up on a lie.
        self.answer(&mut stream, &path, token, range).ok();
    }

    fn answer(&self, out: &mut TcpStream, path: &str, token: bool, range: usize) -> std::io::Result<()> {
        if path.starts_with("/token?") {
            assert!(path.contains("scope=repository%3Alibrary%2Fapp%3Apull") && path.contains("service=fake"), "{path}");
            return send(out, "200 OK", "", br#"{"token":"secret-token"}"#);
        }
        if self.lie == Lie::WantsToken && !token {
            let header = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"fake\"\r\n", self.host);
            return send(out, "401 Unauthorized", &header, br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#);
        }
        if self.lie == Lie::TokenFromMetadata {
            let header = "WWW-Authenticate: Bearer realm=\"http://169.254.169.254/latest/meta-data\",service=\"fake\"\r\n";
            return send(out, "401 Unauthorized", header, b"");
        }
        let Some((kind, bytes)) = self.documents.get(path) else {
            return send(out, "404 Not Found", "", br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#);
        };
        let is_layer = self.layers.iter().any(|l| l == path);
        let mut changed = bytes.clone();
        match self.lie {
            Lie::OtherLayer if is_layer => changed[600] ^= 1,
            Lie::OtherConfig if kind == "config" => changed.push(b' '),
            Lie::OtherManifest if kind == MANIFEST => changed.push(b' '),
            Lie::NotJson if kind == INDEX => changed = b"<html>".to_vec(),
            Lie::LongLayer if is_layer => changed.extend_from_slice(&[7; 9000]),
            Lie::RedirectToMetadata if is_layer => return send(out, "307 Moved", "Location: http://169.254.169.254/latest\r\n", b""),
            Lie::RedirectLoop if is_layer => return send(out, "302 Found", &format!("Location: {path}\r\n"), b""),
            Lie::EndlessManifest if kind == INDEX => {
                out.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")?;
                loop {
                    out.write_all(&[b' '; 65536])?;
                }
            }
            Lie::BreaksOff | Lie::BreaksOffWithoutRanges if is_layer => return self.break_off(out, bytes, range),
            _ => {}
        }
        send(out, "200 OK", &format!("Content-Type: {kind}\r\n"), &changed)
    }

    /// Ends every other answer in the middle.
    fn break_off(&self, out: &mut TcpStream, bytes: &[u8], range: usize) -> std::io::Result<()> {
        let from = if self.lie == Lie::BreaksOff { range } else { 0 };
        let rest = &bytes[from..];
        let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
        write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", rest.len())?;
        let whole = self.breaks.fetch_add(1, Ordering::Relaxed) >= 2;
        out.write_all(if whole { rest } else { &rest[..BREAK_AT.min(rest.len())] })
    }
}

fn send(out: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len())?;
    out.write_all(body)
}
