//! Real databases that are written to while snapshots of their volumes are taken: each snapshot is made a volume of, the database is started on it,
//! and its own check passes. A sample runs always; two hundred of them with
//! `STEAD_TEST_ALL=1 cargo test -p stead-cli --test e2e snapshots_databases -- --nocapture`.
use crate::scene::STEAD;
use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use stead_testkit::{Command, Disk, Fs, Sandbox, skip};

const ALL: [Fs; 3] = [Fs::Btrfs, Fs::Xfs, Fs::Ext4];

fn sandbox(fs: Fs, image: &str) -> Option<(Disk, Sandbox)> {
    if std::env::var_os("STEAD_TEST_ENGINE").is_some() {
        skip("the peer has no snapshots");
        return None;
    }
    let disk = Disk::new(fs, 1500);
    let s = Sandbox::on(STEAD, disk.path()).with(&[image]);
    Some((disk, s))
}

/// Writes numbers one after the other, and counts those whose receipt was acknowledged.
fn keep_writing(
    command: &Command,
    line: impl Fn(u64) -> String,
    wanted: impl Fn(u64) -> String,
    acknowledged: &AtomicU64,
    over: &AtomicBool,
) {
    let mut child = command.spawn();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 1.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        writeln!(input, "{}", line(n)).unwrap();
        let answer = output.next().expect("it answers").unwrap();
        assert_eq!(answer.trim(), wanted(n));
        acknowledged.store(n, Ordering::SeqCst);
    }
    drop(input);
    child.wait().unwrap();
}

/// Ends the writer also when the test fails, or its thread would be waited for for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn said(s: &Sandbox, name: &str) -> String {
    let logs = s.x(&format!("logs {name}"));
    format!("{}{}", String::from_utf8_lossy(&logs.stdout), logs.stderr)
}

/// An odd moment each time.
fn wait_a_little(round: usize) {
    std::thread::sleep(Duration::from_millis(u64::try_from(round * 37 % 120).unwrap()));
}

fn pause(said: &str) -> f64 {
    let text = said.split("paused ").nth(1).and_then(|rest| rest.split(' ').next());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no pause in {said:?}"))
}

fn report(what: &str, fs: Fs, mut pauses: Vec<f64>) {
    pauses.sort_by(f64::total_cmp);
    let (middle, longest) = (pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
    writeln!(
        std::io::stderr(),
        "{what} on {}: {} snapshots, paused {middle:.1} ms (median), {longest:.1} ms (longest)",
        fs.name(),
        pauses.len()
    )
    .ok();
}

fn redis(fs: Fs, snapshots: usize, fsync: &str) {
    let Some((_disk, s)) = sandbox(fs, "redis") else { return };
    let server = format!("redis redis-server --appendonly yes --appendfsync {fsync} --save ''");
    s.ok(&format!("run -d --name db --network none -v data:/data {server}"));
    s.eventually("redis answers", || s.x("exec db redis-cli ping").text() == "PONG");
    let (acknowledged, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _over = Over(&over);
        let client = s.cli().args(["exec", "-i", "db", "redis-cli"]).limit(Duration::from_secs(3600));
        scope.spawn(|| {
            let client = client;
            keep_writing(&client, |n| format!("set k:{n} {n}"), |_| "OK".to_owned(), &acknowledged, &over);
        });
        s.eventually("it writes", || acknowledged.load(Ordering::SeqCst) > 100);
        let (mut newest, mut pauses) = (0, Vec::new());
        for round in 0..snapshots {
            wait_a_little(round);
            let before = acknowledged.load(Ordering::SeqCst);
            let taken = s.x(&format!("volume snapshot create data s{round}")).ok();
            pauses.push(pause(&taken.stderr));
            let after = acknowledged.load(Ordering::SeqCst);
            s.ok(&format!("volume clone data@s{round} copy"));
            let check = s.x("run --rm --network none -v copy:/data redis redis-check-aof /data/appendonlydir/appendonly.aof.manifest");
            assert!(check.code == 0 && check.text().contains("valid"), "{check}");
            s.ok(&format!("run -d --name copy --network none -v copy:/data {server}"));
            s.eventually("the copy answers", || s.x("exec copy redis-cli ping").text() == "PONG");
            let size: u64 = s.ok("exec copy redis-cli dbsize").parse().unwrap();
            let there = "for n = 1, tonumber(ARGV[1]) do if redis.call('get', 'k:' .. n) ~= tostring(n) then return n end end return 0";
            let missing = s.cli().args(["exec", "copy", "redis-cli", "eval", there, "0", &size.to_string()]).run().ok().text();
            assert_eq!(missing, "0", "one before the last of {size} is missing");
            // The server may keep what it has acknowledged to itself for a moment while a flush is under way, but not with `always`.
            assert!(fsync != "always" || size >= before, "{before} were acknowledged before the snapshot, {size} are there");
            assert!(size >= newest && size <= after + 1, "{newest} {before} {size} {after}");
            newest = size;
            s.ok("rm -f copy");
            s.ok("volume rm --now copy");
            s.ok(&format!("volume snapshot rm data@s{round}"));
        }
        assert!(newest > 100 && acknowledged.load(Ordering::SeqCst) > newest, "it went on writing");
        report(&format!("redis, appendfsync {fsync},"), fs, pauses);
    });
    s.ok("rm -f db");
}

fn postgres(fs: Fs, snapshots: usize) {
    let Some((_disk, s)) = sandbox(fs, "postgres") else { return };
    let data = "/var/lib/postgresql/data";
    let checks = "POSTGRES_INITDB_ARGS=--data-checksums";
    s.ok(&format!("run -d --name db --network none -e POSTGRES_HOST_AUTH_METHOD=trust -e {checks} -v data:{data} postgres"));
    let sql = |name: &str, text: &str| s.cli().args(["exec", name, "psql", "-U", "postgres", "-qAtX", "-c", text]).run();
    let ready = |name: &str| said(&s, name).contains("ready to accept connections") && sql(name, "select 1").text() == "1";
    s.eventually("postgres answers", || said(&s, "db").contains("init process complete") && ready("db"));
    sql("db", "create table acknowledged (n bigint primary key)").ok();
    s.ok("exec db pgbench -U postgres -q -i -s 1 postgres");
    s.ok("exec -d db pgbench -U postgres -n -c 2 -T 3000 postgres");
    let (acknowledged, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _over = Over(&over);
        let client = s.cli().args(["exec", "-i", "db", "psql", "-U", "postgres", "-qAtX"]).limit(Duration::from_secs(3600));
        scope.spawn(|| {
            let client = client;
            let line = |n| format!("insert into acknowledged values ({n}) returning n;");
            keep_writing(&client, line, |n| n.to_string(), &acknowledged, &over);
        });
        s.eventually("it writes", || acknowledged.load(Ordering::SeqCst) > 20);
        let (mut newest, mut pauses) = (0, Vec::new());
        for round in 0..snapshots {
            wait_a_little(round);
            let before = acknowledged.load(Ordering::SeqCst);
            let taken = s.x(&format!("volume snapshot create data s{round}")).ok();
            pauses.push(pause(&taken.stderr));
            let after = acknowledged.load(Ordering::SeqCst);
            s.ok(&format!("volume clone data@s{round} copy"));
            s.ok(&format!("run -d --name copy --network none -v copy:{data} postgres"));
            s.eventually("the copy has recovered", || ready("copy"));
            let found = sql("copy", "select max(n), count(*) from acknowledged").ok().text();
            let (size, rows) = found.split_once('|').unwrap();
            assert_eq!(size, rows, "some before the last are missing");
            let size: u64 = size.parse().unwrap();
            assert!(size >= before && size <= after + 1 && size >= newest, "{newest} {before} {size} {after}");
            newest = size;
            // What pgbench keeps equal in every transaction is equal.
            let sums = "select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches)
                and (select sum(abalance) from pgbench_accounts) = (select coalesce(sum(delta), 0) from pgbench_history)
                and (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers)";
            assert_eq!(sql("copy", sums).ok().text(), "t");
            // The database's own check of every page, which wants it shut down.
            s.ok("stop -t 60 copy");
            s.ok(&format!("run --rm --network none -u postgres -v copy:{data} --entrypoint pg_checksums postgres --check -D {data}"));
            s.ok("rm -f copy");
            s.ok("volume rm --now copy");
            s.ok(&format!("volume snapshot rm data@s{round}"));
        }
        report("postgres, pgbench,", fs, pauses);
    });
    s.ok("rm -f db");
}

/// How many snapshots a place takes.
fn so_many(sample: usize, all: usize) -> usize {
    if std::env::var_os("STEAD_TEST_ALL").is_some() { all } else { sample }
}

#[test]
fn redis_has_what_it_acknowledged() {
    for (fs, fsync) in ALL.into_iter().zip(["everysec", "always", "always"]) {
        redis(fs, so_many(4, 34), fsync);
    }
}

#[test]
fn postgres_has_what_it_acknowledged() {
    for fs in ALL {
        postgres(fs, so_many(4, 33));
    }
}
