//! A name in two parameters: `fromImage=redis&tag=7`, `repo=x&tag=1`.

use stead_base::Digest;
use stead_engine::Failure;
use stead_engine::image::Reference;

/// Joins a repository and a tag, which may be a digest and which replaces the repository's own.
///
/// # Errors
/// Docker's words for names and tags that are none.
pub(super) fn joined(repository: &str, tag: &str) -> Result<Reference, Failure> {
    let name = Reference::parse(repository).map_err(|e| Failure::invalid(e.to_string()))?;
    if tag.is_empty() {
        return Ok(name);
    }
    if let Ok(digest) = Digest::parse(tag) {
        return Ok(name.at_digest(digest));
    }
    name.with_tag(tag).ok_or_else(|| Failure::invalid("invalid tag format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_be_a_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text = |repository: &str, tag: &str| joined(repository, tag).map(|r| r.familiar());
        assert_eq!(text("redis", ""), Ok("redis".to_owned()));
        assert_eq!(text("redis:6", "7"), Ok("redis:7".to_owned()));
        assert_eq!(text("redis", &digest), Ok(format!("redis@{digest}")));
        assert_eq!(text("redis", "a b").unwrap_err().message, "invalid tag format");
        assert_eq!(text("Redis", "7").unwrap_err().kind, stead_base::Kind::Invalid);
    }
}
