//! Docker's `config.json` as `login` and `logout` change it: one entry, everything else as it was, durable, readable by its owner only.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};

use super::access::{Access, Login, key_of};
use super::keychain;
use crate::{Error, Result, registry};

/// Longest configuration file that is read.
const CONFIG_MAX: u64 = 16 << 20;

/// Keeps a login: with the credential helper where one is configured, else in the file. Whether it went into the file.
///
/// # Errors
/// A file that is no JSON object (it is left alone), the helper's, the disk's.
pub fn store(path: &Path, access: &Access, host: &str, login: &Login) -> Result<bool> {
    let key = key_of(host);
    if let Some(name) = access.helper(host) {
        keychain::store(name, &key, login)?;
        change(path, |auths| auths.insert(key.clone(), json!({})))?;
        return Ok(false);
    }
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", login.user, login.password));
    let mut entry = json!({ "auth": pair });
    if !login.token.is_empty() {
        entry =
            json!({ "auth": base64::engine::general_purpose::STANDARD.encode(format!("{}:", login.user)), "identitytoken": login.token });
    }
    change(path, |auths| auths.insert(key, entry))?;
    Ok(true)
}

/// Forgets the login of a host.
///
/// # Errors
/// As [`store`].
pub fn erase(path: &Path, access: &Access, host: &str) -> Result<()> {
    let key = key_of(host);
    if let Some(name) = access.helper(host) {
        keychain::erase(name, &key)?;
    }
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let host = registry::host_of(host);
    // Old files have the same host under several spellings.
    change(path, |auths| auths.retain(|key, _| registry::host_of(key) != host))
}

/// Changes the `auths` of the file, with nobody else doing it meanwhile.
fn change<T>(path: &Path, act: impl FnOnce(&mut Map<String, Value>) -> T) -> Result<()> {
    let damaged = |why: String| Error::Damaged { path: path.to_path_buf(), why };
    // A link to where the file really lies stays one.
    let target: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_absent| path.to_path_buf());
    let dir = target.parent().ok_or_else(|| damaged("it has no directory".to_owned()))?;
    stead_sys::durable::create_dir_all(dir, 0o700)?;
    let lock = File::open(dir).map_err(|e| stead_sys::Error::new("open", dir, e))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| stead_sys::Error::new("flock", dir, e))?;
    let mut config = match File::open(&target) {
        Ok(file) => {
            let mut text = Vec::new();
            file.take(CONFIG_MAX).read_to_end(&mut text).map_err(|e| stead_sys::Error::new("read", &target, e))?;
            if text.iter().all(u8::is_ascii_whitespace) {
                json!({})
            } else {
                serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => json!({}),
        Err(e) => return Err(stead_sys::Error::new("open", &target, e).into()),
    };
    let whole = config.as_object_mut().ok_or_else(|| damaged("not a JSON object".to_owned()))?;
    let auths = whole.entry("auths").or_insert_with(|| json!({}));
    if auths.is_null() {
        *auths = json!({});
    }
    act(auths.as_object_mut().ok_or_else(|| damaged("auths is not a JSON object".to_owned()))?);
    let text = serde_json::to_string_pretty(&config).map_err(|e| damaged(e.to_string()))?;
    // The file of whoever it belongs to, also when root writes for them.
    stead_sys::durable::replace_kept(&target, text.as_bytes(), 0o600)?;
    drop(lock);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn one_entry_changes_and_nothing_else() {
        let dir = PathBuf::from(format!("/var/tmp/stead-credentials-{}", std::process::id()));
        let path = dir.join("deep/config.json");
        let access = Access::default();
        let login = Login { user: "u".into(), password: "p:w".into(), ..Login::default() };
        assert!(store(&path, &access, "reg:5000", &login).unwrap());
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let again = Access::parse(None, Some(&std::fs::read(&path).unwrap())).unwrap();
        assert_eq!(again.login("reg:5000").unwrap().unwrap(), login);
        let text = r#"{"psFormat":"x","auths":{"https://reg:5000/v2/":{"auth":"YTpi"},"other":{}},"credsStore":""}"#;
        stead_sys::durable::replace_file(&path, text.as_bytes(), 0o644).unwrap();
        std::os::unix::fs::chown(&path, Some(1234), Some(5678)).unwrap();
        erase(&path, &access, "reg:5000").unwrap();
        let now = path.metadata().unwrap();
        assert_eq!((now.uid(), now.gid(), now.mode() & 0o777), (1234, 5678, 0o644), "it stays whose it was");
        let left: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(left, json!({"psFormat": "x", "auths": {"other": {}}, "credsStore": ""}));
        store(&path, &access, "docker.io", &login).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("https://index.docker.io/v1/"));
        stead_sys::durable::replace_file(&path, b"[1]", 0o600).unwrap();
        assert!(store(&path, &access, "x", &login).is_err(), "a file of another shape is left alone");
        assert_eq!(std::fs::read(&path).unwrap(), b"[1]");
        let parent = File::open("/var/tmp").unwrap();
        stead_sys::tree::remove_tree(&parent, dir.file_name().unwrap()).unwrap();
    }
}
