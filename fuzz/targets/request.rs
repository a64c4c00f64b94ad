//! Whole requests: any bytes come in on a connection of the real server, with an empty engine behind it. Every route, every body, every query
//! and header is reached this way. The server must answer or hang up, and must end when the client has left.

use std::os::unix::net::UnixStream as Blocking;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use stead_engine::{Engine, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::parsers::scratch;

/// A client that hears nothing for so long leaves.
const PATIENCE: Duration = Duration::from_millis(60);
/// A server that has not ended so long after that hangs.
const HANGS: Duration = Duration::from_secs(20);

struct Bench {
    runtime: Runtime,
    engine: Arc<Engine>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let dir = scratch("engine");
        let options = Options { root: dir.join("root"), run_root: dir.join("run"), ..Options::default() };
        let engine = Arc::new(Engine::open(options).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(64).build().unwrap();
        Bench { runtime, engine }
    })
}

/// One connection, from its first byte to its end.
pub(crate) fn request(data: &[u8]) {
    drop(answer(data));
}

/// The same; what the client hears.
pub(crate) fn answer(data: &[u8]) -> Vec<u8> {
    let bench = bench();
    bench.runtime.block_on(async {
        let (server, client) = Blocking::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let client = UnixStream::from_std(client).unwrap();
        let engine = Arc::clone(&bench.engine);
        let served = tokio::spawn(async move { stead_api::attend::attend(&engine, server).await });
        let (mut from, mut to) = client.into_split();
        let bytes = data.to_vec();
        let sent = tokio::spawn(async move {
            // The server may hang up at any byte.
            drop(to.write_all(&bytes).await);
            drop(to.shutdown().await);
            to
        });
        let (mut buffer, mut heard) = ([0; 16 << 10], Vec::new());
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(PATIENCE, from.read(&mut buffer)).await {
            heard.extend_from_slice(&buffer[..n.min(1 << 10)]);
        }
        drop(from);
        sent.abort();
        drop(sent.await);
        let ended = tokio::time::timeout(HANGS, served).await;
        assert!(ended.expect("the server did not end after its client had left").is_ok(), "the server panicked");
        heard
    })
}
