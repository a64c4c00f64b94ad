//! `import http://…`: the tar comes from a web server.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::ImportOptions;
use crate::progress::{Event, say};
use crate::{Error, Images, Progress, Result};

/// Silence after which a connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Progress is told when this much more has come.
const TOLD_EVERY: u64 = 256 * 1024;

impl Images {
    /// As [`Images::import`], of what an address gives; `http://` where it has no scheme.
    ///
    /// # Errors
    /// Another scheme, the way to the server, what the server says; those of [`Images::import`].
    pub fn import_from(&self, address: &str, options: &ImportOptions, progress: &dyn Progress) -> Result<String> {
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        if !address.starts_with("http://") && !address.starts_with("https://") {
            return Err(Error::Address(format!("unsupported protocol scheme in {address:?}")));
        }
        say(progress, "", &format!("Downloading from {address}"));
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(5)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(SILENCE_MAX))
            .user_agent(concat!("stead/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("")
            .tls_config(tls)
            .build()
            .into();
        let answer = agent.get(&address).call().map_err(|e| Error::Address(format!("Get {address:?}: {e}")))?;
        let status = answer.status();
        if !status.is_success() {
            let words = status.canonical_reason().unwrap_or_default();
            return Err(Error::Address(format!("Got HTTP status code >= 400: {} {words}", status.as_u16())));
        }
        let body = answer.into_body();
        let total = body.content_length().unwrap_or(0);
        let mut told = Told { from: body.into_with_config().limit(u64::MAX).reader(), done: 0, last: 0, total, progress };
        let options = ImportOptions { source: address, ..options.clone() };
        self.import(&mut told, &options)
    }
}

/// Tells how far it was read.
struct Told<'a, R> {
    from: R,
    done: u64,
    last: u64,
    total: u64,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_cancelled() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, Error::Cancelled.to_string()));
        }
        let n = self.from.read(buf)?;
        self.done += n as u64;
        if self.total > 0 && self.done - self.last >= TOLD_EVERY {
            self.last = self.done;
            self.progress.event(&Event { id: "", status: "Importing", current: self.done, total: self.total });
        }
        Ok(n)
    }
}
