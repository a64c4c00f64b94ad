//! Manifests and indexes: Docker's schema 2 and list, OCI's manifest and index. Everything in them is somebody else's word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stead_base::Digest;

use crate::{Error, Platform, Result};

pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
pub(crate) const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Layers of one image at most: overlayfs stacks 500, Docker allows 127.
pub(crate) const LAYERS_MAX: usize = 500;
/// Entries of one index at most.
const INDEX_MAX: usize = 1000;
/// Indexes within indexes at most.
pub(crate) const DEPTH_MAX: u32 = 3;

/// A pointer to content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// Several images, one a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
}

/// Either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Index),
}

impl Document {
    /// Reads a manifest or an index; `content_type` is what the registry calls it, which must not contradict the document itself.
    pub(crate) fn parse(bytes: &[u8], content_type: &str) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            #[serde(default)]
            schema_version: u32,
            #[serde(default)]
            media_type: String,
            manifests: Option<serde_json::Value>,
            layers: Option<serde_json::Value>,
        }
        let shape: Shape = serde_json::from_slice(bytes).map_err(bad)?;
        if shape.schema_version == 1 {
            return Err(Error::Manifest("Docker Image Format v1 and schema version 1 are no longer supported".to_owned()));
        }
        // A document that is both has been used to show one image to a scanner and another to an engine.
        let is_index = match (&shape.manifests, &shape.layers) {
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => return Err(Error::Manifest("neither a manifest nor an index".to_owned())),
        };
        for said in [shape.media_type.as_str(), content_type] {
            let contradicts = match said {
                DOCKER_LIST | OCI_INDEX => !is_index,
                DOCKER_MANIFEST | OCI_MANIFEST => is_index,
                _ => false,
            };
            if contradicts {
                return Err(Error::Manifest(format!("the document is not a {said}")));
            }
        }
        if is_index {
            let index: Index = serde_json::from_slice(bytes).map_err(bad)?;
            if index.manifests.len() > INDEX_MAX {
                return Err(Error::Manifest("too many manifests".to_owned()));
            }
            Ok(Self::Index(index))
        } else {
            let manifest: Manifest = serde_json::from_slice(bytes).map_err(bad)?;
            manifest.check()?;
            Ok(Self::Manifest(manifest))
        }
    }
}

impl Manifest {
    fn check(&self) -> Result<()> {
        if self.layers.len() > LAYERS_MAX {
            return Err(Error::Manifest("too many layers".to_owned()));
        }
        if ![OCI_CONFIG, DOCKER_CONFIG, "", "application/octet-stream"].contains(&self.config.media_type.as_str()) {
            return Err(Error::Manifest(format!("unsupported media type {}", self.config.media_type)));
        }
        for layer in &self.layers {
            // Content from addresses that the manifest names is never fetched: it has been used to reach inside of networks.
            if !layer.urls.is_empty() || layer.media_type.contains("nondistributable") || layer.media_type.contains("foreign") {
                return Err(Error::Manifest("foreign layers are not supported".to_owned()));
            }
            let plain = layer.media_type.split('+').next().unwrap_or_default();
            let known = [OCI_LAYER, ""].contains(&plain)
                || layer.media_type.strip_prefix(DOCKER_LAYER).is_some_and(|rest| ["", ".gzip", ".zstd"].contains(&rest));
            if !known || layer.media_type.ends_with("+encrypted") {
                return Err(Error::Manifest(format!("unsupported media type {}", layer.media_type)));
            }
        }
        Ok(())
    }
}

impl Descriptor {
    /// Whether the content is compressed with gzip, as the manifest says.
    pub(crate) fn is_gzip(&self) -> bool {
        self.media_type == DOCKER_LAYER_GZIP || self.media_type.strip_prefix(OCI_LAYER) == Some("+gzip")
    }
}

impl Index {
    /// The entry that suits the platform best.
    ///
    /// # Errors
    /// `no matching manifest for linux/x in the manifest list entries`.
    pub(crate) fn choose(&self, wanted: &Platform) -> Result<&Descriptor> {
        let usable = |d: &&Descriptor| matches!(d.media_type.as_str(), "" | DOCKER_MANIFEST | OCI_MANIFEST | DOCKER_LIST | OCI_INDEX);
        let fit = |d: &Descriptor| match &d.platform {
            Some(platform) => platform.distance(wanted),
            // An index of one entry needs no platform.
            None => (self.manifests.len() == 1).then_some(100),
        };
        let best = self.manifests.iter().filter(usable).filter_map(|d| fit(d).map(|distance| (distance, d)));
        best.min_by_key(|(distance, _)| *distance)
            .map(|(_, d)| d)
            .ok_or_else(|| crate::registry::Error::NoPlatform(wanted.to_string()).into())
    }
}

fn bad(error: impl std::fmt::Display) -> Error {
    Error::Manifest(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(kind: &str, platform: Option<&str>) -> String {
        let platform = platform.map_or(String::new(), |p| {
            let (os, arch) = p.split_once('/').unwrap();
            format!(r#","platform":{{"os":"{os}","architecture":"{arch}"}}"#)
        });
        format!(r#"{{"mediaType":"{kind}","digest":"sha256:{}","size":5{platform}}}"#, "a".repeat(64))
    }

    #[test]
    fn the_platform_decides() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{},{},{}]}}"#,
            descriptor(OCI_MANIFEST, Some("unknown/unknown")),
            descriptor(OCI_MANIFEST, Some("linux/arm64")),
            descriptor(DOCKER_MANIFEST, Some("linux/amd64"))
        );
        let Document::Index(index) = Document::parse(text.as_bytes(), OCI_INDEX).unwrap() else { panic!("an index") };
        let pick = |p: &str| index.choose(&Platform::parse(p).unwrap());
        assert_eq!(pick("linux/amd64").unwrap().media_type, DOCKER_MANIFEST);
        assert_eq!(pick("linux/s390x").unwrap_err().to_string(), "no matching manifest for linux/s390x in the manifest list entries");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let config = descriptor(OCI_CONFIG, None);
        let layer = descriptor(OCI_LAYER, None);
        let ok = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
        assert!(Document::parse(ok.as_bytes(), OCI_MANIFEST).is_ok());
        assert!(Document::parse(ok.as_bytes(), DOCKER_LIST).is_err());
        for (what, text) in [
            ("both", format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#)),
            ("neither", r#"{"schemaVersion":2}"#.to_owned()),
            ("schema 1", r#"{"schemaVersion":1,"layers":[]}"#.to_owned()),
            ("foreign", ok.replace(OCI_LAYER, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")),
            ("artifact", ok.replace(OCI_CONFIG, "application/vnd.cncf.helm.config.v1+json")),
            ("digest as path", ok.replace(&"a".repeat(64), "../../../etc/passwd")),
            ("negative size", ok.replace("\"size\":5", "\"size\":-5")),
        ] {
            assert!(Document::parse(text.as_bytes(), "").is_err(), "{what}");
        }
    }
}
