//! A blob as a stream that mends itself: after a broken connection it goes on where it stopped, and at its end the digest must be right.

use std::io::{self, Read};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stead_base::Digest;

use super::Client;

/// Broken connections of one blob at most.
const BREAKS_MAX: u32 = 5;

/// A layer being downloaded. Gives exactly the announced number of bytes, or an error.
pub(crate) struct Blob<'a> {
    client: &'a Client<'a>,
    digest: &'a Digest,
    size: u64,
    at: u64,
    breaks: u32,
    hash: Sha256,
    body: Option<Box<dyn Read + Send>>,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl<'a> Blob<'a> {
    /// `progress` is told how many bytes have come.
    pub(crate) fn new(client: &'a Client<'a>, digest: &'a Digest, size: u64, progress: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self { client, digest, size, at: 0, breaks: 0, hash: Sha256::new(), body: None, progress }
    }

    fn some(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let (mut body, partial) = self.client.open_blob(self.digest, self.at).map_err(io::Error::other)?;
                if self.at > 0 && !partial {
                    // The registry ignores ranges: what we have comes again.
                    let skipped = io::copy(&mut (&mut body).take(self.at), &mut io::sink())?;
                    if skipped < self.at {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                self.body.insert(body)
            }
        };
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let want = buf.len().min(left);
        match body.read(&mut buf[..want])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        }
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.at == self.size {
            let found = Digest::from_bytes(&self.hash.clone().finalize().into());
            if found != *self.digest {
                let text = super::Error::LayerDigest(self.digest.to_string());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            return Ok(0);
        }
        loop {
            match self.some(buf) {
                Ok(n) => {
                    self.hash.update(&buf[..n]);
                    self.at += n as u64;
                    (self.progress)(self.at);
                    return Ok(n);
                }
                Err(error) if self.breaks < BREAKS_MAX => {
                    // `open_blob` has tried several times itself; what it refuses for good stays refused.
                    if error.get_ref().is_some_and(|e| e.downcast_ref::<super::Error>().is_some_and(|e| !e.passing())) {
                        return Err(error);
                    }
                    self.breaks += 1;
                    self.body = None;
                    std::thread::sleep(Duration::from_millis(200 << self.breaks));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
