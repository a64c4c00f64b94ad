//! Listeners and connections.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use stead_engine::Engine;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::answer::{Door, Takeover, answer};
use crate::hijack::{Hijacked, Peer};

/// How long a client may take for a request's head. Docker's five minutes, which idle connections share.
const HEAD_LIMIT: Duration = Duration::from_secs(300);
/// The longest head of a request.
const HEAD_MAX: usize = 64 << 10;
/// Threads for handlers; each follower of a log or waiter for an end holds one.
const THREADS_MAX: usize = 4096;
/// How long an idle thread is kept.
const THREAD_KEEP: Duration = Duration::from_secs(2);

/// Where clients come in.
#[derive(Debug)]
pub enum Listener {
    /// A unix socket, listening.
    Unix(std::os::unix::net::UnixListener),
}

/// Serves until the process is told to end.
///
/// # Errors
/// No listener can be used.
pub fn serve(engine: &Arc<Engine>, listeners: Vec<Listener>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .thread_keep_alive(THREAD_KEEP)
        .thread_stack_size(512 << 10)
        .build()?;
    runtime.block_on(async {
        let mut accepting = tokio::task::JoinSet::new();
        for listener in listeners {
            let Listener::Unix(listener) = listener;
            listener.set_nonblocking(true)?;
            accepting.spawn(accept(Arc::clone(engine), UnixListener::from_std(listener)?));
        }
        while accepting.join_next().await.is_some() {}
        Ok(())
    })
}

async fn accept(engine: Arc<Engine>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&engine), stream))),
            // Out of descriptors or memory: somebody will close something.
            Err(_error) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// One connection to its end.
async fn connection(engine: Arc<Engine>, stream: UnixStream) {
    let Ok(descriptor) = stream.as_fd().try_clone_to_owned() else { return };
    let (takeovers, mut taken) = mpsc::unbounded_channel();
    let door = Door { engine, peer: Peer(Arc::new(descriptor)), takeovers };
    let service = service_fn(move |request| {
        let answer = answer(door.clone(), request);
        Box::pin(async move { Ok::<_, std::convert::Infallible>(answer.await) }) as Pin<Box<dyn Future<Output = _> + Send>>
    });
    let mut http = http1::Builder::new()
        .half_close(true)
        .max_buf_size(HEAD_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let takeover = std::future::poll_fn(|cx| {
        if let Poll::Ready(Some(takeover)) = taken.poll_recv(cx) {
            return Poll::Ready(Some(takeover));
        }
        http.poll_without_shutdown(cx).map(|_ended| None)
    })
    .await;
    if let Some(takeover) = takeover {
        let Parts { io, read_buf, .. } = http.into_parts();
        hand_over(io.into_inner(), read_buf.to_vec(), takeover);
    }
}

/// The connection becomes a blocking one with a thread of its own.
fn hand_over(stream: UnixStream, early: Vec<u8>, takeover: Takeover) {
    let Ok(mut stream) = stream.into_std() else { return };
    drop(tokio::task::spawn_blocking(move || {
        if stream.set_nonblocking(false).is_ok() && stream.write_all(&takeover.head).is_ok() {
            (takeover.take)(Hijacked { stream, early });
        }
    }));
}
