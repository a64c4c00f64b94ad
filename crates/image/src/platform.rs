//! Platforms: `os/architecture[/variant]`, and which of several manifests suits this machine.

use serde::{Deserialize, Serialize};

/// An operating system and a processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`.
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm64`, `arm`, … in Go's words.
    #[serde(default)]
    pub architecture: String,
    /// `v8`, `v7`, … or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Characters that cannot be, or too many parts.
    #[error("{0:?} is an invalid {1} of {2:?}: platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument")]
    Component(String, &'static str, String),
    /// One word that is neither system nor processor.
    #[error("{0:?}: unknown operating system or architecture: invalid argument")]
    Unknown(String),
}

/// Operating systems Go knows, which one word may name.
const SYSTEMS: [&str; 8] = ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "android"];
/// Processors Go knows.
const PROCESSORS: [&str; 14] =
    ["386", "amd64", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips64le", "mips64", "riscv64", "s390x", "wasm"];

impl Platform {
    /// This machine.
    #[must_use]
    pub fn host() -> Self {
        let (architecture, variant) = normal(std::env::consts::ARCH, "");
        Self { os: "linux".to_owned(), architecture, variant }
    }

    /// Reads `linux/arm64/v8`, `linux/amd64`, `linux` or `arm64`; what is missing is this machine's.
    ///
    /// # Errors
    /// Text with other characters than `A-Za-z0-9_.-` between the slashes, or too many of them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |p: &&str| p.is_empty() || !p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if let Some(bad) = parts.iter().find(|p| word(p)) {
            return Err(Error::Component((*bad).to_owned(), "component", text.to_owned()));
        }
        let host = Self::host();
        let (os, architecture, variant) = match parts.as_slice() {
            [one] if SYSTEMS.contains(&one.to_ascii_lowercase().as_str()) => (one.to_ascii_lowercase(), host.architecture, host.variant),
            [one] => {
                let (architecture, variant) = normal(one, "");
                if !PROCESSORS.contains(&architecture.as_str()) {
                    return Err(Error::Unknown(text.to_owned()));
                }
                (host.os, architecture, variant)
            }
            [os, architecture] => {
                let (architecture, variant) = normal(architecture, "");
                (os.to_ascii_lowercase(), architecture, variant)
            }
            [os, architecture, variant] => {
                let (architecture, variant) = normal(architecture, variant);
                (os.to_ascii_lowercase(), architecture, variant)
            }
            _ => return Err(Error::Component(text.to_owned(), "platform", text.to_owned())),
        };
        Ok(Self { os, architecture, variant })
    }

    /// How well an image for `self` runs where `wanted` is wanted: smaller is better, `None` not at all.
    /// A 32-bit ARM machine runs images of older variants (containerd `platforms.Only`).
    #[must_use]
    pub fn distance(&self, wanted: &Self) -> Option<u32> {
        let (have_arch, have_variant) = normal(&self.architecture, &self.variant);
        let (want_arch, want_variant) = normal(&wanted.architecture, &wanted.variant);
        if self.os.to_ascii_lowercase() != wanted.os || have_arch != want_arch {
            return None;
        }
        if have_variant == want_variant {
            return Some(0);
        }
        match (version(&have_variant), version(&want_variant)) {
            (Some(have), Some(want)) if want_arch == "arm" && have < want => Some(want - have),
            (None, _) if have_variant.is_empty() => Some(50),
            _ => None,
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

fn version(variant: &str) -> Option<u32> {
    variant.strip_prefix('v')?.parse().ok()
}

/// Go's names for the names other tools use; `arm64/v8`, `arm/v7` and `amd64/v1` are the defaults of their architectures.
fn normal(architecture: &str, variant: &str) -> (String, String) {
    let variant = variant.to_ascii_lowercase();
    let (architecture, variant) = match (architecture.to_ascii_lowercase().as_str(), variant.as_str()) {
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v),
        ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
        ("aarch64" | "arm64", v) => ("arm64", v),
        ("i386" | "x86" | "386", _) => ("386", ""),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7" | "v7") => ("arm", "v7"),
        ("powerpc64" | "ppc64", v) => (if cfg!(target_endian = "little") { "ppc64le" } else { "ppc64" }, v),
        (other, v) => return (other.to_owned(), v.to_owned()),
    };
    (architecture.to_owned(), variant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_gos_words() {
        for (text, want) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("Linux/ARM", "linux/arm/v7"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(Platform::parse(text).unwrap().to_string(), want);
        }
        assert_eq!(
            Platform::parse("foobar").unwrap_err().to_string(),
            "\"foobar\": unknown operating system or architecture: invalid argument"
        );
        for bad in ["", "a/b/c/d", "linux/", "a b", "linux/am d64", "foobar"] {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nearest_manifest_wins() {
        let p = |t: &str| Platform::parse(t).unwrap();
        assert_eq!(p("linux/arm64/v8").distance(&p("linux/arm64")), Some(0));
        assert_eq!(p("linux/arm/v6").distance(&p("linux/arm/v7")), Some(1));
        assert_eq!(p("linux/arm/v7").distance(&p("linux/arm/v6")), None);
        assert_eq!(p("windows/amd64").distance(&p("linux/amd64")), None);
        assert_eq!(p("linux/amd64/v3").distance(&p("linux/amd64")), None);
    }
}
