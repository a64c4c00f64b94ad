//! Every input that fuzzing has kept goes through its target again. `fuzz/run` looks for new ones.
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "the targets set their scene with plain files"))]

#[cfg(test)]
#[path = "../../../fuzz/targets/mod.rs"]
mod targets;

#[cfg(test)]
mod tests {
    use super::targets;
    use std::path::Path;

    #[test]
    fn every_kept_input_is_survived() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        for (name, target) in targets::ALL {
            let mut inputs: Vec<_> = std::fs::read_dir(corpora.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
            inputs.sort();
            assert!(!inputs.is_empty(), "no corpus of {name}");
            for input in inputs {
                let data = std::fs::read(&input).unwrap();
                let outcome = std::panic::catch_unwind(|| target(&data));
                assert!(outcome.is_ok(), "{} panics", input.display());
            }
        }
        let heard = targets::answer(b"GET /v1.41/volumes HTTP/1.1\r\nHost: d\r\n\r\n");
        assert!(heard.starts_with(b"HTTP/1.1 200 OK\r\n") && heard.ends_with(b"}\n"), "{}", String::from_utf8_lossy(&heard));
        targets::clean();
    }
}
