//! The store against many processes, bad rows, full and foreign files, and kills.

use super::*;
use serde::Deserialize;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use stead_base::Kind;
use stead_base::layout::Root;

#[derive(Debug, Serialize, Deserialize, PartialEq, Clone)]
struct Thing {
    id: String,
    name: Option<String>,
    uses: Vec<String>,
    #[serde(default)]
    count: u64,
}

impl Record for Thing {
    const KIND: &'static str = "thing";
    const VERSION: u32 = 2;
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    fn refs(&self) -> Vec<Ref> {
        self.uses.iter().map(|id| Ref { kind: "thing", id: id.clone() }).collect()
    }
}

fn thing(id: &str, name: Option<&str>) -> Thing {
    Thing { id: id.to_owned(), name: name.map(str::to_owned), uses: Vec::new(), count: 0 }
}

struct Sandbox(PathBuf);

impl Sandbox {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let path = PathBuf::from(format!("/var/tmp/stead-store-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
    fn root(&self) -> Root {
        Root::new(&self.0)
    }
    fn store(&self) -> Store {
        Store::open(&self.root()).unwrap()
    }
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.root().database()).unwrap()
    }
    /// Starts one of the ignored tests below as a process of its own, with this sandbox as its directory.
    fn child(&self, test: &str) -> Child {
        #[expect(clippy::disallowed_methods, reason = "the test runs itself as a second process")]
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--quiet"]).current_dir(&self.0).stdout(Stdio::null()).spawn().unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        stead_sys::tree::remove_tree(std::fs::File::open("/var/tmp").unwrap(), self.0.file_name().unwrap()).unwrap();
    }
}

fn put(store: &Store, thing: &Thing) -> Result<()> {
    store.publish(|tx| tx.put(thing))
}

#[test]
fn what_is_put_is_found_by_id_name_prefix_and_use() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    put(&store, &thing("aa1", Some("x"))).unwrap();
    put(&store, &Thing { uses: vec!["aa1".to_owned(), "ghost".to_owned()], ..thing("aa2", None) }).unwrap();
    let again = sandbox.store();
    again
        .read(|tx| -> Result<()> {
            assert_eq!(tx.get::<Thing>("aa1")?.unwrap().name.as_deref(), Some("x"));
            assert_eq!(tx.by_name::<Thing>("x")?.unwrap().id, "aa1");
            assert_eq!(tx.ids_by_prefix("thing", "aa", 9)?, ["aa1", "aa2"]);
            assert_eq!(tx.ids_by_prefix("thing", "%", 9)?, [""; 0]);
            assert_eq!(tx.referrers("thing", "aa1")?, [("thing".to_owned(), "aa2".to_owned())]);
            assert_eq!(tx.used("thing")?.len(), 2);
            assert_eq!(tx.list::<Thing>()?.len(), 2);
            Ok(())
        })
        .unwrap();
    assert!(again.publish(|tx| tx.delete::<Thing>("aa2")).unwrap());
    assert!(!again.publish(|tx| tx.delete::<Thing>("aa2")).unwrap());
    assert!(store.read(|tx| tx.referrers("thing", "aa1")).unwrap().is_empty());
}

#[test]
fn a_taken_name_is_a_conflict_and_a_failed_publish_leaves_nothing() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    put(&store, &thing("1", Some("n"))).unwrap();
    let error = store
        .publish(|tx| {
            tx.put(&thing("0", None))?;
            tx.put(&thing("2", Some("n")))
        })
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("already in use by 1"), "{error}");
    assert!(store.read(|tx| tx.get::<Thing>("0")).unwrap().is_none());
    put(&store, &Thing { count: 5, ..thing("1", Some("n")) }).unwrap();
    assert_eq!(store.read(|tx| tx.by_name::<Thing>("n")).unwrap().unwrap().count, 5);
}

#[test]
fn reads_nest_and_writes_in_a_read_do_not_last() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    put(&store, &thing("1", None)).unwrap();
    store
        .read(|outer| -> Result<()> {
            put(&store, &thing("2", None))?;
            assert_eq!(outer.list::<Thing>()?.len(), 2, "the picture is taken at the first look");
            put(&store, &thing("3", None))?;
            assert_eq!(outer.list::<Thing>()?.len(), 2, "and stays");
            Ok(())
        })
        .unwrap();
    assert_eq!(store.read(|tx| tx.list::<Thing>()).unwrap().len(), 3);
}

#[test]
fn one_bad_row_disables_one_thing() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    for id in ["a", "b", "c", "d"] {
        put(&store, &Thing { uses: vec!["dep".to_owned()], ..thing(id, Some(&format!("name-{id}"))) }).unwrap();
    }
    let raw = sandbox.raw();
    raw.execute("UPDATE records SET body='{\"id\":\"b\",\"name\":\"name-b\",\"uses\":[]}' WHERE id='b'", []).unwrap();
    raw.execute("UPDATE records SET version='zz', body=x'00ff' WHERE id='c'", []).unwrap();
    raw.execute("UPDATE records SET version=99 WHERE id='d'", []).unwrap();
    drop(raw);
    let list = store.read(|tx| tx.list::<Thing>()).unwrap();
    assert_eq!(list.iter().filter(|r| r.is_ok()).count(), 1);
    let bad: Vec<_> = list.iter().filter_map(|r| r.as_ref().err()).collect();
    assert_eq!(bad.iter().map(|b| b.id.as_str()).collect::<Vec<_>>(), ["b", "c", "d"]);
    assert!(matches!(store.read(|tx| tx.get::<Thing>("b")), Err(Error::Bad(_))));
    assert_eq!(store.read(|tx| tx.referrers("thing", "dep")).unwrap().len(), 4, "what a damaged record used stays in use");
    for id in ["b", "c", "d"] {
        assert!(store.publish(|tx| tx.delete::<Thing>(id)).unwrap());
    }
    put(&store, &thing("b", Some("name-b"))).unwrap();
}

#[test]
fn older_bodies_are_upgraded() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    put(&store, &thing("a", None)).unwrap();
    let body = r#"{"id":"a","name":null,"uses":[]}"#;
    let crc = checksum::crc32(&[b"thing", b"a", b"", &1u32.to_le_bytes(), body.as_bytes()]);
    sandbox.raw().execute("UPDATE records SET version=1, body=?1, crc=?2", rusqlite::params![body, crc]).unwrap();
    assert_eq!(store.read(|tx| tx.get::<Thing>("a")).unwrap().unwrap().count, 0);
}

#[test]
fn a_later_format_is_left_alone() {
    let sandbox = Sandbox::new();
    drop(sandbox.store());
    sandbox.raw().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&sandbox.root()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("format 99"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_put_aside_and_never_deleted() {
    let sandbox = Sandbox::new();
    put(&sandbox.store(), &thing("a", None)).unwrap();
    for garbage in [
        &b""[..],
        &[0u8; 8192][..],
        &b"not a database at all, just text that is long enough to fill a header of one hundred bytes............"[..],
    ] {
        sandbox.store();
        overwrite(&sandbox.root().database(), garbage);
        let error = Store::open(&sandbox.root()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("system check --repair"));
        let rebuilt = rebuild(&sandbox.root(), |tx| tx.reindex::<Thing>().map(drop)).unwrap().unwrap();
        assert_eq!(std::fs::read(&rebuilt.aside).unwrap(), garbage);
        assert_eq!(rebuilt.salvaged, Salvaged::default());
        assert!(sandbox.store().read(|tx| tx.list::<Thing>()).unwrap().is_empty(), "the old log was not replayed into the new file");
    }
    assert_eq!(rebuild(&Root::new("/nonexistent-root"), |_| Ok(())).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn what_a_torn_page_left_is_salvaged() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    for n in 0..300 {
        let uses = vec![format!("dep{n}")];
        put(&store, &Thing { uses, ..thing(&format!("t{n:03}"), Some(&format!("{n}{}", "x".repeat(1500)))) }).unwrap();
    }
    drop(store);
    // Everything into the file, then noise over pages in its middle.
    sandbox.raw().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let path = sandbox.root().database();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 3 * 4096].fill(0xa5);
    overwrite(&path, &bytes);
    assert!(sandbox.store().verify().is_err());
    let salvaged = rebuild(&sandbox.root(), |tx| tx.reindex::<Thing>().map(drop)).unwrap().unwrap().salvaged;
    assert!((200..300).contains(&salvaged.records), "{salvaged:?}");
    let store = sandbox.store();
    store.verify().unwrap();
    let list = store.read(|tx| tx.list::<Thing>()).unwrap();
    assert_eq!(u64::try_from(list.len()).unwrap(), salvaged.records);
    assert!(list.iter().all(Result::is_ok));
    assert_eq!(store.read(|tx| tx.referrers("thing", "dep0")).unwrap().len(), 1, "what a saved record uses is in use");
}

#[test]
fn an_interrupted_rebuild_goes_on_and_nobody_works_on_an_empty_database_meanwhile() {
    let sandbox = Sandbox::new();
    put(&sandbox.store(), &thing("a", None)).unwrap();
    let path = sandbox.root().database();
    let old = path.with_file_name("stead.db-rebuilding");
    // Killed after the damaged file went aside, before its log did.
    stead_sys::durable::rename(&path, &old).unwrap();
    assert!(matches!(Store::open(&sandbox.root()).unwrap_err(), Error::Damaged { .. }));
    assert!(!path.exists());
    let rebuilt = rebuild(&sandbox.root(), |tx| tx.reindex::<Thing>().map(drop)).unwrap().unwrap();
    assert_eq!(rebuilt.salvaged, Salvaged { records: 1, lost: 0 }, "with what was in the log");
    assert!(sandbox.store().read(|tx| tx.get::<Thing>("a")).unwrap().is_some());
    // Killed after the new one was published: only the name of the evidence is missing.
    stead_sys::durable::rename(&rebuilt.aside, &old).unwrap();
    assert!(sandbox.store().read(|tx| tx.get::<Thing>("a")).unwrap().is_some());
    assert!(finish_rebuild(&sandbox.root()).unwrap().unwrap().exists());
    assert_eq!(finish_rebuild(&sandbox.root()).unwrap(), None);
    assert!(!old.exists());
    assert!(sandbox.store().read(|tx| tx.get::<Thing>("a")).unwrap().is_some());
}

#[test]
fn a_root_proves_that_it_is_ours() {
    let sandbox = Sandbox::new();
    assert!(!is_ours(&sandbox.root()).unwrap());
    sandbox.store();
    assert!(is_ours(&sandbox.root()).unwrap());
    overwrite(&sandbox.root().marker(), b"{\"format\":9,\"uuid\":\"x\"}");
    assert_eq!(is_ours(&sandbox.root()).unwrap_err().kind(), Kind::Unsupported);
    overwrite(&sandbox.root().marker(), b"");
    assert!(is_ours(&sandbox.root()).is_err());
}

#[test]
fn a_log_without_its_database_is_put_aside() {
    let sandbox = Sandbox::new();
    put(&sandbox.store(), &thing("a", None)).unwrap();
    stead_sys::durable::remove_file(&sandbox.root().database()).unwrap();
    assert!(sandbox.store().read(|tx| tx.list::<Thing>()).unwrap().is_empty());
    sandbox.store().verify().unwrap();
    let logs =
        std::fs::read_dir(&sandbox.0).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains(".damaged-")).count();
    assert_eq!(logs, 1);
}

/// The sandbox of the parent, in a child process.
fn root_of_parent() -> Root {
    let dir = std::env::current_dir().unwrap();
    assert!(dir.starts_with("/var/tmp"), "only run by its parent");
    Root::new(dir)
}

fn overwrite(path: &Path, data: &[u8]) {
    use std::io::Write;
    std::fs::File::create(path).unwrap().write_all(data).unwrap();
}

#[test]
#[ignore = "a child of many_processes_lose_nothing"]
fn child_counter() {
    for _ in 0..25 {
        let store = Store::open(&root_of_parent()).unwrap();
        store
            .publish(|tx| {
                let mut all = tx.get::<Thing>("sum")?.unwrap_or_else(|| thing("sum", Some("sum")));
                all.count += 1;
                tx.put(&all)
            })
            .unwrap();
    }
}

#[test]
fn many_processes_lose_nothing() {
    let sandbox = Sandbox::new();
    // None of them finds a database: creation races too.
    let children: Vec<Child> = (0..8).map(|_| sandbox.child("tests::child_counter")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let sum = sandbox.store().read(|tx| tx.get::<Thing>("sum")).unwrap().unwrap();
    assert_eq!(sum.count, 200);
}

#[test]
#[ignore = "a child of a_killed_writer_leaves_whole_states"]
fn child_pairs() {
    let store = Store::open(&root_of_parent()).unwrap();
    for n in 0..100_000u32 {
        store
            .publish(|tx| {
                tx.put(&thing(&format!("left-{n}"), None))?;
                tx.put(&thing(&format!("right-{n}"), Some(&"x".repeat(5000 + usize::try_from(n % 7).unwrap()))))?;
                tx.delete::<Thing>(&format!("right-{n}"))?;
                tx.put(&thing(&format!("right-{n}"), None))
            })
            .unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_whole_states() {
    let sandbox = Sandbox::new();
    for round in 0..12u64 {
        let mut child = sandbox.child("tests::child_pairs");
        std::thread::sleep(Duration::from_millis(5 + round * 17));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let store = sandbox.store();
        store.verify().unwrap();
        let ids: Vec<String> = store.read(|tx| tx.list::<Thing>()).unwrap().into_iter().map(|r| r.unwrap().id).collect();
        let (left, right): (Vec<_>, Vec<_>) = ids.iter().partition(|id| id.starts_with("left"));
        assert_eq!(left.len(), right.len());
        for id in ids {
            store.publish(|tx| tx.delete::<Thing>(&id)).unwrap();
        }
    }
}

#[test]
fn opening_is_cheap_and_does_not_grow_with_the_log() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    for n in 0..400 {
        put(&store, &thing(&n.to_string(), None)).unwrap();
    }
    drop(store);
    let log = std::fs::metadata(sandbox.0.join("stead.db-wal")).unwrap().len();
    assert!(log < 2 << 20, "the log stays short: {log}");
    let best = (0..20)
        .map(|_| {
            let start = Instant::now();
            let store = sandbox.store();
            store.read(|tx| tx.get::<Thing>("7")).unwrap().unwrap();
            start.elapsed()
        })
        .min()
        .unwrap();
    // Not a benchmark: a factor of twenty above what it takes, to notice a checkpoint or a scan that crept in.
    assert!(best < Duration::from_millis(30), "{best:?}");
}

mod full_disk;

/// What is left of a thing that was removed.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Memory {
    id: String,
}

impl Record for Memory {
    const KIND: &'static str = "memory";
    const VERSION: u32 = 1;
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> Option<&str> {
        None
    }
}

#[test]
fn a_record_turns_into_a_memory_and_lets_go_of_what_it_used_even_if_it_is_damaged() {
    let sandbox = Sandbox::new();
    let store = sandbox.store();
    let mut user = thing("a", Some("n"));
    user.uses = vec!["b".to_owned()];
    store.publish(|tx| tx.put(&user)).unwrap();
    sandbox.raw().execute("UPDATE records SET crc=crc+1", []).unwrap();
    let memory = || Memory { id: "a".to_owned() };
    assert!(store.publish(|tx| tx.turn::<Thing, _>("a", &memory())).unwrap());
    store
        .read(|tx| {
            assert!(!tx.exists("thing", "a")?);
            assert!(tx.referrers("thing", "b")?.is_empty());
            assert!(tx.by_name::<Thing>("n")?.is_none());
            assert_eq!(tx.get::<Memory>("a")?, Some(memory()));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert!(!store.publish(|tx| tx.turn::<Thing, _>("a", &memory())).unwrap(), "there is none any more");
    assert_eq!(store.read(|tx| tx.list::<Memory>()).unwrap().len(), 1);
}
