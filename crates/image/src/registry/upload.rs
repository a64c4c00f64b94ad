//! Writing to a repository: looking whether a blob is there, borrowing it from another repository, sending it, and the manifest at last.

use std::fs::File;

use stead_base::Digest;
use ureq::http::{Method, StatusCode};

use super::address::{self, Url};
use super::client::{Client, Content, Request};
use super::{Error, Result};

/// Broken uploads of one blob at most.
const BREAKS_MAX: u32 = 5;

impl Client<'_> {
    /// Whether anybody speaks the protocol here; a refusal is an answer too.
    pub(crate) fn ping(&self) -> Result<()> {
        let url = format!("{}/v2/", self.base);
        // Without credentials: those are for what comes next, which may refuse them with better words.
        match self.exchange(&Request::new(Method::GET, &url)) {
            Err(error @ Error::Transport { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the repository has the blob. A refusal counts as no: sending it will say why.
    pub(crate) fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let url = self.blob_url(digest);
        match self.send(&Request::new(Method::HEAD, &url)) {
            Ok(answer) => Ok(answer.status() == StatusCode::OK),
            Err(error @ Error::Transport { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Asks the registry to take the blob from another of its repositories; `false` when it has to be sent.
    pub(crate) fn mount_blob(&self, digest: &Digest, from: &str) -> Result<bool> {
        let url = format!("{}/v2/{}/blobs/uploads/?mount={digest}&from={from}", self.base, self.path());
        match self.send(&Request::new(Method::POST, &url).body(Content::Bytes(&[]))) {
            Ok(answer) if answer.status() == StatusCode::CREATED => Ok(true),
            Err(error @ Error::Transport { .. }) => Err(error),
            _ => Ok(false),
        }
    }

    /// Sends a blob that is a file; begins anew when the connection breaks.
    pub(crate) fn upload_file(&self, digest: &Digest, file: &File, length: u64, progress: &(dyn Fn(u64) + Sync)) -> Result<()> {
        self.upload(digest, || Content::File { file, length, progress })
    }

    /// Sends a small blob.
    pub(crate) fn upload_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        self.upload(digest, || Content::Bytes(bytes))
    }

    fn upload<'r>(&self, digest: &Digest, content: impl Fn() -> Content<'r>) -> Result<()> {
        let mut breaks = 0;
        loop {
            match self.upload_once(digest, content()) {
                Err(error) if error.passing() && breaks < BREAKS_MAX => {
                    breaks += 1;
                    std::thread::sleep(std::time::Duration::from_millis(200 << breaks));
                }
                other => return other,
            }
        }
    }

    fn upload_once(&self, digest: &Digest, content: Content<'_>) -> Result<()> {
        let start = format!("{}/v2/{}/blobs/uploads/", self.base, self.path());
        let bad = |why: &'static str| Error::Protocol { url: start.clone(), why };
        let answer = self.send(&Request::new(Method::POST, &start).body(Content::Bytes(&[])))?;
        let location = answer.headers().get("location").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let from = Url::parse(&start).ok_or_else(|| bad("not an address"))?;
        let to = location.and_then(|to| from.join(&to)).ok_or_else(|| bad("the registry names no place for an upload"))?;
        address::check(&from, &to, self.is_insecure(&to.host))?;
        let glue = if to.path.contains('?') { '&' } else { '?' };
        let url = format!("{}{glue}digest={digest}", to.text());
        let request = Request::new(Method::PUT, &url).header("Content-Type", "application/octet-stream").body(content);
        self.send(&request).map(drop)
    }

    /// Puts the manifest under a tag.
    pub(crate) fn put_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        let url = format!("{}/v2/{}/manifests/{tag}", self.base, self.path());
        self.send(&Request::new(Method::PUT, &url).header("Content-Type", media_type).body(Content::Bytes(bytes))).map(drop)
    }
}
