//! `config.json`: what the administrator has set for a root. One JSON object, written whole in one step; what its keys mean is told elsewhere.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde_json::Value;
use stead_base::layout::{Root, RunRoot};
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::{Error, Result};

/// Reads the file; one that is not there sets nothing.
///
/// # Errors
/// [`Error::Config`] when it is no JSON object; it can not be read.
pub fn read(root: &Root) -> Result<BTreeMap<String, Value>> {
    let path = root.config();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(stead_sys::Error::new("read", &path, e).into()),
    };
    serde_json::from_slice(&bytes).map_err(|e| Error::Config { path, reason: e.to_string() })
}

/// Changes the file durably; two who do it at once take turns, so that neither loses what the other set.
///
/// # Errors
/// As [`read`]; the file can not be written. It is then as it was.
pub fn change(root: &Root, run_root: &RunRoot, f: impl FnOnce(&mut BTreeMap<String, Value>)) -> Result<()> {
    let _turn = Lock::exclusive(&lock_path(run_root)?)?;
    let mut config = read(root)?;
    f(&mut config);
    let encode = |source| Error::Encode { kind: "config", id: String::new(), source };
    let mut bytes = serde_json::to_vec_pretty(&config).map_err(encode)?;
    bytes.push(b'\n');
    Ok(durable::replace_file(&root.config(), &bytes, 0o600)?)
}

fn lock_path(run_root: &RunRoot) -> Result<PathBuf> {
    let locks = run_root.locks();
    if !locks.is_dir() {
        durable::create_dir_all(&locks, 0o711)?;
    }
    Ok(locks.join("config"))
}
