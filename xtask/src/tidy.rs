//! What a compiler does not check: sizes of files, first lines, words, and that documents name real files.
use std::path::{Path, PathBuf};

/// A check by its name: answers what is wrong.
pub(crate) type Check = (&'static str, fn() -> Vec<String>);

/// Every check there is.
pub(crate) const CHECKS: &[Check] = &[
    ("law", crate::law::law),
    ("shape", shape),
    ("docs", docs),
    ("words", words),
    ("flows_name_real_files", flows_name_real_files),
    ("no_forgotten_tests", no_forgotten_tests),
];

/// The longest file.
const LINES_MAX: usize = 600;
/// Tests inside a file of code, at most.
const INLINE_TEST_LINES_MAX: usize = 150;
/// What a file may not be called: it says nothing about what is in it.
const NAMES_BANNED: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "internal", "manager"];
/// What no source may say. Split, so that this file does not.
const WORDS_BANNED: &[&str] = &[
    concat!("Other", "(String)"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("to", "do!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the repository as text; empty when there is none.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn files(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root().join(dir)).into_iter().flatten().flatten() {
        let path = dir.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if name != "target" && !name.starts_with('.') {
                files(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(Path::new("crates"), ".rs", &mut found);
    files(Path::new("xtask"), ".rs", &mut found);
    found.sort();
    found
}

fn shape() -> Vec<String> {
    let mut findings = Vec::new();
    for path in sources() {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!("{} has {lines} lines, more than {LINES_MAX}", path.display()));
        }
        if let Some(at) = text.lines().position(|l| l == "mod tests {")
            && path.components().any(|c| c.as_os_str() == "src")
            && lines - at > INLINE_TEST_LINES_MAX
        {
            findings.push(format!("{}: its tests have {} lines and want a file of their own", path.display(), lines - at));
        }
    }
    findings
}

fn docs() -> Vec<String> {
    let mut findings = Vec::new();
    for path in sources() {
        let text = read(&path);
        if !text.starts_with("//!") {
            findings.push(format!("{} does not begin with what it is for", path.display()));
        }
        let is_room = path.ends_with("src/lib.rs");
        for line in ["Purpose:", "Door:", "Knows:", "Must not know:", "If we crash here:"] {
            if is_room && !text.lines().any(|l| l.starts_with("//!") && l.contains(line)) {
                findings.push(format!("{}: the room card lacks {line:?}", path.display()));
            }
        }
    }
    findings
}

fn words() -> Vec<String> {
    let mut findings = Vec::new();
    for path in sources() {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if NAMES_BANNED.contains(&stem.as_str()) {
            findings.push(format!("{}: a name that says nothing", path.display()));
        }
        for (number, line) in read(&path).lines().enumerate() {
            // A test that another test runs as a process of its own is not one that is left out.
            for word in WORDS_BANNED.iter().filter(|w| line.contains(**w) && !line.contains("= \"a child of ")) {
                findings.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    findings
}

/// Every path in backquotes that begins with a directory of ours, and every relative link of the documents.
fn flows_name_real_files() -> Vec<String> {
    let mut documents = Vec::new();
    files(Path::new("docs"), ".md", &mut documents);
    documents.extend(["README.md", "ARCHITECTURE.md", "STYLE.md", "GLOSSARY.md"].map(PathBuf::from));
    let mut findings = Vec::new();
    for document in documents {
        let text = read(&document);
        let here = document.parent().unwrap_or(Path::new("")).to_owned();
        let quoted = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|q| ["crates/", "docs/", "rigs/", "benches/", "images/", "scripts/"].iter().any(|d| q.starts_with(d)));
        let quoted = quoted.filter(|q| !q.contains(['<', '*', '{', ' ']) && !q.contains("HEX")).map(PathBuf::from);
        let links = text.split("](").skip(1).filter_map(|l| l.split(')').next()).filter(|l| !l.contains("://") && !l.starts_with('#'));
        for path in quoted.chain(links.map(|l| here.join(l.split('#').next().unwrap_or(l)))) {
            if !root().join(&path).exists() {
                findings.push(format!("{} names {}, which does not exist", document.display(), path.display()));
            }
        }
    }
    findings
}

/// A file of the end-to-end tests that main.rs does not mention would never run.
fn no_forgotten_tests() -> Vec<String> {
    let dir = Path::new("crates/cli/tests/e2e");
    let main = read(dir.join("main.rs"));
    let mut found = Vec::new();
    files(dir, ".rs", &mut found);
    found
        .iter()
        .map(|f| f.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .filter(|stem| stem != "main" && !main.contains(&format!("mod {stem};")))
        .map(|stem| format!("{stem}.rs is not part of the test binary"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::CHECKS;

    fn assert_tidy(name: &str) {
        let (_, check) = CHECKS.iter().find(|(n, _)| *n == name).unwrap();
        let findings = check();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn the_import_law_holds() {
        assert_tidy("law");
    }

    #[test]
    fn files_are_short() {
        assert_tidy("shape");
    }

    #[test]
    fn files_say_what_they_are_for() {
        assert_tidy("docs");
    }

    #[test]
    fn words_are_clean() {
        assert_tidy("words");
    }

    #[test]
    fn flows_name_real_files() {
        assert_tidy("flows_name_real_files");
    }

    #[test]
    fn no_test_is_forgotten() {
        assert_tidy("no_forgotten_tests");
    }
}
