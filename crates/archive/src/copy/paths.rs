//! Path arithmetic as `docker cp` does it: lexical, and a trailing `/` or `/.` means something.

/// Shortens a path lexically: no empty and no `.` components, `..` undone; what Go's `filepath.Clean` gives.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !rooted => parts.push(".."),
                _ => {
                    parts.pop();
                }
            },
            name => parts.push(name),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// The last component; `.` of an empty path, `/` of the root.
pub fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/".to_owned();
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
}

/// Everything before the last component, cleaned.
pub fn parent(path: &str) -> String {
    match path.rfind('/') {
        Some(at) => clean(&path[..=at]),
        None => ".".to_owned(),
    }
}

/// Two paths, one below the other unless the second is absolute.
pub fn join(dir: &str, path: &str) -> String {
    clean(&format!("{dir}/{path}"))
}

/// Whether the path ends in `/`.
pub fn ends_in_separator(path: &str) -> bool {
    path.ends_with('/')
}

/// Whether the last component is `.`: the content of a directory rather than the directory.
pub fn names_content(path: &str) -> bool {
    base(path) == "."
}

/// Whether the path can only be a directory.
pub fn asserts_directory(path: &str) -> bool {
    ends_in_separator(path) || names_content(path)
}

/// Gives a cleaned path back the trailing `/.` or `/` that cleaning took from `original`.
pub fn preserve_trailing(cleaned: &str, original: &str) -> String {
    let mut kept = cleaned.to_owned();
    if !names_content(&kept) && names_content(original) && !original.is_empty() {
        if !ends_in_separator(&kept) {
            kept.push('/');
        }
        kept.push('.');
    }
    if !ends_in_separator(&kept) && ends_in_separator(original) {
        kept.push('/');
    }
    kept
}

/// Directory and entry: `/a/b/` gives `/a` and `b`; `/a/b/.` gives `/a/b` and `.`.
pub fn split_entry(path: &str) -> (String, String) {
    let cleaned = clean(path);
    if names_content(path) {
        return (cleaned, ".".to_owned());
    }
    (parent(&cleaned), base(&cleaned))
}

/// After a symlink was followed from `path` to `resolved`: the target with the ending the user wrote, and the name the user knows it by
/// where that differs.
pub fn rebase_name(path: &str, resolved: &str) -> (String, Option<String>) {
    let mut target = resolved.to_owned();
    if names_content(path) && !names_content(&target) {
        target.push_str("/.");
    }
    if ends_in_separator(path) && !ends_in_separator(&target) {
        target.push('/');
    }
    let name = base(path);
    let renamed = (name != base(&target)).then_some(name);
    (target, renamed)
}

#[cfg(test)]
mod tests {
    use super::{asserts_directory, base, clean, parent, preserve_trailing, rebase_name, split_entry};

    #[test]
    fn clean_is_gos_clean() {
        for (path, cleaned) in [
            ("", "."),
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("a/./b/..", "a"),
            ("../x", "../x"),
            ("a/../../x", "../x"),
            ("/../x", "/x"),
            ("./", "."),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn base_and_parent() {
        assert_eq!(base("/a/b/"), "b");
        assert_eq!(base("/"), "/");
        assert_eq!(base("/a/."), ".");
        assert_eq!(parent("/a/b"), "/a");
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("a"), ".");
    }

    #[test]
    fn endings_survive() {
        assert_eq!(preserve_trailing("/a", "a/"), "/a/");
        assert_eq!(preserve_trailing("/a", "a/."), "/a/.");
        assert_eq!(preserve_trailing("/", "/"), "/");
        assert_eq!(preserve_trailing("/", "/."), "/.");
        assert!(asserts_directory("/a/.") && asserts_directory("/a/") && !asserts_directory("/a"));
    }

    #[test]
    fn entries_split() {
        assert_eq!(split_entry("/a/b/"), ("/a".into(), "b".into()));
        assert_eq!(split_entry("/a/b/."), ("/a/b".into(), ".".into()));
        assert_eq!(split_entry("/"), ("/".into(), "/".into()));
        assert_eq!(split_entry("x"), (".".into(), "x".into()));
    }

    #[test]
    fn followed_links_keep_the_users_name() {
        assert_eq!(rebase_name("/l", "/target"), ("/target".into(), Some("l".into())));
        assert_eq!(rebase_name("/d/x", "/e/x"), ("/e/x".into(), None));
        assert_eq!(rebase_name("/l/", "/target"), ("/target/".into(), Some("l".into())));
        assert_eq!(rebase_name("/l/.", "/target"), ("/target/.".into(), None));
    }
}
