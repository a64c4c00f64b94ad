//! Reading from a repository: manifests, blobs, tags. Everything is limited, and checked against its digest.

use std::io::Read;

use stead_base::Digest;
use ureq::http::{Method, StatusCode};

use super::address::Url;
use super::client::{Client, Request, limited};
use super::{Error, Result};
use crate::blob::BLOB_MAX;
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// Tags of one repository at most.
const TAGS_MAX: usize = 10_000;

/// A document and what its type is said to be.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

impl Client<'_> {
    /// Fetches a manifest or index by tag or digest, whole, and checks its digest.
    pub(crate) fn manifest(&self, tag_or_digest: &str) -> Result<Fetched> {
        let accept = format!("{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}");
        let url = format!("{}/v2/{}/manifests/{tag_or_digest}", self.base, self.path());
        let mut answer = self.send(&Request::new(Method::GET, &url).header("Accept", accept))?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let media_type = header("content-type").and_then(|t| t.split(';').next().map(|t| t.trim().to_owned())).unwrap_or_default();
        let said = header("docker-content-digest");
        let bytes = limited(&mut answer, BLOB_MAX, &url)?;
        let digest = crate::images::digest(&bytes);
        let wanted = Digest::parse(tag_or_digest).ok();
        if wanted.is_some_and(|wanted| wanted != digest) || said.is_some_and(|said| said != digest.as_str()) {
            return Err(Error::ManifestDigest(tag_or_digest.to_owned()));
        }
        Ok(Fetched { bytes, media_type, digest })
    }

    /// Fetches a small blob whole and checks size and digest.
    pub(crate) fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>> {
        let url = self.blob_url(digest);
        if size > BLOB_MAX {
            return Err(Error::Protocol { url, why: "the config is too large" });
        }
        let mut answer = self.send(&Request::new(Method::GET, &url))?;
        let bytes = limited(&mut answer, size, &url)?;
        if bytes.len() as u64 != size || crate::images::digest(&bytes) != *digest {
            return Err(Error::LayerDigest(digest.to_string()));
        }
        Ok(bytes)
    }

    /// Opens a blob from `at`; answers the body and whether it begins there (a registry may ignore ranges).
    pub(crate) fn open_blob(&self, digest: &Digest, at: u64) -> Result<(Box<dyn Read + Send>, bool)> {
        let url = self.blob_url(digest);
        let mut request = Request::new(Method::GET, &url);
        if at > 0 {
            request = request.header("Range", format!("bytes={at}-"));
        }
        let answer = self.send(&request)?;
        let partial = answer.status() == StatusCode::PARTIAL_CONTENT;
        let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
        Ok((Box::new(body), partial))
    }

    /// The tags of the repository.
    pub(crate) fn tags(&self) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Tags {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let first = Url::parse(&format!("{}/v2/{}/tags/list", self.base, self.path()));
        let mut next = first;
        let mut tags: Vec<String> = Vec::new();
        while let Some(page) = next {
            let url = page.text();
            let mut answer = self.send(&Request::new(Method::GET, &url))?;
            let link = answer.headers().get("link").and_then(|v| v.to_str().ok()).and_then(following);
            let bytes = limited(&mut answer, BLOB_MAX, &url)?;
            let list: Tags =
                serde_json::from_slice(&bytes).map_err(|_bad| Error::Protocol { url: url.clone(), why: "not a list of tags" })?;
            let before = tags.len();
            tags.extend(list.tags.unwrap_or_default());
            if tags.len() > TAGS_MAX {
                return Err(Error::Protocol { url, why: "too many tags" });
            }
            // A registry that sends us round in a circle has nothing new to say. Only its own pages are read.
            next = link.and_then(|to| page.join(&to)).filter(|to| tags.len() > before && to.host == page.host && to.scheme == page.scheme);
        }
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    pub(super) fn blob_url(&self, digest: &Digest) -> String {
        format!("{}/v2/{}/blobs/{digest}", self.base, self.path())
    }
}

/// The address of the next page: `</v2/x/tags/list?last=b&n=100>; rel="next"`.
fn following(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| address.to_owned())
}
